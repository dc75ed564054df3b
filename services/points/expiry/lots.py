"""Lots of points, first earned first spent: what was spent of each, and what of it lapses. Pure.

What lapses is decided on the set of all that is known, in the order in which it happened, and once for each moment at
which something new was known. So it comes out the same whatever arrived first, and a record that is corrected after it
was spent from, or after it lapsed, changes exactly what it ought to.
"""

from collections import deque
from collections.abc import Callable, Container, Mapping, Sequence, Set
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
    held: int = 0
    """What is held of it: reserved, or looked into."""
    lapsed_at: datetime | None = None

    @property
    def spent(self) -> int:
        """What was paid from it, debts and what is held included."""
        return self.amount - self.left - self.lapsed


class Paid(NamedTuple):
    """A part of what was paid, from one lot."""

    lot: Lot
    amount: int
    late: bool
    """Earned only afterwards: what was there turned out to be less."""


class Course(NamedTuple):
    """How the points of an account came and went."""

    lots: list[Lot]
    """In the order in which they are spent, with what is left of each."""
    paid: Mapping[UUID, list[Paid]]
    """By what was paid or is held (the transfer's record), from which lots, the first earned first."""
    lapsed: Mapping[tuple[UUID, UUID], tuple[Lot, Lapse, int]]
    """By record and lapse."""
    returned: Set[UUID]
    """What was held and came back, all of it: called off, or paid and taken back."""


class Due(NamedTuple):
    """A transfer to post: what lapses of a lot (negative), or comes back."""

    lapse: Lapse
    lot: Lot
    amount: int
    corrects: int | None
    known_at: datetime


_Key = tuple[UUID, UUID]
"""Record and lapse."""

_OF_RECORDS = EARNED | CUTS
"""Clauses of what a record is worth."""

_OF_LOTS = _OF_RECORDS | EXPIRED
"""Everything else is spent, or gained beside it."""


class Known(NamedTuple):
    """All that bears on the lots of an account."""

    postings: Sequence[Posting]
    held: Sequence[Held]
    lapses: Sequence[Lapse]

    def until(self, moment: datetime) -> "Known":
        """What had happened until a moment, as far as it is known."""
        return Known(
            [p for p in self.postings if p.occurred_at <= moment],
            [h for h in self.held if h.held_at <= moment],
            [lapse for lapse in self.lapses if lapse.at <= moment],
        )

    def as_of(self, moment: datetime) -> "Known":
        """What was known at a moment; what came back later was still held."""
        return Known(
            [p for p in self.postings if p.recorded_at <= moment],
            [_as_known(h, moment) for h in self.held if h.held_at <= moment],
            [lapse for lapse in self.lapses if lapse.at <= moment],
        )


def due(known: Known, term_of: TermOf) -> list[Due]:
    """What is to be posted so that just that has lapsed which ought to have; nothing when it already has."""
    postings, held, lapses = known
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
        lapsed = course(known.as_of(known_at), term_of).lapsed
        for key in sorted(lapsed.keys() | before.keys() | posted.keys()):
            there = [p for p in posted.get(key, ()) if p.recorded_at == known_at]
            now, earlier = lapsed.get(key), before.get(key)
            change = (earlier[2] if earlier else 0) - (now[2] if now else 0)
            difference = change - sum(posting.amount for posting in there)
            if difference:
                lot, lapse, _ = now or earlier or _unfounded(key, known, term_of)
                latest = max((p.transfer_id for p in posted.get(key, ()) if p.recorded_at <= known_at), default=None)
                wanted.append(Due(lapse, lot, difference, latest, known_at))
        before = lapsed
    return wanted


def _as_known(held: Held, at: datetime) -> Held:
    return held if held.freed_at is None or held.freed_at <= at else held._replace(freed_at=None)


def _unfounded(key: _Key, known: Known, term_of: TermOf) -> tuple[Lot, Lapse, int]:
    """The lot of a posting that ought not to be there at any moment."""
    record_id, event_id = key
    posting = next(p for p in known.postings if p.record_id == record_id and p.event_id == event_id)
    term = term_of(posting.contra_account, posting.occurred_at)
    lot = Lot(record_id, posting.occurred_at, posting.contra_account, 0, term)
    return lot, next(lapse for lapse in known.lapses if lapse.event_id == event_id), 0


def course(known: Known, term_of: TermOf) -> Course:
    """Let everything happen in its order: earn, spend, lapse."""
    postings, held, lapses = known
    of_holds = {h.hold_id for h in held}
    lots = _lots(postings, of_holds, term_of)
    spends = [(h.held_at, h.amount, h.hold_id) for h in held if h.freed_at is None]
    for posting in postings:
        if posting.amount < 0 and posting.clause not in _OF_LOTS and posting.record_id not in of_holds:
            spends.append((posting.occurred_at, -posting.amount, posting.record_id))
    events: list[tuple[datetime, int, int]] = [(at, 0, n) for n, (at, _, _) in enumerate(spends)]
    events += [(lapse.at, 1, n) for n, lapse in enumerate(lapses)]
    purse, earned = _Purse(), 0
    for at, what, n in sorted(events):
        while earned < len(lots) and lots[earned].earned_at <= at:
            purse.earn(lots[earned])
            earned += 1
        if what == 0:
            purse.spend(*spends[n][1:])
        else:
            purse.lapse(lapses[n])
    for lot in lots[earned:]:
        purse.earn(lot)
    for hold_id in of_holds.difference(posting.record_id for posting in postings):
        for lot, amount, _ in purse.paid.get(hold_id, ()):
            lot.held += amount
    return Course(lots, purse.paid, purse.lapsed, of_holds - {h.hold_id for h in held if h.freed_at is None})


class _Purse:
    """The lots that there is something left of, in their order, and what is owed."""

    def __init__(self) -> None:
        self.paid: dict[UUID, list[Paid]] = {}
        self.lapsed: dict[_Key, tuple[Lot, Lapse, int]] = {}
        self._lots: deque[Lot] = deque()
        self._owed: deque[tuple[int, UUID]] = deque()
        self._soonest: date | None = None
        """No lot has its last day before."""

    def earn(self, lot: Lot) -> None:
        """Debts are paid first, the oldest first."""
        lot.left = lot.amount
        self._lots.append(lot)
        last_day = lot.term.last_day
        if last_day is not None and (self._soonest is None or last_day < self._soonest):
            self._soonest = last_day
        while self._owed and lot.left:
            amount, record_id = self._owed.popleft()
            if missing := self._take(amount, record_id, late=True):
                self._owed.appendleft((missing, record_id))

    def spend(self, amount: int, record_id: UUID) -> None:
        """Take an amount from the oldest lots; what is not there is owed."""
        if missing := self._take(amount, record_id, late=False):
            self._owed.append((missing, record_id))

    def _take(self, amount: int, record_id: UUID, *, late: bool) -> int:
        while amount and self._lots:
            lot = self._lots[0]
            taken = min(lot.left, amount)
            if taken:
                lot.left -= taken
                amount -= taken
                self.paid.setdefault(record_id, []).append(Paid(lot, taken, late))
            if not lot.left:
                self._lots.popleft()
        return amount

    def lapse(self, lapse: Lapse) -> None:
        """Whatever has its last day over."""
        if self._soonest is None or lapse.through < self._soonest:
            return
        self._soonest = None
        for lot in self._lots:
            last_day = lot.term.last_day
            if not lot.left or last_day is None:
                continue
            if last_day <= lapse.through:
                self.lapsed[lot.record_id, lapse.event_id] = (lot, lapse, lot.left)
                lot.lapsed, lot.left, lot.lapsed_at = lot.left, 0, lapse.at
            elif self._soonest is None or last_day < self._soonest:
                self._soonest = last_day


def _lots(postings: Sequence[Posting], of_holds: Container[UUID], term_of: TermOf) -> list[Lot]:
    """What each record is worth with its corrections and cuts; other gains are lots that do not lapse."""
    lots: dict[UUID, Lot] = {}
    for posting in postings:
        _, _, record_id, clause, amount, contra_account, occurred_at, _ = posting
        if clause in _OF_RECORDS:
            lot = lots.get(record_id)
            if lot is None:
                term = term_of(contra_account, occurred_at)
                lots[record_id] = Lot(record_id, occurred_at, contra_account, amount, term)
            else:
                lot.amount += amount
        elif amount > 0 and clause not in EXPIRED and record_id not in of_holds:
            lots[record_id] = Lot(record_id, occurred_at, contra_account, amount, Term(None, 0))
    for lot in lots.values():
        lot.amount = max(0, lot.amount)
    return sorted(lots.values(), key=lambda lot: (lot.earned_at, lot.record_id.bytes))
