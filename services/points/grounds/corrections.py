"""Which events corrected a record of service, and which of them took away what a star or a certificate rests on. Pure.

Beside the corrections of what was served these are the decisions after which other minutes of it count.

The cause of a flag is what took minutes since the record last bore what was granted or certified, as far as it was not
given back. "Since" goes by the times of the events, not by when they were booked: a correction that was told before a
grant and arrived after it is a cause all the same. So the causes are a function of the record and of what it has to
bear, the same after a restart, a duplicate or a rebuild; and however many corrections one look finds, they are told.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import Final, NamedTuple
from uuid import UUID

from services.points.earning.kinds import KINDS
from services.points.explain.known import Line
from services.points.ledger.clauses import CUTS, EARNED, Clause
from shared.contracts import Event, wire_type
from shared.contracts.grid_patrol import PatrolServiceCorrected
from shared.contracts.honours import CorrectingEvent
from shared.contracts.mediation import MediationServiceCorrected
from shared.contracts.points import PolicyRestated
from shared.contracts.registry import AttendanceCorrected

CORRECTED_BY: Final[Mapping[str, type[Event]]] = {
    "activity": AttendanceCorrected,
    "patrol": PatrolServiceCorrected,
    "mediation": MediationServiceCorrected,
}
"""By the first part of the kind of service, the one event that corrects such service."""

RESTATED: Final = wire_type(PolicyRestated)
_CORRECTING: Final = EARNED - {Clause.RATE}
_GIVEN_BACK: Final = _CORRECTING | {Clause.LONG_DAY}
"""Clauses of what an event takes of a record, and another may give back."""


class Correction(NamedTuple):
    """What one event changed about a record, what a cap of a day took or gave back for it included."""

    event_id: UUID
    type: str
    """As on the bus."""
    told_at: datetime
    minutes: int
    """Signed."""


class Decision(NamedTuple):
    """An event that changed what counts of days, and nothing of what was served."""

    event_id: UUID
    type: str
    """As on the bus."""


Decided = Mapping[datetime, Decision]
"""By their moment, the events that priced days anew (where only a cap changed, its lines do not name them), and those
that approved long days or took that back (their lines name them also where a correction moved what they lift).
"""


def corrections(lines: Iterable[Line], decided: Decided) -> list[Correction]:
    """Every correction of the record, in the order in which they became known."""
    return [correction for told_at, of_moment in _moments(lines) for correction in _told(told_at, of_moment, decided)]


def taken_since_it_bore(lines: Iterable[Line], minutes: int, decided: Decided) -> tuple[CorrectingEvent, ...]:
    """The corrections that took from the record since it last had so many minutes, and were not given back.

    All that ever took from it, where it never had them in the order of the times.
    """
    moments = _moments(lines)
    balance = bore = 0
    for number, (_, of_moment) in enumerate(moments, 1):
        balance += sum(line.amount for line in of_moment)
        if balance >= minutes:
            bore = number
    since = moments[bore:]
    change: dict[tuple[UUID, bool], int] = {}
    for _, of_moment in since:
        for line in of_moment:
            if line.clause in _GIVEN_BACK:
                change[_part(line)] = change.get(_part(line), 0) + line.amount
    taken = []
    for told_at, of_moment in since:
        for event_id, wire, _, amount in _told(told_at, of_moment, decided):
            of_event = {_part(line) for line in of_moment if line.event_id == event_id and line.clause in _GIVEN_BACK}
            stands = not of_event or any(change[part] < 0 for part in of_event)
            if amount < 0 and stands:
                taken.append(CorrectingEvent(event_id=event_id, type=wire, told_at=told_at, taken_minutes=-amount))
    return tuple(taken)


def _part(line: Line) -> tuple[UUID, bool]:
    """What a correction takes of a record gives another correction back, and what an office takes, an office."""
    return line.record_id, line.clause == Clause.LONG_DAY


def _moments(lines: Iterable[Line]) -> Sequence[tuple[datetime, Sequence[Line]]]:
    by_moment = groupby(sorted(lines, key=attrgetter("recorded_at")), key=attrgetter("recorded_at"))
    return [(told_at, list(of_moment)) for told_at, of_moment in by_moment]


def _told(told_at: datetime, lines: Sequence[Line], decided: Decided) -> list[Correction]:
    """The corrections of one moment; there is hardly ever more than one. Each with what it changed by itself; a single
    one with what the caps did about it, too: what they take and give carries the moment, and not the event.
    """
    types: dict[UUID, str] = {}
    amounts: dict[UUID, int] = {}
    for line in lines:
        if line.clause in _CORRECTING:
            types[line.event_id] = _type_of(line)
            amounts[line.event_id] = amounts.get(line.event_id, 0) + line.amount
    if not types and told_at in decided and all(line.clause in CUTS for line in lines):
        types = {decided[told_at].event_id: decided[told_at].type}
    if len(types) == 1:
        amounts = dict.fromkeys(types, sum(line.amount for line in lines if line.clause != Clause.RATE))
    return [
        Correction(event_id, types[event_id], told_at, amounts[event_id])
        for event_id in sorted(types, key=attrgetter("bytes"))
    ]


def _type_of(line: Line) -> str:
    if line.clause == Clause.POLICY_RESTATED:
        return RESTATED
    assert line.kind is not None, "a correction says what service it corrects"
    return wire_type(CORRECTED_BY[KINDS[line.kind].partition(".")[0]])
