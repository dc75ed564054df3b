"""Takes an activity's sign-in sheet over, as backfilled evidence; what cannot be taken is reported by row."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from services.registry.activities import attendance
from services.registry.activities.engagements import AlreadyServing, serving_elsewhere
from services.registry.activities.model import Activity, Backfilled, check_entry
from services.registry.activities.planning import Dating
from services.registry.activities.refusals import AlreadyAttended
from services.registry.importing.reasons import RowProblem
from services.registry.importing.signin import SignInRow, SignInSheet
from services.registry.imports.results import row_refusal
from services.registry.volunteers import people
from services.registry.volunteers.standing import Found, VolunteerUnknown, by_number, look_up
from shared.contracts import Evidence, Refusal
from shared.unit_of_work import UnitOfWork
from shared.web.problems import Texts


class IdentityUnknown(Refusal):
    """Nobody is registered with the document of the row."""

    code = "identity_unknown"
    status = 422


class KindNotNamed(Refusal):
    """Documents of several kinds have this number, and the row does not say which it is."""

    code = "document_kind_not_named"
    status = 422


class NumbersOfTwoPeople(Refusal):
    """The ID number and the volunteer number of the row belong to different people."""

    code = "numbers_of_two_people"
    status = 422


class NameDiffers(Refusal):
    """The number of the row belongs to somebody of another name."""

    code = "name_differs"
    status = 422


@dataclass(slots=True)
class Taken:
    """What the import did."""

    recorded: int = 0
    already_recorded: int = 0
    problems: list[RowProblem] = field(default_factory=list)

    def counts(self, sheet: SignInSheet) -> dict[str, int]:
        """For the result."""
        return {
            "rows": len(sheet.rows) + len(sheet.bad_rows) + len(sheet.skipped_rows),
            "skipped": len(sheet.skipped_rows),
            "recorded": self.recorded,
            "already_recorded": self.already_recorded,
        }


async def take(
    work: UnitOfWork, activity_id: UUID, activity: Activity, sheet: SignInSheet, dating: Dating, texts: Texts
) -> Taken:
    """Record who is known and not recorded yet. A scanned attendance outranks what the sheet says."""
    taken = Taken(problems=list(sheet.problems))
    entries: dict[UUID, tuple[SignInRow, Backfilled]] = {}
    numbers: dict[UUID, str] = {}
    for row, found in (await _people(work, sheet, taken, texts)).items():
        entry = Backfilled(found.id, row.started_at, row.minutes)
        try:
            with by_number({found.id: found}):
                if found.id in entries:
                    raise AlreadyAttended(volunteer_id=found.id)
                if _recorded(activity, entry):
                    taken.already_recorded += 1
                    continue
                found.require_good()
                check_entry(activity, entry, dating)
        except Refusal as refusal:
            taken.problems.append(row_refusal(texts, row.row_number, "", "", refusal))
            continue
        entries[found.id] = (row, entry)
        numbers[found.id] = found.number
    spans = {who: (e.started_at, e.started_at + timedelta(minutes=e.minutes)) for who, (_, e) in entries.items()}
    for who in await serving_elsewhere(work.connection, activity_id, spans) if spans else ():
        row, _ = entries.pop(who)
        elsewhere = AlreadyServing(volunteer_id=numbers[who])
        taken.problems.append(row_refusal(texts, row.row_number, "", "", elsewhere))
    if entries:
        await attendance.record(work, activity_id, [entry for _, entry in entries.values()], dating)
    taken.recorded = len(entries)
    return taken


def _recorded(activity: Activity, entry: Backfilled) -> bool:
    """Whether the activity has this attendance already, from the same sheet or with better evidence."""
    before = activity.attended.get(entry.volunteer_id)
    if before is None:
        return False
    same = (before.started_at, before.minutes) == (entry.started_at, entry.minutes)
    return before.evidence is Evidence.SCANNED or same


async def _people(work: UnitOfWork, sheet: SignInSheet, taken: Taken, texts: Texts) -> dict[SignInRow, Found]:
    """Who the rows are about, by ID number or volunteer number; rows about nobody known become problems."""
    by_identity = await people.registered_identities(
        work.connection, work.vault, [key for row in sheet.rows for key in row.identities]
    )
    references: list[UUID | str] = [row.volunteer_number for row in sheet.rows if row.volunteer_number]
    references += [registered.volunteer_id for registered in by_identity.values()]
    found = await look_up(work.connection, references)
    named = [volunteer.id for volunteer in found.values()]
    names = await work.vault.get_many(work.connection, named, ["name"]) if named else {}
    known: dict[SignInRow, Found] = {}
    for row in sheet.rows:
        try:
            known[row] = _person(row, by_identity, found, names)
        except Refusal as refusal:
            taken.problems.append(row_refusal(texts, row.row_number, *_place(row), refusal))
    return known


def _place(row: SignInRow) -> tuple[str, str]:
    return ("身份证号", "id_number") if row.identities else ("志愿者编号", "volunteer_number")


def _person(
    row: SignInRow,
    by_identity: Mapping[str, people.Registered],
    found: Mapping[UUID | str, Found],
    names: Mapping[UUID, Mapping[str, str]],
) -> Found:
    holders = {by_identity[key].volunteer_id for key in row.identities if key in by_identity}
    if row.identities and not holders:
        raise IdentityUnknown
    if len(holders) > 1:
        raise KindNotNamed
    numbered = found.get(row.volunteer_number) if row.volunteer_number else None
    if row.volunteer_number and numbered is None:
        raise VolunteerUnknown(volunteer=row.volunteer_number)
    person = found[holders.pop()] if holders else numbered
    assert person is not None, "a row has at least one of the two numbers"
    if numbered is not None and numbered.id != person.id:
        raise NumbersOfTwoPeople
    name = names.get(person.id, {}).get("name")
    if row.name is not None and name is not None and row.name != name:
        raise NameDiffers
    return person
