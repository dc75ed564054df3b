"""An activity's sign-in sheet (签到表): rows of a sheet into times of service, entered afterwards.

What comes out is backfilled evidence: it counts for honour, not for points.
"""

import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from services.registry.importing.cells import Cell, CellProblem, narrow, text_of, tidy, without_spaces
from services.registry.importing.clock_times import MINUTES_A_DAY, ClockReading, read_clock, read_clocks, read_minutes
from services.registry.importing.dates import read_date
from services.registry.importing.identity import read_identity_keys, read_kind
from services.registry.importing.layouts import SIGN_IN_LAYOUT
from services.registry.importing.reading import RowReading
from services.registry.importing.reasons import RowProblem
from services.registry.importing.roster import read_name
from services.registry.importing.sheet import Sheet, SheetRow, read_sheet

LOCAL_ZONE = ZoneInfo("Asia/Shanghai")
FAR_FROM_PLAN = timedelta(hours=6)
"""A sign-in this long before the plan, or a sign-out this long after it, is a slip of the pen."""

_NUMBER = re.compile(r"[0-9A-Za-z][0-9A-Za-z-]{2,39}")


@dataclass(frozen=True, slots=True)
class PlannedTime:
    """When the activity was planned: what clock times without a day refer to. Both moments are aware."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start.tzinfo is None or self.end.tzinfo is None or self.end <= self.start:
            raise ValueError("a planned time needs aware moments, the end after the start")

    @property
    def first_day(self) -> date:
        """Local day of the start."""
        return self.start.astimezone(LOCAL_ZONE).date()

    @property
    def one_day(self) -> bool:
        """Whether a clock time alone says which moment is meant."""
        return self.end - self.start <= timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class SignInRow:
    """One person's service as the sheet states it. At least one of the two numbers is there."""

    row_number: int
    name: str | None = field(repr=False)
    identities: tuple[str, ...] = field(repr=False)
    """Keys under which a person with this number may be registered; none where the row has no number."""
    volunteer_number: str | None
    started_at: datetime
    """Aware, in UTC. The planned start where the sheet only tells how long."""
    minutes: int
    """1 to 1440."""


@dataclass(frozen=True, slots=True)
class SignInSheet:
    """What came out of a sign-in sheet."""

    rows: tuple[SignInRow, ...]
    problems: tuple[RowProblem, ...]
    skipped_rows: tuple[int, ...]
    """Rows that name nobody: empty lines of the form, signatures, totals."""

    @property
    def bad_rows(self) -> tuple[int, ...]:
        """Numbers of the rows that were not taken."""
        return tuple(sorted({problem.row_number for problem in self.problems}))


def read_sign_in_sheet(content: bytes, planned: PlannedTime, today: date) -> tuple[Sheet, SignInSheet]:
    """The sign-in sheet in a file, with the sheet it was read from. Raises SheetRefused for a whole file."""
    sheet = read_sheet(content, SIGN_IN_LAYOUT)
    return sheet, parse_sign_in_sheet(sheet, planned, today)


def parse_sign_in_sheet(sheet: Sheet, planned: PlannedTime, today: date) -> SignInSheet:
    """Every row: as service, as problems, or skipped. Never raises for what stands in a cell."""
    rows: list[SignInRow] = []
    problems: list[RowProblem] = []
    skipped: list[int] = []
    first_by_person: dict[str | tuple[str, ...], SignInRow] = {}
    unit = _unit_of_header(sheet)
    for row in sheet.rows:
        if _names_nobody(sheet, row):
            skipped.append(row.number)
            continue
        reading = RowReading(sheet, row, SIGN_IN_LAYOUT)
        service = _read_service(reading, planned, unit, today)
        if service is not None:
            keys = [key for key in (service.identities, service.volunteer_number) if key]
            first = next((first_by_person[key] for key in keys if key in first_by_person), None)
            if first is None:
                first_by_person.update(dict.fromkeys(keys, service))
                rows.append(service)
            else:
                field_name = "id_number" if service.identities else "volunteer_number"
                reading.refuse(field_name, CellProblem("signed_twice", row=first.row_number))
        problems.extend(reading.problems)
    return SignInSheet(tuple(rows), tuple(problems), tuple(skipped))


def _read_service(reading: RowReading, planned: PlannedTime, unit: str | None, today: date) -> SignInRow | None:
    sheet, row = reading.sheet, reading.row
    name = reading.read("name", read_name) if sheet.values(row, "name") else None
    identities: tuple[str, ...] = ()
    volunteer_number = None
    if sheet.values(row, "id_number"):
        kind = reading.read("id_kind", read_kind)
        identities = reading.read("id_number", lambda cell: read_identity_keys(cell, today, kind)) or ()
    if sheet.values(row, "volunteer_number"):
        volunteer_number = reading.read("volunteer_number", read_volunteer_number)
    if not reading.problems and not identities and volunteer_number is None:
        reading.refuse(_identifying_field(sheet), CellProblem("person_unnamed"))
    served = _read_served(reading, planned, unit)
    if reading.problems or served is None:
        return None
    return SignInRow(row.number, name, identities, volunteer_number, *served)


def read_volunteer_number(cell: Cell) -> str:
    """A volunteer number in capitals. Raises CellProblem ``volunteer_number_invalid``."""
    text = without_spaces(cell).upper()
    # Numbers of more than 15 digits do not survive a numeric cell.
    if not _NUMBER.fullmatch(text) or (isinstance(cell, float) and abs(cell) >= 1e15):
        raise CellProblem("volunteer_number_invalid")
    return text


def _read_served(reading: RowReading, planned: PlannedTime, unit: str | None) -> tuple[datetime, int] | None:
    """Start in UTC and minutes. Where times and a duration are given, the duration is what was confirmed."""
    sheet, row = reading.sheet, reading.row
    signed = any(sheet.values(row, name) for name in ("sign_in", "sign_out"))
    # 服务时间 is a length to some people, and 14:00-16:00 to others.
    told = [(cell, read_clocks(cell)) for cell in sheet.values(row, "duration")]
    lengths = [cell for cell, clocks in told if clocks is None]
    both = None if signed else next((clocks for _, clocks in told if clocks is not None), None)
    minutes = reading.read("duration", lambda _: read_minutes(lengths[0], unit)) if lengths else None
    if lengths and not signed and both is None:
        day = reading.read("day", read_date) if sheet.values(row, "day") else None
        start = _start_on(day, planned)
        if day is not None and not _near(start, planned):
            reading.refuse("day", CellProblem("time_far_from_plan"))
        return None if reading.problems or minutes is None else (start, minutes)
    if both is None:
        span = _read_span(reading, planned, *_read_signatures(reading), ("sign_in", "sign_out"))
    else:
        span = _read_span(reading, planned, *both, ("duration", "duration"))
    if reading.problems or span is None:
        return None
    started, ended = span
    between = int((ended - started).total_seconds() // 60)
    if minutes is not None and minutes > between:
        reading.refuse("duration", CellProblem("duration_exceeds_times"))
        return None
    return started, minutes or between


def _read_signatures(reading: RowReading) -> tuple[ClockReading | None, ClockReading | None]:
    given = [bool(reading.sheet.values(reading.row, name)) for name in ("sign_in", "sign_out")]
    for name, there in zip(("sign_in", "sign_out"), given, strict=True):
        if not there:
            reading.refuse(name, CellProblem(f"{name}_missing"))
    arrival = reading.read("sign_in", read_clock) if given[0] else None
    departure = reading.read("sign_out", read_clock) if given[1] else None
    return arrival, departure


def _read_span(
    reading: RowReading,
    planned: PlannedTime,
    arrival: ClockReading | None,
    departure: ClockReading | None,
    fields: tuple[str, str],
) -> tuple[datetime, datetime] | None:
    day = reading.read("day", read_date) if reading.sheet.values(reading.row, "day") else None
    if reading.problems or arrival is None or departure is None:
        return None
    came, left = fields
    arrival_day = arrival.day or day
    if arrival_day is None and not planned.one_day:
        reading.refuse(came, CellProblem("date_missing"))
        return None
    started = _moment(arrival, arrival_day) if arrival_day else _closest_to_start(arrival, planned)
    ended = _departure_after(departure, started, planned)
    if not _near(started, planned):
        reading.refuse(came, CellProblem("time_far_from_plan"))
    elif ended <= started or (departure.day is None and ended > planned.end + FAR_FROM_PLAN):
        # Past midnight is fine when the activity is near it; a morning's sign-out before its sign-in is not.
        reading.refuse(left, CellProblem("sign_out_before_sign_in"))
    elif not _near(ended, planned):
        reading.refuse(left, CellProblem("time_far_from_plan"))
    elif ended - started > timedelta(minutes=MINUTES_A_DAY):
        reading.refuse(left, CellProblem("over_a_day"))
    return None if reading.problems else (started, ended)


def _departure_after(departure: ClockReading, started: datetime, planned: PlannedTime) -> datetime:
    """The sign-out on its own day, or the first one after the sign-in, which may be past midnight."""
    if departure.day is not None:
        return _moment(departure, departure.day)
    day = started.astimezone(LOCAL_ZONE).date()
    if departure.minutes > MINUTES_A_DAY and planned.one_day and day > planned.first_day:
        # Whoever came past midnight, too, counts from the evening before: 24:10 to 25:40, 0:10 to 次日1:40.
        day -= timedelta(days=1)
    ended = _moment(departure, day)
    return ended if ended >= started else ended + timedelta(days=1)


def _moment(reading: ClockReading, day: date) -> datetime:
    midnight = datetime(day.year, day.month, day.day, tzinfo=LOCAL_ZONE)
    return (midnight + timedelta(minutes=reading.minutes)).astimezone(UTC)


def _closest_to_start(arrival: ClockReading, planned: PlannedTime) -> datetime:
    """The moment of that clock time nearest to the planned start: 00:30 belongs to the night after 22:00."""
    candidates = [_moment(arrival, planned.first_day + timedelta(days=shift)) for shift in (-1, 0, 1)]
    return min(candidates, key=lambda moment: abs(moment - planned.start))


def _start_on(day: date | None, planned: PlannedTime) -> datetime:
    start = planned.start.astimezone(LOCAL_ZONE)
    if day is None:
        return start.astimezone(UTC)
    return start.replace(year=day.year, month=day.month, day=day.day).astimezone(UTC)


def _near(moment: datetime, planned: PlannedTime) -> bool:
    return planned.start - FAR_FROM_PLAN <= moment <= planned.end + FAR_FROM_PLAN


def _identifying_field(sheet: Sheet) -> str:
    return "id_number" if "id_number" in sheet.header.positions else "volunteer_number"


def _unit_of_header(sheet: Sheet) -> str | None:
    """Unit in the duration's header, as in 服务时长(分钟) or 小时数."""
    for place in sheet.header.positions.get("duration", ()):
        title = narrow(sheet.header.titles[place]).lower()
        if "分" in title or "min" in title:
            return "minutes"
        if "小时" in title or "hour" in title or "工时" in title:
            return "hours"
    return None


def _names_nobody(sheet: Sheet, row: SheetRow) -> bool:
    who = [name for name in ("id_number", "volunteer_number") if sheet.values(row, name)]
    if who:
        return False
    name = tidy(sheet.value(row, "name"))
    times = [field_name for field_name in ("sign_in", "sign_out", "duration") if sheet.values(row, field_name)]
    # A name with times and no number is somebody's service that would be lost; less is part of the form.
    return not name or not times or text_of(name).startswith(("合计", "总计", "小计", "共计", "备注", "注:", "说明"))
