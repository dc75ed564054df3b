"""Daily caps, decided on the *set* of a day's records in a canonical order: arrival order changes nothing. Pure.

The ledger holds what each record is worth by itself (`EARNED` clauses) and what the cap took from it (`CUTS`). From
both, this room computes what the cuts ought to be and returns the differences as transfers to post. A record's cut
belongs to the record's first event, whichever event brought it about: the net effect of each event on each account is
then a function of the set of events too.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from services.points.ledger.clauses import CUTS, EARNED, Clause
from services.points.policy.book import Said


class Entry(NamedTuple):
    """A transfer of one day, seen from the person's account."""

    transfer_id: int
    event_id: UUID
    record_id: UUID
    clause: int
    amount: int
    """Signed: what the person's account gained."""
    contra_account: int
    """The account of issue on the other side."""
    occurred_at: datetime


class Restatement(NamedTuple):
    """A transfer to post, seen from the person's account."""

    event_id: UUID
    record_id: UUID
    amount: int
    contra_account: int
    policy_version: int | None
    clause: Clause
    corrects: int
    occurred_at: datetime


@dataclass(slots=True)
class _Record:
    record_id: UUID
    worth: int = 0
    earned: list[Entry] = field(default_factory=list)
    cuts: dict[UUID, list[Entry]] = field(default_factory=dict)

    @property
    def started_at(self) -> datetime:
        return min(entry.occurred_at for entry in self.earned)

    @property
    def first(self) -> Entry:
        """The transfer of the record's first event; corrections that came ahead of it stand in until it is there."""
        return min(
            self.earned, key=lambda entry: (entry.clause != Clause.RATE, entry.event_id.bytes, entry.transfer_id)
        )


def restate(entries: Iterable[Entry], cap_at: Callable[[int], Said | None]) -> list[Restatement]:
    """What is to be posted so that one account's day keeps the cap; nothing when it already does.

    `entries` are all transfers of one account and unit on one day; `cap_at` tells the cap that holds for records
    issued from an account of issue, or None for no cap. Records are served in the order in which the service began;
    each gets what is left under its own cap.
    """
    restatements: list[Restatement] = []
    allowed_so_far = 0
    for record in _in_order(entries):
        first = record.first
        cap = cap_at(first.contra_account)
        worth = max(0, record.worth)
        allowed = worth if cap is None else max(0, min(worth, cap.value - allowed_so_far))
        allowed_so_far += allowed
        restatements += _differences(record, first, allowed - worth, None if cap is None else cap.version)
    return restatements


def _in_order(entries: Iterable[Entry]) -> Sequence[_Record]:
    records: dict[UUID, _Record] = {}
    for entry in entries:
        record = records.get(entry.record_id)
        if record is None:
            record = records[entry.record_id] = _Record(entry.record_id)
        if entry.clause in EARNED:
            record.worth += entry.amount
            record.earned.append(entry)
        elif entry.clause in CUTS:
            record.cuts.setdefault(entry.event_id, []).append(entry)
    return sorted((r for r in records.values() if r.earned), key=lambda r: (r.started_at, r.record_id.bytes))


def _differences(record: _Record, first: Entry, cut: int, cap_version: int | None) -> Iterable[Restatement]:
    """Bring the record's cuts to `cut` (zero or negative) on its first event, and to zero on every other."""
    events = {first.event_id, *record.cuts}
    for event_id in sorted(events, key=lambda e: e.bytes):
        posted = record.cuts.get(event_id, [])
        difference = (cut if event_id == first.event_id else 0) - sum(entry.amount for entry in posted)
        if difference == 0:
            continue
        latest = max(posted, key=lambda entry: entry.transfer_id, default=first)
        yield Restatement(
            event_id=event_id,
            record_id=record.record_id,
            amount=difference,
            contra_account=latest.contra_account,
            policy_version=cap_version,
            clause=Clause.RESTATEMENT if posted else Clause.DAY_CAP,
            corrects=latest.transfer_id,
            occurred_at=first.occurred_at,
        )
