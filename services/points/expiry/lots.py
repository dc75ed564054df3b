"""Lots of points, first earned first spent: what was spent of each, and what of it lapses. Pure.

What lapses is decided on the set of all that is known, in the order in which it happened, and once for each moment at
which something new was known. So it comes out the same whatever arrived first, and a record that is corrected after it
was spent from, or after it lapsed, changes exactly what it ought to.
"""

from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Callable, Container, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import accumulate, pairwise
from operator import attrgetter
from typing import NamedTuple
from uuid import UUID

from services.points.ledger.clauses import CUTS, EARNED, EXPIRED
from services.points.ledger.postings import Held, Posting

_MOMENT = timedelta(microseconds=1)


class Lapse(NamedTuple):
    """A run that let everything lapse whose last day was over; of one part of the people, the later the further."""

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
    """What is to be posted so that just that has lapsed which ought to have; nothing when it already has.

    It is gone through once as it is known now, and once more for each moment at which something became known that bears
    on runs before it, as it was known until then. In between, what a run took does not depend on how much later that is
    asked.
    """
    if not known.lapses:
        return []
    now = course(known, term_of)
    runs = _Runs(now.lots, known.lapses)
    lapses = {lapse.event_id: lapse for lapse in known.lapses}
    differences: Counter[tuple[datetime, _Key]] = Counter()
    before: Counter[_Key] = Counter()
    shaken, as_taken = sorted(runs.shaken_at(known, now.lots)), known._replace(lapses=runs.lapses)
    for since, until in pairwise([None, *shaken, None]):
        then = now if until is None else course(as_taken.as_of(until - _MOMENT), term_of)
        taken = Counter({key: amount for key, (_, _, amount) in then.lapsed.items()})
        for key in taken.keys() | before.keys():
            ran_at = lapses[key[1]].at
            differences[ran_at if since is None else max(since, ran_at), key] -= taken[key] - before[key]
        before = taken
    posted: dict[_Key, list[Posting]] = {}
    for posting in known.postings:
        if posting.clause in EXPIRED:
            key = (posting.record_id, posting.event_id)
            posted.setdefault(key, []).append(posting)
            differences[posting.recorded_at, key] -= posting.amount
    lots = {lot.record_id: lot for lot in now.lots}
    return [
        Due(lapses[key[1]], lots[key[0]], amount, _latest(posted.get(key, ()), known_at), known_at)
        for (known_at, key), amount in sorted(differences.items())
        if amount
    ]


def _latest(postings: Iterable[Posting], known_at: datetime) -> int | None:
    return max((posting.transfer_id for posting in postings if posting.recorded_at <= known_at), default=None)


class _Runs:
    """Runs that can have taken anything, in their order: each is the first to find some lot's last day over."""

    def __init__(self, lots: Iterable[Lot], lapses: Iterable[Lapse]) -> None:
        lapses = sorted(lapses, key=attrgetter("at"))
        at, through = [lapse.at for lapse in lapses], [lapse.through for lapse in lapses]
        youngest: dict[int, datetime] = {}
        for lot in lots:  # the last one that is earned comes last
            if lot.term.last_day is not None:
                first = max(bisect_left(through, lot.term.last_day), bisect_left(at, lot.earned_at))
                youngest[first] = lot.earned_at
        found = sorted(n for n in youngest if n < len(lapses))
        self.lapses = [lapses[n] for n in found]
        self._at = [lapse.at for lapse in self.lapses]
        self._reach = list(accumulate((youngest[n] for n in found), max))
        """When the last lot was earned that any run up to this one can have taken."""

    def shaken_at(self, known: Known, lots: Iterable[Lot]) -> set[datetime]:
        """Moments at which something became known that can change what was taken in a run before.

        What is spent changes it in every run since. What a record is worth does not change it for lots that were earned
        before that record: they are spent first, whatever comes after them.
        """
        earned_at = {lot.record_id: lot.earned_at for lot in lots}
        of_holds = {h.hold_id for h in known.held}
        shaken = {h.freed_at for h in known.held if h.freed_at is not None and self._ran(h.held_at, h.freed_at)}
        for posting in known.postings:
            if posting.clause in EXPIRED:
                continue
            if _is_spent(posting, of_holds):
                bears = self._ran(posting.occurred_at, posting.recorded_at)
            else:
                since = earned_at.get(posting.record_id)
                bears = since is not None and self._reached(since, posting.recorded_at)
            if bears:
                shaken.add(posting.recorded_at)
        return shaken

    def _ran(self, since: datetime, until: datetime) -> bool:
        """Whether there was a run from one moment until before another."""
        first = bisect_left(self._at, since)
        return first < len(self._at) and self._at[first] < until

    def _reached(self, earned_at: datetime, until: datetime) -> bool:
        """Whether a run before a moment can have taken lots that were earned then or later."""
        runs = bisect_left(self._at, until)
        return runs > 0 and self._reach[runs - 1] >= earned_at


def _as_known(held: Held, at: datetime) -> Held:
    return held if held.freed_at is None or held.freed_at <= at else held._replace(freed_at=None)


def _is_spent(posting: Posting, of_holds: Container[UUID]) -> bool:
    """Whether it was spent at once; what was held first is spent since then."""
    return posting.amount < 0 and posting.clause not in _OF_LOTS and posting.record_id not in of_holds


def course(known: Known, term_of: TermOf) -> Course:
    """Let everything happen in its order: earn, spend, lapse."""
    postings, held, lapses = known
    of_holds = {h.hold_id for h in held}
    lots = _lots(postings, of_holds, term_of)
    spends = [(h.held_at, h.amount, h.hold_id) for h in held if h.freed_at is None]
    for posting in postings:
        if _is_spent(posting, of_holds):
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
