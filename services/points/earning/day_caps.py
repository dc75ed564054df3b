"""Daily caps, decided on the *set* of a day's records in a canonical order: arrival order changes nothing. Pure.

The ledger holds what each record is worth by itself (`EARNED` clauses) and what the cap took from it (`CUTS`). From
both, this room computes what the cuts ought to be and returns the differences as transfers to post. A record's cut
belongs to the record's first event, whichever event brought it about: the net effect of each event on each account is
then a function of the set of events too, and so is the moment from which on it was known.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from services.points.ledger.clauses import CUTS, EARNED, Clause
from services.points.ledger.postings import Posting
from services.points.policy.terms import Said


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
    recorded_at: datetime


@dataclass(slots=True)
class _Record:
    record_id: UUID
    worth: int = 0
    earned: list[Posting] = field(default_factory=list)

    @property
    def started_at(self) -> datetime:
        return min(entry.occurred_at for entry in self.earned)

    @property
    def first(self) -> Posting:
        """The transfer of the first event of a record that is worth something; corrections that came ahead of it stand
        in until it is there.

        Never one of an event that came to nothing: what a restatement gives for the record and takes for its correction
        is posted where they arrive one by one, and not at all where they are found together.
        """
        moved: dict[UUID, int] = {}
        for entry in self.earned:
            moved[entry.event_id] = moved.get(entry.event_id, 0) + entry.amount
        return min(
            (entry for entry in self.earned if moved[entry.event_id]),
            key=lambda entry: (entry.clause != Clause.RATE, entry.event_id.bytes, entry.transfer_id),
        )


class Approval(NamedTuple):
    """What an office said of a person's day: so many minutes count; None when it took that back."""

    event_id: UUID
    at: datetime
    minutes: int | None
    policy_version: int
    """The policy that has it that an office must be asked."""


class _Cut(NamedTuple):
    amount: int
    """Zero or negative; what an approval lifts of it is told beside it, and positive."""
    first: Posting
    policy_version: int | None
    approved: bool = False


_Key = tuple[UUID, UUID]
"""Record and event: whose cut it is."""


CapAt = Callable[[int, datetime], Said[int] | None]
"""The cap for records from an account of issue, as it was known at a moment; None for no cap."""


def raised(cap: Said[int] | None, minutes: int | None) -> Said[int] | None:
    """The cap of a day for which an office approved so many minutes. What is not earned at all (0) stays so."""
    if cap is None or not cap.value or minutes is None:
        return cap
    return Said(max(cap.value, minutes), cap.version)


def restate(
    entries: Sequence[Posting],
    cap_at: CapAt,
    repriced_at: Collection[datetime] = (),
    approvals: Sequence[Approval] = (),
) -> list[Restatement]:
    """What is to be posted so that one account's day keeps the cap; nothing when it already does.

    `entries` are all transfers of one account and unit on one day, and `repriced_at` the moments at which its caps may
    have changed, because the day was priced anew; `approvals` are in the order in which they were given, and the last
    one known holds. Records are served in the order in which the service began; each gets what is left under its own
    cap.

    The cap is applied once for each moment at which something new was known about the day, and each posting carries
    the moment from which on it was right. So the balance "as it was known then" does not depend on the order in which
    the records arrived either.
    """
    earned = sorted((e for e in entries if e.clause in EARNED), key=lambda entry: entry.recorded_at)
    posted: dict[_Key, list[Posting]] = {}
    for entry in entries:
        if entry.clause in CUTS:
            posted.setdefault((entry.record_id, entry.event_id), []).append(entry)
    restatements: list[Restatement] = []
    before: Mapping[_Key, _Cut] = {}
    lifts: dict[_Key, _Cut] = {}
    told_at = {entry.recorded_at for entry in earned} | {approval.at for approval in approvals}
    for known_at in sorted(told_at.union(repriced_at)):
        known = [entry for entry in earned if entry.recorded_at <= known_at]
        cuts = _cuts(known, known_at, cap_at)
        approval = next((one for one in reversed(approvals) if one.at <= known_at), None)
        if approval is not None:
            lifts = _lifted(lifts, cuts, _cuts(known, known_at, cap_at, approval.minutes), approval)
        now = cuts | lifts
        for key in sorted(now.keys() | before.keys() | posted.keys()):
            until_then = [entry for entry in posted.get(key, ()) if entry.recorded_at <= known_at]
            restatement = _difference(key, known_at, before.get(key), now.get(key), until_then, earned)
            if restatement is not None:
                restatements.append(restatement)
        before = now
    return restatements


def _cuts(
    earned: Sequence[Posting], known_at: datetime, cap_at: CapAt, approved: int | None = None
) -> dict[_Key, _Cut]:
    """What the cap takes from records when just these are known, and so many minutes are approved."""
    cuts = {}
    allowed_so_far = 0
    for record in _in_order(earned):
        if record.worth <= 0:
            continue
        first, worth = record.first, record.worth
        cap = raised(cap_at(first.contra_account, known_at), approved)
        allowed = worth if cap is None else max(0, min(worth, cap.value - allowed_so_far))
        allowed_so_far += allowed
        if allowed != worth:
            cuts[record.record_id, first.event_id] = _Cut(allowed - worth, first, None if cap is None else cap.version)
    return cuts


def _lifted(
    lifts: Mapping[_Key, _Cut], cuts: Mapping[_Key, _Cut], approved: Mapping[_Key, _Cut], approval: Approval
) -> dict[_Key, _Cut]:
    """What approvals lift, brought to what the last one has: whatever changes belongs to that one.

    `cuts` are those of the policy, `approved` those that are left under the approval.
    """
    changes: dict[UUID, int] = {}
    firsts: dict[UUID, Posting] = {}
    for sign, of_records in ((-1, lifts), (-1, cuts), (1, approved)):
        for (record_id, _), cut in of_records.items():
            changes[record_id] = changes.get(record_id, 0) + sign * cut.amount
            firsts[record_id] = cut.first
    now = dict(lifts)
    for record_id, change in changes.items():
        if change:
            key = (record_id, approval.event_id)
            lifted = change + (now[key].amount if key in now else 0)
            now[key] = _Cut(lifted, firsts[record_id], approval.policy_version, approved=True)
    return now


def _in_order(earned: Iterable[Posting]) -> Sequence[_Record]:
    records: dict[UUID, _Record] = {}
    for entry in earned:
        record = records.setdefault(entry.record_id, _Record(entry.record_id))
        record.worth += entry.amount
        record.earned.append(entry)
    return sorted(records.values(), key=lambda r: (r.started_at, r.record_id.bytes))


def _difference(
    key: _Key,
    known_at: datetime,
    before: _Cut | None,
    now: _Cut | None,
    posted: Sequence[Posting],
    earned: Sequence[Posting],
) -> Restatement | None:
    """Bring what is posted as of a moment to the change of the cut at that moment; `posted` until then."""
    change = (now.amount if now else 0) - (before.amount if before else 0)
    difference = change - sum(entry.amount for entry in posted if entry.recorded_at == known_at)
    if difference == 0:
        return None
    record_id, event_id = key
    cut = now or before
    # A cut that ought not to be there any more at any moment is known by its record alone.
    first = cut.first if cut else next(entry for entry in earned if entry.record_id == record_id)
    latest = max(posted, key=lambda entry: entry.transfer_id, default=first)
    clause = Clause.RESTATEMENT if posted or before else Clause.DAY_CAP
    if cut.approved if cut else latest.clause == Clause.LONG_DAY:
        clause = Clause.LONG_DAY
    return Restatement(
        event_id=event_id,
        record_id=record_id,
        amount=difference,
        contra_account=latest.contra_account,
        policy_version=cut.policy_version if cut else None,
        clause=clause,
        corrects=latest.transfer_id,
        occurred_at=first.occurred_at,
        recorded_at=known_at,
    )
