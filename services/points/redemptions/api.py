"""Routes of redemptions: reserve, hand over, cancel; and the timer of those nobody came for."""

from datetime import date, datetime, timedelta
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from fastapi import Query, Request, Response
from pydantic import BaseModel, Field, model_validator
from pydantic_core import PydanticCustomError
from sqlalchemy import exists, or_, select

from services.points.fields import Configured, Quantity, ReversalBody, Reversible, own_id, reversing
from services.points.market.model import ItemNotListed
from services.points.market.prices import PeriodPrice, Price, price_on
from services.points.market.taken_back import hold_row
from services.points.node_names import NamedPage, with_node_names
from services.points.policy.in_force import InForce
from services.points.policy.views import LATEST
from services.points.redemptions.codes import check, collection_code, forget_tries
from services.points.redemptions.model import (
    Cancel,
    Collect,
    Command,
    Expire,
    ListedStage,
    Redemption,
    RedemptionEnded,
    Reserve,
    Stage,
)
from services.points.redemptions.views import REDEMPTIONS, month_of, pieces_in_month
from services.points.spans import Spanning
from services.points.tables import accounts, deaths, items, members, redemptions
from services.points.units import Unit
from shared.auth.permissions import Role
from shared.clock import local_day
from shared.contracts import refuse_unless
from shared.contracts.common import CommunityCode
from shared.contracts.points import Identification
from shared.database import driver_connection
from shared.timers import Timers
from shared.unit_of_work import UnitOfWork
from shared.web import Api, Caller, NotFound, Read, Vaulted, Work, etag
from shared.web.fields import Body
from shared.web.problems import problem

api = Api(tags=["redemptions 积分兑换"])
timers = Timers()

EXPIRY = "redemption.expiry"

_NAMED = (
    select(redemptions, members.c.number.label("volunteer_number"), items.c.name.label("item_name"))
    .join(items, items.c.id == redemptions.c.item_id)
    .outerjoin(members, members.c.volunteer_id == redemptions.c.volunteer_id)
)

_ASK = f"""
    SELECT {LATEST},
           i.community, i.listed, i.price_points, p.price_points AS period_points, p.first_day, p.last_day,
           m.community AS home, m.forgotten_at IS NOT NULL OR d.id IS NOT NULL AS closed, h.household_id
      FROM items AS i
      LEFT JOIN item_prices AS p ON p.item_id = i.id AND p.first_day <= $3 AND p.last_day >= $3
      LEFT JOIN ledger.members AS m ON m.volunteer_id = $2
      LEFT JOIN deaths AS d ON d.volunteer_id = $2
      LEFT JOIN household_members AS h ON h.volunteer_id = $2
     WHERE i.id = $1
"""
"""All that a reservation must know of policies, item and volunteer, in one question. Rows rather than streams: they are
as fresh, and an item with many donations has a long stream. For the driver itself, since many people redeem at once on
market days, and every layer between costs as much as the question.
"""


class ReserveBody(Body):
    """预约兑换 Points and pieces are held until collected."""

    volunteer_id: UUID
    item_id: UUID
    quantity: Quantity = 1


class CollectBody(Body):
    """领取 How whoever comes shows that they come for this reservation: the code, or without a phone one of these."""

    code: Annotated[str | None, Field(pattern=r"^[0-9]{6}$", description="领取码 collection code")] = None
    identified_by: Annotated[
        Literal["card", "id_document"] | None,
        Field(description="积分卡或身份证件 the points card or an identity document was seen"),
    ] = None
    quantity: Annotated[
        Quantity | None, Field(description="实际领取件数，不填即全部 pieces that are taken; all if not given")
    ] = None

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if (self.code is None) == (self.identified_by is None):
            choices = {"one": "code", "other": "identified_by"}
            raise PydanticCustomError("one_of", "give either {one} or {other}", choices)
        return self


class CodeOut(BaseModel):
    """The collection code of a reservation."""

    redemption_id: UUID
    code: str = Field(pattern=r"^[0-9]{6}$")
    collect_by: datetime


class PriceOut(BaseModel):
    """The price that a reservation took, and why."""

    points_each: int
    reason: Literal["base", "period"]
    first_day: date | None = Field(description="时段价格的起止日 of a price for a time; null for the base price")
    last_day: date | None


class ReservedOut(BaseModel):
    """A reservation."""

    id: UUID
    community: str
    volunteer_id: UUID
    item_id: UUID
    quantity: int
    points: int
    stage: Stage
    collect_by: datetime


class ReservationOut(ReservedOut):
    """A reservation, as it was just made."""

    price: PriceOut


class StageOut(BaseModel):
    """The redemption as the command left it."""

    id: UUID
    stage: Stage


class RedemptionOut(ReservedOut, Reversible):
    """A redemption, with the number and the name that people know.

    Once collected, `quantity` and `points` are what was taken and spent.
    """

    volunteer_number: str | None = Field(description="志愿者编号 number of the volunteer; null once forgotten")
    item_name: str
    reserved_quantity: int = Field(description="预约件数 pieces that were reserved; fewer may have been taken")
    reserved_at: datetime
    ended_at: datetime | None
    identified_by: Identification | None = Field(description="领取时的核验方式 how whoever came was identified")


@api.command("/v1/redemptions", permission="redemptions.reserve", status=201)
async def reserve(body: ReserveBody, work: Work, caller: Caller, policies: InForce) -> ReservationOut:
    """预约兑换：冻结积分和物品，到期未领自动取消。Reserve: hold points and pieces until collected or expired."""
    today = local_day(work.now)
    db = await driver_connection(work.connection)
    found = await db.fetchrow(_ASK, body.item_id, body.volunteer_id, today)
    if found is None:
        raise NotFound("item")
    caller.require(found["community"])
    caller.require_self(body.volunteer_id)
    # The office serves its own: with a volunteer's id alone nobody elsewhere spends their points. Home is not known of
    # somebody whom nobody has registered yet.
    if caller.role is not Role.VOLUNTEER and found["home"] is not None:
        caller.require(found["home"])
    refuse_unless(found["listed"], ItemNotListed)
    terms = await policies.terms(work.connection, found["community"], today, found[:3])
    limit = terms.market.pieces_per_household_per_month.value
    subject = found["household_id"] or body.volunteer_id
    period = None
    if found["first_day"] is not None:
        period = PeriodPrice(found["period_points"], found["first_day"], found["last_day"])
    price = price_on(today, found["price_points"], [] if period is None else [period])
    redemption_id = work.new_id()
    command = Reserve(
        redemption_id=redemption_id,
        community=found["community"],
        volunteer_id=body.volunteer_id,
        item_id=body.item_id,
        quantity=body.quantity,
        price_points=price.points,
        account_closed=found["closed"],
        reserved_at=work.now,
        collect_by=work.now + timedelta(hours=terms.redemption.collect_within_hours.value),
        household_id=found["household_id"],
        pieces_this_month=await pieces_in_month(work.connection, subject, month_of(work.now)) if limit else 0,
        pieces_per_month_max=limit,
    )
    state = work.create(REDEMPTIONS, redemption_id, command)
    work.schedule(EXPIRY, redemption_id, command.collect_by)
    return ReservationOut(
        id=redemption_id,
        community=found["community"],
        volunteer_id=body.volunteer_id,
        item_id=body.item_id,
        quantity=body.quantity,
        points=body.quantity * price.points,
        stage=state.stage,
        collect_by=command.collect_by,
        price=_price(price),
    )


@api.query("/v1/redemptions/{redemption_id}/code", permission="redemptions.read_code")
async def get_code(redemption_id: UUID, read: Read, caller: Caller, vault: Vaulted) -> CodeOut:
    """本人的领取码，可交给代领人。The volunteer's own collection code; whoever they send can show it."""
    row = (await read.execute(select(redemptions).where(redemptions.c.id == redemption_id))).first()
    if row is None:
        raise NotFound("redemption")
    caller.require(row.community, row.volunteer_id)
    refuse_unless(row.stage == Stage.RESERVED, RedemptionEnded(stage=row.stage))
    return CodeOut(redemption_id=redemption_id, code=collection_code(vault, redemption_id), collect_by=row.collect_by)


@api.command("/v1/redemptions/{redemption_id}/collection", permission="redemptions.hand_over", response_model=StageOut)
async def collect(
    request: Request, redemption_id: UUID, body: CollectBody, work: Work, caller: Caller, settings: Configured
) -> Any:
    """领取：凭领取码，或核验积分卡、身份证件；积分扣除，物品出库。只领一部分的填 `quantity`，其余积分和物品立即解冻。

    账户欠积分的，补足之前不能领取；志愿者身故或信息已删除的，不再领取，请撤销。

    Hand the goods over to whoever shows the code, or the card or an identity document; the points are spent. Of what is
    not taken, by `quantity`, points and pieces are free again at once. Not while the account owes, nor once it is
    closed. Wrong codes are counted, and after a few no code is taken for a while.
    """
    redemption = await _own(work, caller, redemption_id)
    if body.code is not None and redemption.stage is Stage.RESERVED:
        wrong = await check(
            work.connection,
            work.vault,
            redemption_id,
            body.code,
            now=work.now,
            tries_max=settings.collection_tries_max,
            locked_minutes=settings.collection_locked_minutes,
        )
        if wrong is not None:
            # Answered, not raised: what was counted must be committed.
            return problem(request, wrong.status, wrong.code, wrong.params)
    shown = Identification.CODE if body.identified_by is None else Identification(body.identified_by)
    owed, closed = await _account(work, redemption.volunteer_id)
    return await _end(work, caller, redemption_id, Collect(work.now, shown, owed, body.quantity, closed))


@api.command("/v1/redemptions/{redemption_id}/cancellation", permission="redemptions.cancel")
async def cancel(redemption_id: UUID, work: Work, caller: Caller) -> StageOut:
    """撤销：积分和物品解冻；志愿者可撤销本人的预约，搬走以后也可以。

    Call it off; points and pieces are free again. Volunteers call their own off, wherever they live now.
    """
    return await _end(work, caller, redemption_id, Cancel(work.now))


@api.command("/v1/redemptions/{redemption_id}/reversal", permission="redemptions.hand_over")
async def reverse(
    redemption_id: UUID, body: ReversalBody, work: Work, caller: Caller, settings: Configured
) -> StageOut:
    """撤回已领取的兑换：物品退回，或登记错误；物品回到货架，积分退回，期间已到期的随即失效，不计入每户当月件数。

    Take back, as a whole, a redemption that was collected: the goods were brought back, or it was entered wrongly. The
    pieces are on the shelf again, and the points with the volunteer; those whose time was over meanwhile lapse.
    """
    await hold_row(work.connection, redemptions, redemption_id)
    await _own(work, caller, redemption_id)
    state = await work.execute(REDEMPTIONS, redemption_id, reversing(work, settings, body))
    return StageOut(id=redemption_id, stage=state.stage)


async def _account(work: UnitOfWork, volunteer_id: UUID | None) -> tuple[int, bool]:
    """How many points the volunteer owes, and whether their account is closed, at this moment."""
    purse = (accounts.c.holder == str(volunteer_id)) & (accounts.c.unit == int(Unit.POINT))
    dead = exists().where(deaths.c.volunteer_id == volunteer_id)
    forgotten = exists().where(members.c.volunteer_id == volunteer_id, members.c.forgotten_at.is_not(None))
    owed = select(accounts.c.owed).where(purse).scalar_subquery()
    found = (await work.connection.execute(select(owed.label("owed"), or_(dead, forgotten).label("closed")))).one()
    return found.owed or 0, found.closed


async def _end(work: UnitOfWork, caller: Any, redemption_id: UUID, command: Command) -> StageOut:
    await _own(work, caller, redemption_id)
    state = await work.execute(REDEMPTIONS, redemption_id, command)
    await work.cancel_timer(EXPIRY, redemption_id)
    await forget_tries(work.connection, redemption_id)
    return StageOut(id=redemption_id, stage=state.stage)


async def _own(work: UnitOfWork, caller: Any, redemption_id: UUID) -> Redemption:
    loaded = await work.load(REDEMPTIONS, redemption_id)
    if not loaded.version:
        raise NotFound("redemption")
    caller.require(loaded.state.community, loaded.state.volunteer_id)
    return loaded.state


@timers.on(EXPIRY)
async def expire(work: UnitOfWork, redemption_id: UUID) -> None:
    """Nobody came in time."""
    await work.execute(REDEMPTIONS, redemption_id, Expire(work.now))
    await forget_tries(work.connection, redemption_id)


@api.query("/v1/redemptions", permission="redemptions.read")
async def list_redemptions(
    read: Read,
    caller: Caller,
    span: Spanning,
    community: Annotated[CommunityCode | None, Query(description="社区 community")] = None,
    volunteer_id: Annotated[UUID | None, Query(description="志愿者 volunteer")] = None,
    stage: Annotated[ListedStage | None, Query(description="状态 stage")] = None,
) -> NamedPage[RedemptionOut]:
    """兑换清单。Redemptions of the caller's node; a volunteer sees their own."""
    query = _NAMED.where(redemptions.c.community.startswith(caller.node))
    if caller.role is Role.VOLUNTEER:
        query = _NAMED.where(redemptions.c.volunteer_id == own_id(caller))
    if community is not None:
        query = query.where(redemptions.c.community == community)
    if volunteer_id is not None:
        query = query.where(redemptions.c.volunteer_id == volunteer_id)
    if stage is not None:
        query = query.where(redemptions.c.stage == stage.value)
    page = await span.fetch(read, query, (redemptions.c.reserved_at, redemptions.c.id), _redemption)
    return await with_node_names(read, page)


@api.query("/v1/redemptions/{redemption_id}", permission="redemptions.read")
async def get_redemption(redemption_id: UUID, read: Read, caller: Caller, response: Response) -> RedemptionOut:
    """一次兑换。One redemption."""
    row = (await read.execute(_NAMED.where(redemptions.c.id == redemption_id))).first()
    if row is None:
        raise NotFound("redemption")
    caller.require(row.community, row.volunteer_id)
    etag(response, row.version)
    return _redemption(row)


def _redemption(row: Any) -> RedemptionOut:
    return RedemptionOut(
        id=row.id,
        community=row.community,
        volunteer_id=row.volunteer_id,
        volunteer_number=row.volunteer_number,
        item_id=row.item_id,
        item_name=row.item_name,
        quantity=row.quantity,
        reserved_quantity=row.reserved_quantity,
        points=row.points,
        stage=Stage(row.stage),
        reserved_at=row.reserved_at,
        collect_by=row.collect_by,
        ended_at=row.ended_at,
        identified_by=row.identified_by,
        reversed_at=row.reversed_at,
        reversal_reason=row.reversal_reason,
    )


def _price(price: Price) -> PriceOut:
    period = price.period
    return PriceOut(
        points_each=price.points,
        reason="base" if period is None else "period",
        first_day=None if period is None else period.first_day,
        last_day=None if period is None else period.last_day,
    )
