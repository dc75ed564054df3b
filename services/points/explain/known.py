"""Lines, and what there is to know of them before they are told in words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from services.points.explain.supplied import Supplied

NOTHING = 0
"""Stands for the clause of a line that is not in the ledger: service that brought nothing of the unit."""


class Line(NamedTuple):
    """A line of an account, as the statement query gives it."""

    id: int
    occurred_at: datetime
    recorded_at: datetime
    clause: int
    event_id: UUID
    record_id: UUID
    policy_version: int | None
    corrects: int | None
    kind: int | None
    evidence: int | None
    minutes: int | None
    amount: int
    counterparty: str


Corrected = tuple[UUID, UUID]
"""The event of a correction, and the record that it corrects."""


class Before(NamedTuple):
    """What a record was before a correction, and why it was corrected."""

    minutes: int
    evidence: int
    reason: str | None = None
    """Null where it was booked before reasons were kept."""


class Goods(NamedTuple):
    """What a redemption or another movement of goods was about."""

    name: str
    quantity: int
    reserved: int
    """Pieces of which these were taken."""


class LongDay(NamedTuple):
    """What an office said of a long day."""

    minutes: int | None
    """That count at most; None where it was taken back."""
    level: str
    reason: str
    limit_minutes: int
    """More than this the policy has approved by that level."""
    policy_version: int
    """Of that policy. A line can lack it: what is put right of an approval is known by its event alone."""


class DealtWrongly(NamedTuple):
    """Why something at the time bank was corrected or taken back; of an order, with its minutes before and after."""

    reason: str
    minutes_before: int | None
    minutes: int


class Reversal(NamedTuple):
    """What an event said that took something back."""

    event: str
    """The name of its type."""
    reason: str


class Cause(NamedTuple):
    """What became known at the moment as of which a line was posted, and so brought it about."""

    event_id: UUID
    clause: int
    """Of what it booked itself; `NOTHING` where what was held came back."""
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What there is to know of the lines that are told."""

    titles: Mapping[int, str]
    """Of the policies, by version."""
    goods: Mapping[UUID, Goods] = field(default_factory=dict)
    """By redemption."""
    before: Mapping[Corrected, Before] = field(default_factory=dict)
    ordered: Mapping[UUID, str] = field(default_factory=dict)
    """By order of the time bank, the kind of service."""
    earned_on: Mapping[UUID, str] = field(default_factory=dict)
    """By record, the day on which points were earned that have lapsed."""
    long_days: Mapping[UUID, LongDay] = field(default_factory=dict)
    """By event, what it said of a long day."""
    supplied: Mapping[UUID, Supplied] = field(default_factory=dict)
    """By request, return or use of supplies."""
    reversals: Mapping[UUID, Reversal] = field(default_factory=dict)
    """By event, what it took back and why."""
    dealt_wrongly: Mapping[UUID, DealtWrongly] = field(default_factory=dict)
    """By event, what it said of what it corrected or took back at the time bank."""
    causes: Mapping[int, Sequence[Cause]] = field(default_factory=dict)
    """By line, what caused it where that is not its own event."""
