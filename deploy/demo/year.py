"""What happens in the community in a year: planned at random from a seed, so that every run tells the same story.

Sizes follow the mission document: 25 teams at work, three patrol crews, over 200 disputes, a dozen clinics and
training classes, and the love market's goods.
"""

import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any

from shared.clock import SHANGHAI

DAYS = 365
_DAYS_PER_CORRECTED_SHIFT = 40
_MONTHS_OF_SAVING = 2
"""Before anybody has enough points for anything."""
PATROL_KINDS = {
    "patrol_joint_defence": "joint_defence",
    "patrol_volunteers": "volunteer",
    "patrol_officers": "cadre",
}
CELLS = tuple(f"QL{number:03d}" for number in range(1, 194))
"""193 cells of about 10,000 m²: the community's 1.93 km²."""
NEGLECTED = frozenset(CELLS[-6:])
"""Cells that no beat covers: the blind spots that the report must find."""

_DEEDS: Mapping[str, tuple[str, str]] = {
    "women": ("巾帼爱心帮扶", "care"),
    "culture": ("文化体育活动", "culture"),
    "environment": ("清洁家园", "environment"),
    "health": ("社区义诊", "professional"),
    "elders": ("五老讲传统", "children"),
    "children": ("四点半课堂", "children"),
    "civility": ("交通文明劝导", "general"),
    "employment": ("就业技能培训", "training"),
    "handicraft": ("丝网花串珠课", "training"),
    "pairing": ("孤寡老人结对帮扶", "care"),
    "love_market": ("爱心超市值守", "general"),
    "festivals": ("我们的节日", "campaign"),
    "publicity": ("德润祁连宣传", "campaign"),
    "relief": ("扶贫解困献爱心", "care"),
    "housekeeping": ("便民家政", "general"),
    "party": ("在职党员奉献日", "general"),
    "mediation": ("邻里和谐宣讲", "meeting"),
}
_STARTS = (time(9), time(9, 30), time(14), time(14, 30), time(16), time(19))
ITEMS = (("大米 5 kg", 120, 60), ("食用油 1.8 L", 90, 60), ("洗衣液", 40, 120), ("毛巾", 15, 300), ("笔记本", 8, 400))
"""Name, price in points, pieces received."""


@dataclass(frozen=True, slots=True)
class Outing:
    """One volunteer's part in an activity."""

    volunteer: str
    arrives: datetime
    leaves: datetime | None
    backfilled_minutes: int | None = None


@dataclass(frozen=True, slots=True)
class ActivityPlan:
    """An activity of a team."""

    team_id: str
    title: str
    category: str
    starts: datetime
    ends: datetime
    outings: tuple[Outing, ...]
    by_sheet: bool
    """Its attendance comes as a sign-in sheet."""
    corrected: str | None
    """A volunteer whose record is corrected afterwards."""


@dataclass(frozen=True, slots=True)
class ShiftPlan:
    """A patrol shift."""

    crew: str
    starts: datetime
    ends: datetime
    members: tuple[str, ...]
    cells: tuple[str, ...]
    scanned: tuple[tuple[str, str, datetime], ...]
    """Cell, member, moment."""
    finding: Mapping[str, Any] | None
    corrected: str | None
    """A member who went home half-way, as turns out when the shift is logged."""


@dataclass(frozen=True, slots=True)
class DisputePlan:
    """A dispute that people bring themselves."""

    filed: datetime
    kind: str
    risk: str
    mediators: tuple[str, ...]
    sessions: tuple[tuple[datetime, int], ...]
    ending: str


@dataclass(slots=True)
class Month:
    """All that happens in one calendar month."""

    first: date
    activities: list[ActivityPlan] = field(default_factory=list)
    shifts: list[ShiftPlan] = field(default_factory=list)
    disputes: list[DisputePlan] = field(default_factory=list)
    redemptions: int = 0

    @property
    def last(self) -> date:
        """The last day of the month on which anything was done."""
        moments = [a.ends for a in self.activities] + [s.starts for s in self.shifts] + [d.filed for d in self.disputes]
        return max(moments).date()

    @property
    def size(self) -> int:
        """Steps, for the progress bar."""
        return len(self.activities) + len(self.shifts) + len(self.disputes) + self.redemptions


@dataclass(frozen=True, slots=True)
class Team:
    """A team as the registry knows it, with its members' ids."""

    id: str
    name: str
    kind: str
    members: tuple[str, ...]


def plan_year(teams: Sequence[Team], last_day: date, seed: int = 2015) -> list[Month]:
    """The year that ends on `last_day`, month by month."""
    return _Planner(teams, random.Random(seed)).year(last_day)


class _Planner:
    def __init__(self, teams: Sequence[Team], chance: random.Random) -> None:
        self._teams = [team for team in teams if team.members]
        self._crews = {PATROL_KINDS[team.kind]: team for team in self._teams if team.kind in PATROL_KINDS}
        self._mediators = next(team.members for team in self._teams if team.kind == "mediation")[:18]
        self._chance = chance
        # Nobody is at two places at once: on a day, everyone does one thing at most.
        self._taken: dict[date, set[str]] = defaultdict(set)

    def year(self, last_day: date) -> list[Month]:
        first_day = last_day - timedelta(days=DAYS - 1)
        months: dict[date, Month] = {}
        for offset in range(DAYS):
            day = first_day + timedelta(days=offset)
            month = months.setdefault(day.replace(day=1), Month(day.replace(day=1)))
            month.shifts += self._shifts(day, offset)
            month.disputes += self._disputes(day)
            month.activities += self._activities(day)
        for number, month in enumerate(months.values()):
            month.redemptions = 14 if number >= _MONTHS_OF_SAVING else 0
        return list(months.values())

    def _free(self, people: Sequence[str], day: date, count: int) -> list[str]:
        free = [person for person in people if person not in self._taken[day]]
        chosen = self._chance.sample(free, min(count, len(free)))
        self._taken[day].update(chosen)
        return chosen

    def _activities(self, day: date) -> list[ActivityPlan]:
        chance = self._chance
        count = chance.choice((1, 1, 2)) if day.weekday() >= 5 else chance.choice((0, 1, 1, 2))
        return [plan for _ in range(count) if (plan := self._activity(day)) is not None]

    def _activity(self, day: date) -> ActivityPlan | None:
        chance = self._chance
        team = chance.choice([t for t in self._teams if t.kind in _DEEDS])
        title, category = _DEEDS[team.kind]
        starts = datetime.combine(day, chance.choice(_STARTS), SHANGHAI)
        ends = starts + timedelta(minutes=chance.choice((90, 120, 120, 150, 180)))
        people = self._free(team.members, day, chance.randint(5, 12))
        if not people:
            return None
        by_sheet = chance.random() < 0.12
        outings = tuple(self._outing(person, starts, ends) for person in people)
        on_site = [outing.volunteer for outing in outings if outing.leaves is not None]
        return ActivityPlan(
            team_id=team.id,
            title=f"{title}（{day.month}月{day.day}日）",
            category=category,
            starts=starts,
            ends=ends,
            outings=outings,
            by_sheet=by_sheet,
            corrected=on_site[0] if chance.random() < 0.05 and on_site and not by_sheet else None,
        )

    def _outing(self, person: str, starts: datetime, ends: datetime) -> Outing:
        chance = self._chance
        arrives = starts + timedelta(minutes=chance.randint(-8, 10))
        leaves = ends + timedelta(minutes=chance.randint(-15, 8))
        if chance.random() < 0.06:
            return Outing(person, starts, None, int((ends - starts).total_seconds()) // 60)
        return Outing(person, arrives, None if chance.random() < 0.04 else leaves)

    def _shifts(self, day: date, offset: int) -> list[ShiftPlan]:
        # The volunteers go out every other evening, joint defence on nights of every third day, cadres once a week.
        kinds = [
            kind
            for kind, due in (
                ("volunteer", offset % 2 == 0),
                ("joint_defence", offset % 3 == 1),
                ("cadre", offset % 7 == 4),
            )
            if due
        ]
        return [self._shift(kind, day, offset) for kind in kinds if kind in self._crews]

    def _shift(self, kind: str, day: date, offset: int) -> ShiftPlan:
        chance, crew = self._chance, self._crews[kind]
        hour = {"volunteer": 19, "joint_defence": 22, "cadre": 20}[kind]
        starts = datetime.combine(day, time(hour), SHANGHAI)
        ends = starts + timedelta(minutes=chance.choice((120, 150, 180)))
        core = crew.members[:9]
        members = self._free(core, day, 3) or [core[0]]
        beat = chance.randrange(0, len(CELLS) - len(NEGLECTED) - 8)
        cells = CELLS[beat : beat + 6]
        scanned = tuple(
            (cell, chance.choice(members), starts + timedelta(minutes=10 + 12 * number))
            for number, cell in enumerate(cells)
            if chance.random() < 0.92
        )
        finding = None
        if chance.random() < 0.16:
            finding = {
                "cell": chance.choice(cells),
                "kind": chance.choice(("dispute", "hazard", "sanitation", "facility", "person_in_need")),
                "risk": chance.choice(("blue", "blue", "yellow", "red")),
                "reported_by": members[0],
                "found_at": starts + timedelta(minutes=45),
            }
        corrected = members[-1] if offset % _DAYS_PER_CORRECTED_SHIFT == 0 else None
        return ShiftPlan(kind, starts, ends, tuple(members), cells, scanned, finding, corrected)

    def _disputes(self, day: date) -> list[DisputePlan]:
        chance = self._chance
        return [self._dispute(day) for _ in range(chance.choice((0, 0, 1, 1)) + (chance.random() < 0.1))]

    def _dispute(self, day: date) -> DisputePlan:
        chance = self._chance
        filed = datetime.combine(day, time(chance.randint(9, 17), chance.randint(0, 59)), SHANGHAI)
        # The session follows on the spot: a case of today must end today, or the year would end with open cases.
        first = filed + timedelta(minutes=chance.randint(20, 90))
        sessions = [(first, chance.choice((30, 45, 60, 90)))]
        if chance.random() < 0.2:
            sessions.append((first + timedelta(minutes=120), 40))
        ending = chance.choices(("written", "oral", "failed", "withdrawn"), (55, 33, 8, 4))[0]
        return DisputePlan(
            filed=filed,
            kind=chance.choice(("neighbour", "neighbour", "family", "property_service", "debt", "damage", "other")),
            risk=chance.choice(("blue", "blue", "blue", "yellow", "red")),
            mediators=tuple(self._free(self._mediators, day, chance.choice((1, 1, 2)))) or self._mediators[:1],
            sessions=tuple(sessions),
            ending=ending,
        )
