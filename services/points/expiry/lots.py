"""Lots of points, first earned first spent: what was spent of each, and what of it lapses. Pure.

What lapses is decided on the set of all that is known, in the order in which it happened, and once for each moment at
which something new was known. So it comes out the same whatever arrived first, and a record that is corrected after it
was spent from, or after it lapsed, changes exactly what it ought to.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

from services.points.ledger.clauses import CUTS, EARNED, EXPIRED
from services.points.ledger.postings import Held, Posting


class Lapse(NamedTuple):
    """A run that let everything lapse whose last day was over."""

    event_id: UUID
    through: date
    at: datetime


class Term(NamedTuple):
    """How long a lot can be spent, and the policy that says so."""

    last_day: date | None
    policy_version: int


TermOf = Callable[[int, datetime], Term]
"""The term of points from an account of issue, earned at a moment."""


@dataclass(slots=True)
class Lot:
    """Points of one service record."""

    record_id: UUID
    earned_at: datetime
    contra_account: int
    amount: int
    term: Term
    left: int = 0
    lapsed: int = 0

    @property
    def spent(self) -> int:
        """What was paid from it, debts included."""
        return self.amount - self.left - self.lapsed


class Due(NamedTuple):
    """A transfer to post: what lapses of a lot (negative), or comes back."""

    lapse: Lapse
    lot: Lot
    amount: int
    corrects: int | None
    known_at: datetime


_Key = tuple[UUID, UUID]
"""Record and lapse."""


def lots_of(postings: Sequence[Posting], held: Sequence[Held], lapses: Sequence[Lapse], term_of: TermOf) -> list[Lot]:
    """The lots of an account, in the order in which they are spent, with what is left of each."""
    return _run(postings, held, lapses, term_of)[0]


def due(postings: Sequence[Posting], held: Sequence[Held], lapses: Sequence[Lapse], term_of: TermOf) -> list[Due]:
    """What is to be posted so that just that has lapsed which ought to have; nothing when it already has."""
    first = min((lapse.at for lapse in lapses), default=None)
    if first is None:
        return []
    posted: dict[_Key, list[Posting]] = {}
    for posting in postings:
        if posting.clause in EXPIRED:
            posted.setdefault((posting.record_id, posting.event_id), []).append(posting)
    moments = {lapse.at for lapse in lapses}
    moments |= {p.recorded_at for p in postings if p.recorded_at > first and p.clause not in EXPIRED}
    moments |= {h.freed_at for h in held if h.freed_at is not None and h.freed_at > first}
    wanted: list[Due] = []
    before: Mapping[_Key, tuple[Lot, Lapse, int]] = {}
    for known_at in sorted(moments):
        _, lapsed = _run(
            [p for p in postings if p.recorded_at <= known_at],
            [_as_known(h, known_at) for h in held if h.held_at <= known_at],
            [lapse for lapse in lapses if lapse.at <= known_at],
            term_of,
        )
        for key in sorted(lapsed.keys() | before.keys() | posted.keys()):
            there = [p for p in posted.get(key, ()) if p.recorded_at == known_at]
            now, earlier = lapsed.get(key), before.get(key)
            change = (earlier[2] if earlier else 0) - (now[2] if now else 0)
            difference = change - sum(posting.amount for posting in there)
            if difference:
                lot, lapse, _ = now or earlier or _unfounded(key, postings, lapses, term_of)
                latest = max((p.transfer_id for p in posted.get(key, ()) if p.recorded_at <= known_at), default=None)
                wanted.append(Due(lapse, lot, difference, latest, known_at))
        before = lapsed
    return wanted


def _as_known(held: Held, at: datetime) -> Held:
    return held if held.freed_at is None or held.freed_at <= at else held._replace(freed_at=None)


def _unfounded(
    key: _Key, postings: Sequence[Posting], lapses: Sequence[Lapse], term_of: TermOf
) -> tuple[Lot, Lapse, int]:
    """The lot of a posting that ought not to be there at any moment."""
    record_id, event_id = key
    posting = next(p for p in postings if p.record_id == record_id and p.event_id == event_id)
    term = term_of(posting.contra_account, posting.occurred_at)
    lot = Lot(record_id, posting.occurred_at, posting.contra_account, 0, term)
    return lot, next(lapse for lapse in lapses if lapse.event_id == event_id), 0


def _run(
    postings: Sequence[Posting], held: Sequence[Held], lapses: Sequence[Lapse], term_of: TermOf
) -> tuple[list[Lot], dict[_Key, tuple[Lot, Lapse, int]]]:
    """Let everything happen in its order: earn, spend, lapse."""
    lots = _lots(postings, held, term_of)
    spends = [(h.held_at, h.amount) for h in held if h.freed_at is None]
    of_holds = {h.hold_id for h in held}
    for posting in postings:
        if posting.clause not in EARNED | CUTS | EXPIRED and posting.amount < 0 and posting.record_id not in of_holds:
            spends.append((posting.occurred_at, -posting.amount))
    timeline: list[tuple[datetime, int, int, Lot | Lapse | int]] = []
    timeline += [(lot.earned_at, 0, n, lot) for n, lot in enumerate(lots)]
    timeline += [(at, 1, n, amount) for n, (at, amount) in enumerate(spends)]
    timeline += [(lapse.at, 2, n, lapse) for n, lapse in enumerate(lapses)]
    lapsed: dict[_Key, tuple[Lot, Lapse, int]] = {}
    earned: list[Lot] = []
    debt = 0
    for _, _, _, happened in sorted(timeline, key=lambda item: item[:3]):
        match happened:
            case Lot() as lot:
                earned.append(lot)
                paid = min(debt, lot.amount)
                lot.left, debt = lot.amount - paid, debt - paid
            case Lapse() as lapse:
                for lot in earned:
                    if lot.left and lot.term.last_day is not None and lot.term.last_day <= lapse.through:
                        lapsed[lot.record_id, lapse.event_id] = (lot, lapse, lot.left)
                        lot.lapsed, lot.left = lot.left, 0
            case int() as amount:
                debt += _spend(earned, amount)
    return lots, lapsed


def _spend(earned: Sequence[Lot], amount: int) -> int:
    """Take an amount from the oldest lots; returns what was not there."""
    for lot in earned:
        taken = min(lot.left, amount)
        lot.left -= taken
        amount -= taken
        if not amount:
            break
    return amount


def _lots(postings: Sequence[Posting], held: Sequence[Held], term_of: TermOf) -> list[Lot]:
    """What each record is worth with its corrections and cuts; other gains are lots that do not lapse."""
    lots: dict[UUID, Lot] = {}
    of_holds = {h.hold_id for h in held}
    for posting in postings:
        if posting.clause in EARNED | CUTS:
            lot = lots.get(posting.record_id)
            if lot is None:
                term = term_of(posting.contra_account, posting.occurred_at)
                lot = lots[posting.record_id] = Lot(
                    posting.record_id, posting.occurred_at, posting.contra_account, 0, term
                )
            lot.amount += posting.amount
        elif posting.clause not in EXPIRED and posting.amount > 0 and posting.record_id not in of_holds:
            lots[posting.record_id] = Lot(
                posting.record_id, posting.occurred_at, posting.contra_account, posting.amount, Term(None, 0)
            )
    for lot in lots.values():
        lot.amount = max(0, lot.amount)
    return sorted(lots.values(), key=lambda lot: (lot.earned_at, lot.record_id.bytes))
