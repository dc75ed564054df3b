"""Which accounts a caller may see: staff those of their node, volunteers their own and those of their teams."""

from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import Select, bindparam, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.points.fields import own_id
from services.points.ledger import holders
from services.points.tables import accounts, units
from services.points.teams import is_member
from shared.auth.permissions import Role
from shared.auth.tokens import Principal
from shared.contracts import Refusal, refuse_if
from shared.web import NotFound


class StatementNotKept(Refusal):
    """Accounts of issue have no statement line by line; every line is on the volunteers' own."""

    code: ClassVar[str] = "statement_not_kept"


_ACCOUNTS = select(accounts, units.c.code).join(units, units.c.id == accounts.c.unit)
# Put together once: nothing is asked for more often than a balance, and building its query takes as long as running it.
_ACCOUNT = _ACCOUNTS.where(accounts.c.holder == bindparam("holder"), units.c.code == bindparam("unit"))


def accounts_of(caller: Principal) -> Select[Any]:
    """A query for the accounts that the caller may see, each with the code of its unit."""
    query = _ACCOUNTS
    if caller.role is Role.VOLUNTEER:
        return query.where(accounts.c.holder == str(own_id(caller)))
    return query.where(accounts.c.community.startswith(caller.node))


async def accounts_of_holder(read: AsyncConnection, caller: Principal, holder: str) -> Select[Any]:
    """A query for one holder's accounts, as far as the caller may see them."""
    query = _ACCOUNTS if await _of_own_team(read, caller, holder) else accounts_of(caller)
    return query.where(accounts.c.holder == holder)


async def visible_account(
    read: AsyncConnection, caller: Principal, holder: str, unit: str, *, with_lines: bool = False
) -> Any:
    """One account, for a caller who may see it; `with_lines` when its lines are asked for.

    Raises `NotFound`, `OutsideNode`, `StatementNotKept`.
    """
    row = (await read.execute(_ACCOUNT, {"holder": holder, "unit": unit})).first()
    if caller.role is Role.VOLUNTEER:
        if not await _of_own_team(read, caller, holder):
            caller.require_self(holder)
    elif row is not None:
        caller.require(row.community)
    if row is None:
        raise NotFound("account")
    refuse_if(with_lines and row.id < 0, StatementNotKept)
    return row


async def _of_own_team(read: AsyncConnection, caller: Principal, holder: str) -> bool:
    """Whether a volunteer asks for a team that they belong to now: what it has, its members may know."""
    if caller.role is not Role.VOLUNTEER or not holder.startswith(holders.team_prefix):
        return False
    try:
        team_id = UUID(holder.removeprefix(holders.team_prefix))
    except ValueError:
        return False
    return await is_member(read, team_id, own_id(caller))
