"""Lines that another event caused than the one they carry, told from either end.

What a cap takes goes by the record that it is taken from, and what lapses or flows over by the run that took it,
whichever event changed it later (`earning.day_caps`). Such a line is posted as of the moment at which something new
was known about its account: whatever became known there at that very moment caused it. Where the event that the line
carries became known in that same moment, the tie is broken by the ids of the events, which a rebuild keeps (those of
transfers it gives anew): what has the greater id came after, and caused what is told of the other. So no two events
name each other.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, cast
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CompoundSelect,
    Uuid,
    and_,
    any_,
    bindparam,
    column,
    exists,
    func,
    not_,
    or_,
    select,
    table,
    text,
    true,
    union,
    union_all,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql import ColumnElement, FromClause
from sqlalchemy.sql.selectable import CTE, LateralFromClause, SelectBase

from services.points.explain.known import NOTHING, Cause, Line
from services.points.ledger.clauses import CUTS, EARNED, EXPIRED, POOLED, REVERSED, Clause
from services.points.ledger.reading import on
from services.points.ledger.schema import LIVE
from services.points.tables import holds, restatements, transfers
from services.points.tables.base import MOMENT
from services.points.time_orders.effects import planned_hold
from shared.clock import SHANGHAI, day_start, local_day

_TOLD = EARNED | REVERSED
"""Clauses of what an event says itself: what service is worth, and what was not so in the time bank."""
_TOLD_CLAUSES = ", ".join(str(int(clause)) for clause in sorted(_TOLD))
_OF_PEOPLE = _TOLD - {Clause.POLICY_RESTATED}
"""Of these, what is told of a person and not of days."""
_RUNS = EXPIRED | POOLED
_own_lines = transfers.alias("own_lines")
_SIDES = (_own_lines.c.credit_account, _own_lines.c.debit_account)
_events = table("events", column("event_id", Uuid), column("data", JSONB))
_A_DAY = timedelta(days=1)
_HOLDS = ("hold_id", "redemption_id", "gift_id", "time_order_id", "supply_request_id")
"""Names in events of what goes by the id of a hold."""
_EVER = datetime(1970, 1, 1, tzinfo=UTC)


class _Asked(NamedTuple):
    """Where to look for causes: what happened to an account within a time, and became known at a moment."""

    account: int
    known_at: datetime
    since: datetime
    until: datetime


async def causes(read: AsyncConnection, lines: Iterable[tuple[int, Line]]) -> dict[int, list[Cause]]:
    """By line, the events other than its own that caused it. `lines` are with the people's accounts they are of."""
    asked = {line.id: (line, where) for account, line in lines if (where := _where(account, line)) is not None}
    if not asked:
        return {}
    places = sorted({where for _, where in asked.values()})
    found: dict[_Asked, list[Cause]] = {}
    for number, *cause in await read.execute(
        _CAUSES, dict(zip(_Asked._fields, zip(*places, strict=True), strict=True))
    ):
        found.setdefault(places[number - 1], []).append(Cause(*cause))
    others = {number: _others(line.event_id, found.get(where, ())) for number, (line, where) in asked.items()}
    return {number: of_line for number, of_line in others.items() if of_line}


def _others(event_id: UUID, at_once: Sequence[Cause]) -> list[Cause]:
    """Which of the events that became known at a moment caused a line that carries this one."""
    told = any(cause.event_id == event_id and cause.clause in _OF_PEOPLE for cause in at_once)
    restated = int(Clause.POLICY_RESTATED)
    return [
        cause
        for cause in at_once
        if cause.event_id != event_id and (not told or cause.clause == restated or cause.event_id > event_id)
    ]


def _where(account: int, line: Line) -> _Asked | None:
    """A cap is about one day; what a run took, about all that happened before it. A run itself has no cause."""
    if line.clause in CUTS:
        day = local_day(line.occurred_at)
        return _Asked(account, line.recorded_at, day_start(day), day_start(day + _A_DAY))
    if line.clause in _RUNS and line.recorded_at != line.occurred_at:
        return _Asked(account, line.recorded_at, _EVER, line.occurred_at)
    return None


def _told_of(side: str) -> str:
    return f"""
        SELECT t.event_id, t.clause, t.occurred_at FROM {LIVE}.transfers AS t
         WHERE t.{side} = a.account AND t.{side} > 0 AND t.recorded_at = a.known_at
           AND t.occurred_at >= a.since AND t.occurred_at < a.until AND t.clause IN ({_TOLD_CLAUSES})
    """


# Of a restatement that changed nothing but a cap there is no line of its own; what was held and came back has none.
_CAUSES = text(
    f"""
    SELECT a.number, cause.event_id, cause.clause, min(cause.occurred_at)
      FROM unnest(:account, :known_at, :since, :until)
           WITH ORDINALITY AS a (account, known_at, since, until, number)
     CROSS JOIN LATERAL (
        {_told_of("credit_account")}
        UNION ALL
        {_told_of("debit_account")}
        UNION ALL
        SELECT r.event_id, {Clause.POLICY_RESTATED:d}, a.since FROM restatements AS r WHERE r.restated_at = a.known_at
        UNION ALL
        SELECT h.settled_by, {NOTHING}, h.held_at FROM {LIVE}.holds AS h
         WHERE h.debit_account = a.account AND h.settled_at = a.known_at
           AND h.held_at >= a.since AND h.held_at < a.until
        UNION ALL
        SELECT t.event_id, t.clause, h.held_at
          FROM {LIVE}.holds AS h
          JOIN {LIVE}.transfers AS t ON t.credit_account = h.debit_account AND t.credit_account > 0
               AND t.occurred_at = h.settled_at AND t.record_id = h.hold_id AND t.clause = {Clause.TAKEN_BACK:d}
         WHERE h.debit_account = a.account AND t.recorded_at = a.known_at
           AND h.held_at >= a.since AND h.held_at < a.until
     ) AS cause
     GROUP BY 1, 2, 3 ORDER BY 1, 4, 2
    """
).bindparams(
    bindparam("account", type_=ARRAY(BigInteger)),
    *(bindparam(name, type_=ARRAY(MOMENT)) for name in ("known_at", "since", "until")),
)


class Named(NamedTuple):
    """What an event of this service's own names that transfers do not lead to."""

    holds: Sequence[UUID] = ()
    """Ids of holds that it can have to do with."""
    restated_at: datetime | None = None
    """Of a restatement."""

    @property
    def params(self) -> dict[str, object]:
        """What queries for its effects are run with, beside the event."""
        return {"holds": list(self.holds), "restated_at": self.restated_at}


async def named(read: AsyncConnection, event_id: UUID) -> Named:
    """What an event names; nothing where it is another service's. `holds` has no index by event."""
    restated_at = select(restatements.c.restated_at).where(restatements.c.event_id == event_id).scalar_subquery()
    row = (await read.execute(select(_events.c.data, restated_at).where(_events.c.event_id == event_id))).first()
    if row is None:
        return Named()
    holds_of = [UUID(row[0][name]) for name in _HOLDS if row[0].get(name)]
    if order := row[0].get("time_order_id"):
        holds_of.append(planned_hold(UUID(order)))
    return Named(holds_of, row[1])


EVENT: ColumnElement[UUID] = bindparam("event", type_=Uuid)
"""The event whose effects are asked for."""
_HOLD_IDS: ColumnElement[Sequence[UUID]] = bindparam("holds", type_=ARRAY(Uuid))


def of_named(hold_id: ColumnElement[UUID]) -> ColumnElement[bool]:
    """Whether a hold is among those that the event names (`Named.params`)."""
    return hold_id == any_(_HOLD_IDS)


def consequences(own: CTE, restates: bool) -> SelectBase:
    """The transfers of other events that `EVENT` caused, by number and event; `own` are those of its own."""
    if not restates:
        return _told_with(own)
    # It may have moved everybody, or nothing but a cap: what is known since its moment stands together on few pages.
    return select(transfers.c.id, transfers.c.event_id).where(
        transfers.c.recorded_at == bindparam("restated_at", type_=MOMENT),
        transfers.c.event_id != EVENT,
        _of(transfers, CUTS | _RUNS | {Clause.POOL_MADE_GOOD}),
    )


def _told_with(own: CTE) -> CompoundSelect[Any]:
    """Transfers of other events that followed from what an event told of service, or set free.

    Looked for on its people's accounts between the day of the service and the moment at which it was told: for most
    events that is one day.
    """
    day = func.date_trunc("day", own.c.occurred_at, SHANGHAI.key)
    freed_on = func.date_trunc("day", holds.c.held_at, SHANGHAI.key)
    facts = union(
        *(
            select(side.label("account"), own.c.recorded_at.label("known_at"), day.label("day")).where(
                side > 0, _of(own, _TOLD)
            )
            for side in (own.c.credit_account, own.c.debit_account)
        ),
        select(holds.c.debit_account, holds.c.settled_at, freed_on).where(
            of_named(holds.c.hold_id), holds.c.settled_by == EVENT, holds.c.debit_account > 0
        ),
        # What was paid by a hold and came back since goes by when it was held, too.
        select(own.c.credit_account, own.c.recorded_at, freed_on).where(
            of_named(holds.c.hold_id),
            holds.c.debit_account == own.c.credit_account,
            own.c.clause == int(Clause.TAKEN_BACK),
            own.c.credit_account > 0,
        ),
    ).subquery("facts")
    next_day = facts.c.day + _A_DAY
    told_too = or_(*(_told_at_once(side, facts) for side in _SIDES))
    line = _lines(
        facts,
        transfers.c.occurred_at >= facts.c.day,
        transfers.c.occurred_at <= func.greatest(next_day, facts.c.known_at),
        transfers.c.recorded_at == facts.c.known_at,
        or_(and_(_of(transfers, CUTS), transfers.c.occurred_at < next_day), _of(transfers, _RUNS)),
        or_(transfers.c.event_id < EVENT, not_(told_too)),
    )
    found = select(line).join_from(facts, line, true()).cte("found")
    # What came back out of a pool may not be there any more, which is known at the same moment.
    pools = union(
        *(
            select(side.label("account"), found.c.recorded_at.label("known_at")).where(_of(found, POOLED), side > 0)
            for side in (found.c.credit_account, found.c.debit_account)
        )
    ).subquery("pools")
    made_good = _lines(pools, transfers.c.occurred_at == pools.c.known_at, _of(transfers, {Clause.POOL_MADE_GOOD}))
    return union(
        select(found.c.id, found.c.event_id).where(found.c.event_id != EVENT),
        select(made_good.c.id, made_good.c.event_id)
        .join_from(pools, made_good, true())
        .where(made_good.c.event_id != EVENT),
    )


def _told_at_once(side: ColumnElement[Any], places: FromClause) -> ColumnElement[bool]:
    """Whether the event that a line carries told of the service itself at the moment as of which it was posted."""
    own = exists().where(
        on(side, places.c.account),
        _own_lines.c.occurred_at == transfers.c.occurred_at,
        _own_lines.c.recorded_at == transfers.c.recorded_at,
        _own_lines.c.event_id == transfers.c.event_id,
        _of(_own_lines, _OF_PEOPLE),
    )
    return own.correlate(transfers, places)


def _lines(places: FromClause, *conditions: ColumnElement[bool]) -> LateralFromClause:
    """The lines of each account of `places`, by the indexes that they have."""
    return union_all(
        *(
            select(transfers).where(on(side, places.c.account), *conditions).correlate(places)
            for side in (transfers.c.credit_account, transfers.c.debit_account)
        )
    ).lateral()


def _of(lines: FromClause, clauses: Collection[Clause]) -> ColumnElement[bool]:
    return cast(ColumnElement[bool], lines.c.clause.in_([int(clause) for clause in sorted(clauses)]))
