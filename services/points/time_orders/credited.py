"""Whether an hour is paid twice, by an order and as service that the registry told; and the route that lists those."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query
from sqlalchemy import (
    ColumnElement,
    Interval,
    Text,
    and_,
    case,
    cast,
    exists,
    func,
    literal,
    literal_column,
    or_,
    select,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from services.points.fields import Configured
from services.points.ledger import holders
from services.points.ledger.clauses import CUTS, EARNED
from services.points.node_names import NamedPage, with_node_names
from services.points.spans import Spanning
from services.points.tables import accounts, time_orders, transfers
from services.points.time_orders.bodies import OrderOut
from services.points.units import Unit
from shared.clock import local_day, system_clock
from shared.contracts.common import CommunityCode
from shared.web import Api, Caller, Read

api = Api(tags=["time orders 时间订单"])

_A_DAY, _A_MINUTE = timedelta(days=1), literal(timedelta(minutes=1), Interval)
"""A record never spans more than a day."""


@api.query("/v1/double-credits", permission="time_orders.review")
async def list_double_credits(
    read: Read,
    caller: Caller,
    span: Spanning,
    settings: Configured,
    community: Annotated[CommunityCode | None, Query(description="服务对象社区 the beneficiary's community")] = None,
) -> NamedPage[OrderOut]:
    """同一时段既由订单支付、又按活动计入时间的订单，按确认日，默认只看还能更正的：活动记录晚到时会出现，请更正活动记录，或更正订单。

    Orders whose hour was credited as service, too: the record came after the confirmation. It is to be
    corrected, or the order. By the day of the confirmation; without a first day, those that can still be corrected.
    """
    if span.since is None:
        # Every order is held against the ledger: never those of all years.
        within = timedelta(days=settings.minutes_correct_within_days)
        span = replace(span, since=(span.until or local_day(system_clock())) - within)
    holder, since = cast(time_orders.c.provider_id, Text), time_orders.c.started_at
    twice = _credited(holder, since, since + time_orders.c.minutes * _A_MINUTE)
    here = time_orders.c.community.startswith(caller.node)
    # As the partial index says of itself.
    query = select(time_orders).where(here, time_orders.c.stage == literal_column("'confirmed'"), twice)
    if community is not None:
        query = query.where(time_orders.c.community == community)
    order = (time_orders.c.ended_at, time_orders.c.id)
    return await with_node_names(read, await span.fetch(read, query, order, OrderOut.of_row))


async def credited_elsewhere(
    connection: AsyncConnection, provider_id: UUID, started_at: datetime, minutes: int
) -> bool:
    """Whether a provider has minutes of the time bank for a service record of that time; voided ones do not count."""
    holder, until = literal(holders.volunteer(provider_id)), literal(started_at + timedelta(minutes=minutes))
    return bool(await connection.scalar(select(_credited(holder, literal(started_at), until))))


def _credited(holder: ColumnElement[Any], since: ColumnElement[Any], until: ColumnElement[Any]) -> ColumnElement[bool]:
    """On a holder and a time: service of that time brought minutes, and still does.

    A record lasts as long as its lines before any cap amount to: a correction can have brought it, or made it another.
    """
    mine, line = accounts.alias("mine"), transfers.alias("line")
    gained = line.c.credit_account == mine.c.id
    signed = case((gained, line.c.amount), else_=-line.c.amount)
    served = func.sum(signed).filter(line.c.clause.in_([int(clause) for clause in EARNED]))
    # Both sides as the partial indexes say of themselves.
    either = or_(
        and_(gained, line.c.credit_account > literal_column("0")),
        and_(line.c.debit_account == mine.c.id, line.c.debit_account > literal_column("0")),
    )
    return exists(
        select(line.c.record_id)
        .select_from(mine.join(line, either))
        .where(
            mine.c.holder == holder,
            mine.c.unit.in_([int(Unit.MINUTE), int(Unit.DONATION_MINUTE)]),
            line.c.clause.in_([int(clause) for clause in EARNED | CUTS]),
            line.c.occurred_at < until,
            line.c.occurred_at > since - _A_DAY,
        )
        .group_by(line.c.record_id, line.c.occurred_at)
        .having(func.sum(signed) > 0, line.c.occurred_at + served * _A_MINUTE > since)
    )
