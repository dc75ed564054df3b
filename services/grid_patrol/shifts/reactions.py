"""What shifts do on other contexts' events: the tracks of a person who was forgotten are dropped."""

from sqlalchemy import delete

from services.grid_patrol.tables import scans
from shared.contracts.registry import PersonForgotten
from shared.deliveries import Delivery
from shared.reactions import Reactions
from shared.unit_of_work import UnitOfWork

reactions = Reactions()


@reactions.on(PersonForgotten)
async def drop_tracks(work: UnitOfWork, event: PersonForgotten, _: Delivery) -> None:
    """What the person scanned is kept no longer; that the cells were covered stays."""
    await work.connection.execute(delete(scans).where(scans.c.volunteer_id == event.volunteer_id))
