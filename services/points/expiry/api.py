"""Routes of lots: which points can be spent until when."""

from datetime import date, datetime
from uuid import UUID

from fastapi import Request
from pydantic import BaseModel, Field

from services.points.accounts.visible import visible_account
from services.points.expiry.lapsing import Lapsing
from services.points.fields import Holder
from services.points.ledger.writing import LedgerWriter
from services.points.policy.in_force import InForce
from services.points.units import Unit
from shared.database import driver_connection
from shared.web import Api, Caller, NotFound, Read
from shared.web.problems import Texts, language_of

api = Api(tags=["accounts 积分账户"])


class LotOut(BaseModel):
    """Points of one service record."""

    record_id: UUID
    earned_at: datetime
    amount: int = Field(description="获得 what it brought, after corrections and caps")
    spent: int = Field(description="已用 what was spent of it, first earned first spent")
    lapsed: int = Field(description="已失效 what has lapsed of it")
    left: int = Field(description="剩余 what can be spent")
    last_day: date | None = Field(
        description="最后可用日，空为长期有效 last day on which it can be spent; null for ever"
    )
    policy_version: int | None


class LotsOut(BaseModel):
    """The lots of an account of points, the one that is spent next first."""

    text: str = Field(description="最近到期的积分 what lapses next, in words")
    items: list[LotOut]


@api.query("/v1/accounts/{holder}/POINT/lots", permission="accounts.read")
async def list_lots(
    request: Request, holder: Holder, read: Read, caller: Caller, in_force: InForce, all_lots: bool = False
) -> LotsOut:
    """积分批次：各批积分的最后可用日。Which points can be spent until when; the first earned are spent first."""
    row = await visible_account(read, caller, holder, Unit.POINT.name, with_lines=True)
    try:
        UUID(row.holder)
    except ValueError:
        raise NotFound("account") from None
    book = await in_force.book(read)
    lots = (await Lapsing(LedgerWriter()).lots(await driver_connection(read), book, [row.id]))[row.id]
    shown = [lot for lot in lots if all_lots or lot.left]
    texts: Texts = request.app.state.texts
    dated = [lot.term.last_day for lot in lots if lot.left and lot.term.last_day is not None]
    next_day = min(dated, default=None)
    points = sum(lot.left for lot in lots if lot.left and lot.term.last_day == next_day)
    sentence = "expiry.none" if next_day is None else "expiry.next"
    return LotsOut(
        text=texts.get(language_of(request), sentence, {"points": points, "day": str(next_day)}),
        items=[
            LotOut(
                record_id=lot.record_id,
                earned_at=lot.earned_at,
                amount=lot.amount,
                spent=lot.spent,
                lapsed=lot.lapsed,
                left=lot.left,
                last_day=lot.term.last_day,
                policy_version=lot.term.policy_version or None,
            )
            for lot in shown
        ],
    )
