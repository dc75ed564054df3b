"""Routes of prices that hold for a time (时段价格)."""

from datetime import date
from uuid import UUID

from pydantic import BaseModel, Field
from sqlalchemy import select

from services.points.fields import Points
from services.points.market.model import Item, PlanPrice, WithdrawPrice
from services.points.market.prices import PeriodPrice, price_on
from services.points.market.views import ITEMS
from services.points.tables import item_prices, items
from shared.clock import local_day, system_clock
from shared.web import Api, Caller, NotFound, Read, Work
from shared.web.fields import Body, Day
from shared.web.nodes import of_caller

api = Api(tags=["market 爱心超市"])


class PeriodBody(Body):
    """时段价格 Another price from one day to another, both included."""

    price_points: Points
    first_day: Day
    last_day: Day


class PeriodOut(BaseModel):
    """A price for a time."""

    price_points: int
    first_day: date
    last_day: date


class PricesOut(BaseModel):
    """What an item costs, and when."""

    item_id: UUID
    base_points: int = Field(description="平时价格 price on all other days")
    today_points: int
    periods: list[PeriodOut]


@api.command("/v1/items/{item_id}/prices", permission="market.manage", status=201)
async def plan_price(item_id: UUID, body: PeriodBody, work: Work, caller: Caller) -> PricesOut:
    """设定时段价格，不可与已有时段重叠。Set a price for a time; times do not overlap."""
    await of_caller(work, caller, ITEMS, item_id)
    period = PeriodPrice(body.price_points, body.first_day, body.last_day)
    today = local_day(work.now)
    return _state(await work.execute(ITEMS, item_id, PlanPrice(period, today)), today)


@api.command("/v1/items/{item_id}/prices/{first_day}/withdrawal", permission="market.manage")
async def withdraw_price(item_id: UUID, first_day: Day, work: Work, caller: Caller) -> PricesOut:
    """取消时段价格，已预约的不变。Withdraw a price for a time; reservations keep it."""
    await of_caller(work, caller, ITEMS, item_id)
    return _state(await work.execute(ITEMS, item_id, WithdrawPrice(first_day)), local_day(work.now))


@api.query("/v1/items/{item_id}/prices", permission="market.read")
async def get_prices(item_id: UUID, read: Read, caller: Caller) -> PricesOut:
    """一件物品的价格。What an item costs, and when."""
    item = (await read.execute(select(items).where(items.c.id == item_id))).first()
    if item is None:
        raise NotFound("item")
    caller.require(item.community)
    rows = await read.execute(
        select(item_prices).where(item_prices.c.item_id == item_id).order_by(item_prices.c.first_day)
    )
    periods = [PeriodPrice(row.price_points, row.first_day, row.last_day) for row in rows]
    return _prices(item_id, item.price_points, periods, local_day(system_clock()))


def _state(item: Item, today: date) -> PricesOut:
    assert item.id is not None
    periods = sorted(item.periods, key=lambda period: period.first_day)
    return _prices(item.id, item.price_points, periods, today)


def _prices(item_id: UUID, base_points: int, periods: list[PeriodPrice], today: date) -> PricesOut:
    return PricesOut(
        item_id=item_id,
        base_points=base_points,
        today_points=price_on(today, base_points, periods).points,
        periods=[PeriodOut(price_points=p.points, first_day=p.first_day, last_day=p.last_day) for p in periods],
    )
