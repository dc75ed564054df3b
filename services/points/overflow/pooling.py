"""What flows over from a person's account, and what a pool lacks when some of it comes back. Pure.

What flows over is decided on the set of all that is known and on the rounds that ran, in the order in which things
happened, and once for each moment at which something new was known. So it comes out the same whatever arrived first,
and a correction brings back just what would not have flowed over.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple
from uuid import UUID

from services.points.ledger.clauses import CUTS, EARNED, POOLED, REVERSED, Clause
from services.points.ledger.postings import Held, Posting
from services.points.policy.terms import Said
from shared.clock import day_start

CapOn = Callable[[date], Said[int]]
"""The cap of the account's holder on a day, in minutes."""


class Round(NamedTuple):
    """A look at what stood above the cap at the end of a day."""

    event_id: UUID
    through: date
    at: datetime
    spent: int = 0
    """By the account's holder since the end of the day, as the round says."""

    @property
    def ends(self) -> datetime:
        """The end of its day."""
        return day_start(self.through + timedelta(days=1))


class Due(NamedTuple):
    """A transfer to post: what flows over in a round (negative), or comes back."""

    round: Round
    amount: int
    cap_version: int
    corrects: int | None
    known_at: datetime


class Lack(NamedTuple):
    """A transfer to post: what a pool is given for what it lacks, or gives back (negative)."""

    event_id: UUID
    amount: int
    corrects: int | None
    known_at: datetime


class _News(NamedTuple):
    """Something that changes a balance: since when it is known, from when on it counts, and by how much."""

    known_at: datetime
    counts_at: datetime
    amount: int


_SERVED = EARNED | CUTS


def _news(postings: Sequence[Posting], held: Sequence[Held]) -> list[_News]:
    """All that changes the balance but what flows over. Service counts from when it was given."""
    service = [_News(p.recorded_at, p.occurred_at, p.amount) for p in postings if p.clause in _SERVED]
    return service + _dealings(postings, held)


def _dealings(postings: Sequence[Posting], held: Sequence[Held]) -> list[_News]:
    """All but service: of this service's own telling, and counts from then; what corrects it, from when it was wrong.

    What is held for something is gone from that moment, and back when it is set free.
    """
    news = [
        _News(p.recorded_at, p.occurred_at if p.clause in REVERSED else p.recorded_at, p.amount)
        for p in besides_holds(postings, held)
        if p.clause not in POOLED | _SERVED
    ]
    for hold in held:
        news.append(_News(hold.held_at, hold.held_at, -hold.amount))
        if hold.freed_at is not None:
            news.append(_News(hold.freed_at, hold.freed_at, hold.amount))
    return news


def besides_holds(postings: Iterable[Posting], held: Sequence[Held]) -> Iterator[Posting]:
    """Postings without those that posted a hold, which was gone before; what corrects one is another matter."""
    of_holds = {hold.hold_id for hold in held}
    return (p for p in postings if p.clause in REVERSED or p.amount > 0 or p.record_id not in of_holds)


def spent_since(postings: Sequence[Posting], held: Sequence[Held], since: datetime) -> int:
    """How much of what stood on an account at a moment was gone at some moment since, the most of it counts."""
    left = least = 0
    dealings = sorted(one for one in _dealings(postings, held) if one.counts_at >= since)
    for _, of_moment in groupby(dealings, key=itemgetter(0)):
        left += sum(one.amount for one in of_moment)
        least = min(least, left)
    return -least


def above(held: int, stays: int) -> int:
    """What flows over of what an account holds at the end of a day."""
    return max(0, held - stays)


@dataclass(slots=True)
class _Bank:
    """An account as it is known so far: what it held at the end of each round's day, and what flowed over then."""

    cap_on: CapOn
    rounds: list[Round] = field(default_factory=list)
    ends: list[datetime] = field(default_factory=list)
    held: list[int] = field(default_factory=list)
    """At the end of each round's day, as if nothing had ever flowed over."""
    stays: list[int] = field(default_factory=list)
    """The cap of each round's day, and what was spent before the round."""
    pooled: list[int] = field(default_factory=list)
    ahead: list[_News] = field(default_factory=list)
    """What counts from a day on whose round is still to come."""
    stale: int = 0
    """Rounds from this one on are to be reckoned anew."""

    def learn(self, one: _News) -> None:
        """Hear of something, perhaps late."""
        first = bisect_right(self.ends, one.counts_at)
        if first == len(self.ends):
            self.ahead.append(one)
            return
        for index in range(first, len(self.ends)):
            self.held[index] += one.amount
        self.stale = min(self.stale, first)

    def go(self, one: Round) -> None:
        """A round ran."""
        ends = one.ends
        counted = sum(news.amount for news in self.ahead if news.counts_at < ends)
        self.ahead = [news for news in self.ahead if news.counts_at >= ends]
        self.rounds.append(one)
        self.ends.append(ends)
        self.held.append((self.held[-1] if self.held else 0) + counted)
        self.stays.append(self.cap_on(one.through).value + one.spent)
        self.pooled.append(0)

    def settle(self) -> Iterator[tuple[Round, int]]:
        """Rounds in which another amount flows over than was known before, and by how much it is more."""
        if self.stale == len(self.rounds):
            return
        before = sum(self.pooled[: self.stale])
        for index in range(self.stale, len(self.rounds)):
            over = above(self.held[index] - before, self.stays[index])
            if over != self.pooled[index]:
                yield self.rounds[index], over - self.pooled[index]
                self.pooled[index] = over
            before += over
        self.stale = len(self.rounds)


def due(postings: Sequence[Posting], held: Sequence[Held], rounds: Sequence[Round], cap_on: CapOn) -> list[Due]:
    """What is to be posted so that just that has flowed over which ought to have; nothing when it already has."""
    if not rounds:
        return []
    posted: dict[tuple[UUID, datetime], int] = {}
    for posting in postings:
        if posting.clause in POOLED:
            key = (posting.event_id, posting.recorded_at)
            posted[key] = posted.get(key, 0) + posting.amount
    by_event = {one.event_id: one for one in rounds}
    bank, wanted = _Bank(cap_on), dict[tuple[UUID, datetime], int]()
    # What is known at the moment of a round is known to it.
    happened: list[tuple[datetime, int, _News | Round]] = [(one.known_at, 0, one) for one in _news(postings, held)]
    happened += [(one.at, 1, one) for one in sorted(rounds, key=lambda one: one.through)]
    for moment, together in groupby(sorted(happened, key=itemgetter(0, 1)), key=itemgetter(0)):
        for _, _, one in together:
            if isinstance(one, Round):
                bank.go(one)
            else:
                bank.learn(one)
        for one, more in bank.settle():
            wanted[one.event_id, moment] = -more
    differences = {key: wanted.get(key, 0) - posted.get(key, 0) for key in wanted.keys() | posted.keys()}
    return [
        Due(
            by_event[event_id],
            amount,
            cap_on(by_event[event_id].through).version,
            _latest(postings, event_id, known_at),
            known_at,
        )
        for (event_id, known_at), amount in sorted(differences.items(), key=lambda item: (item[0][1], item[0][0].bytes))
        if amount
    ]


def _latest(postings: Sequence[Posting], event_id: UUID, known_at: datetime) -> int | None:
    """The last transfer that a round made of this account until a moment."""
    mine = (p for p in postings if p.clause in POOLED and p.event_id == event_id and p.recorded_at <= known_at)
    return max((posting.transfer_id for posting in mine), default=None)


def lacks(postings: Sequence[Posting], held: Sequence[Held]) -> list[Lack]:
    """What is to be posted so that a pool was below zero at no moment, as each was known.

    Minutes come back out of a pool that has given them away already; whoever recorded them wrongly makes up for them.
    The lack belongs to the least of the events of the moment at which it shows.
    """
    posted: dict[tuple[datetime, UUID], list[Posting]] = {}
    for posting in postings:
        if posting.clause == Clause.POOL_MADE_GOOD:
            posted.setdefault((posting.recorded_at, posting.event_id), []).append(posting)
    wanted: dict[tuple[datetime, UUID], int] = {}
    balance = given = 0
    others = [posting for posting in postings if posting.clause != Clause.POOL_MADE_GOOD]
    flows = [(p.recorded_at, p.event_id, p.amount) for p in besides_holds(others, held)]
    for hold in held:
        flows.append((hold.held_at, hold.hold_id, -hold.amount))
        if hold.freed_at is not None:
            flows.append((hold.freed_at, hold.hold_id, hold.amount))
    flows.sort(key=lambda flow: (flow[0], flow[1].bytes))
    for known_at, of_moment in groupby(flows, key=itemgetter(0)):
        here = list(of_moment)
        balance += sum(amount for _, _, amount in here)
        if balance + given < 0:
            wanted[known_at, here[0][1]] = -(balance + given)
            given = -balance
    return list(_differences(wanted, posted))


def _differences(
    wanted: Mapping[tuple[datetime, UUID], int], posted: Mapping[tuple[datetime, UUID], Sequence[Posting]]
) -> Iterator[Lack]:
    for known_at, event_id in sorted(wanted.keys() | posted.keys()):
        there = posted.get((known_at, event_id), ())
        difference = wanted.get((known_at, event_id), 0) - sum(posting.amount for posting in there)
        if difference:
            latest = max((posting.transfer_id for posting in there), default=None)
            yield Lack(event_id, difference, latest, known_at)
