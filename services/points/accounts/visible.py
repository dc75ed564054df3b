"""Which accounts a caller may see: staff those of their node, volunteers their own."""

from typing import Any, ClassVar

from sqlalchemy import Select, bindparam, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.points.fields import own_id
from services.points.tables import accounts, units
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


async def visible_account(
    read: AsyncConnection, caller: Principal, holder: str, unit: str, *, with_lines: bool = False
) -> Any:
    """One account, for a caller who may see it; `with_lines` when its lines are asked for.

    Raises `NotFound`, `OutsideNode`, `StatementNotKept`.
    """
    row = (await read.execute(_ACCOUNT, {"holder": holder, "unit": unit})).first()
    if row is None:
        caller.require_self(holder)
        raise NotFound("account")
    if caller.role is Role.VOLUNTEER:
        caller.require_self(holder)
    else:
        caller.require(row.community)
    refuse_if(with_lines and row.id < 0, StatementNotKept)
    return row
