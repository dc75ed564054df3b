"""What crews do on other contexts' events: a person who was forgotten leaves them."""

from sqlalchemy import select

from services.grid_patrol.crews.model import ForgetMember
from services.grid_patrol.crews.streams import CREWS
from services.grid_patrol.tables import crew_members
from shared.contracts.registry import PersonForgotten
from shared.deliveries import Delivery
from shared.reactions import Reactions
from shared.unit_of_work import UnitOfWork

reactions = Reactions()


@reactions.on(PersonForgotten)
async def leave(work: UnitOfWork, event: PersonForgotten, _: Delivery) -> None:
    """The person leaves every crew. The opaque id stays in what was logged."""
    member_of = select(crew_members.c.crew_id).where(crew_members.c.volunteer_id == event.volunteer_id)
    for crew_id in (await work.connection.scalars(member_of.order_by(crew_members.c.crew_id))).all():
        await work.execute(CREWS, crew_id, ForgetMember(event.volunteer_id))
