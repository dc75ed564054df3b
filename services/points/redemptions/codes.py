"""The collection code (领取码): six digits that show at the counter who comes for a reservation.

It follows from the vault's master key and the redemption's id, so it stands in no event and no table, and whoever reads
the database or the topics does not learn it.
"""

import hmac
from datetime import datetime, timedelta
from typing import ClassVar, Final
from uuid import UUID

from sqlalchemy import delete, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.points.tables import collection_tries
from shared.contracts import Refusal
from shared.privacy import Vault

DIGITS: Final = 6


class WrongCode(Refusal):
    """The code is not that of this reservation. Params: `left`, tries before it is locked."""

    code: ClassVar[str] = "wrong_collection_code"


class CodeLocked(Refusal):
    """Too many wrong codes for this reservation. Params: `minutes` until the next try."""

    code: ClassVar[str] = "collection_code_locked"


def collection_code(vault: Vault, redemption_id: UUID) -> str:
    """The code of a reservation: always the same, and not to be guessed from another one."""
    digest = vault.digest("collection code", str(redemption_id))
    return f"{int.from_bytes(digest[:8]) % 10**DIGITS:0{DIGITS}d}"


async def check(
    connection: AsyncConnection, vault: Vault, redemption_id: UUID, code: str, *, now: datetime, tries_max: int,
    locked_minutes: int,
) -> WrongCode | None:  # fmt: skip
    """Compare a code, and count it where it is wrong. Raises `CodeLocked`.

    What is wrong is returned, not raised: the caller answers with it and commits, or the count would be rolled back.
    """
    row = insert(collection_tries).values(redemption_id=redemption_id, wrong=0)
    # The row is locked until the commit, so that tries at the same moment count one after the other.
    locking = row.on_conflict_do_update(index_elements=["redemption_id"], set_={"wrong": collection_tries.c.wrong})
    tries = (
        await connection.execute(locking.returning(collection_tries.c.wrong, collection_tries.c.locked_until))
    ).one()
    if tries.locked_until is not None and now < tries.locked_until:
        raise CodeLocked(minutes=-((now - tries.locked_until) // timedelta(minutes=1)))
    if hmac.compare_digest(code, collection_code(vault, redemption_id)):
        return None
    wrong = tries.wrong + 1
    locked = wrong >= tries_max
    changed = {
        "wrong": 0 if locked else wrong,
        "locked_until": now + timedelta(minutes=locked_minutes) if locked else None,
    }
    await connection.execute(
        update(collection_tries).where(collection_tries.c.redemption_id == redemption_id).values(changed)
    )
    return WrongCode(left=tries_max - wrong)


async def forget_tries(connection: AsyncConnection, redemption_id: UUID) -> None:
    """The redemption has ended; nobody will try again."""
    await connection.execute(delete(collection_tries).where(collection_tries.c.redemption_id == redemption_id))
