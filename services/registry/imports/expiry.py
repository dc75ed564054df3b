"""Results of imports go when their time is over."""

from uuid import UUID

from services.registry.imports.results import EXPIRY, expire
from shared.timers import Timers
from shared.unit_of_work import UnitOfWork

timers = Timers()


@timers.on(EXPIRY)
async def let_go(work: UnitOfWork, import_id: UUID) -> None:
    """The file repeats personal data, so it is not kept longer than it is needed."""
    await expire(work, import_id)
