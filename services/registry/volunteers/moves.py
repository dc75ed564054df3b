"""Routes of moves (迁居): the office that receives a volunteer brings them home; both communities see who moved."""

from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import Query
from pydantic import Field
from sqlalchemy import or_, select

from services.registry.fields import Configured, VolunteerNumber, earliest_day, own_id
from services.registry.organisation.views import require_community
from services.registry.tables import volunteer_moves, volunteers
from services.registry.volunteers import people
from services.registry.volunteers.model import Move
from services.registry.volunteers.schemas import MoveBody, RegisteredOut
from services.registry.volunteers.streams import VOLUNTEERS
from shared.clock import local_day
from shared.contracts import NodeCode, Refusal, refuse_if
from shared.unit_of_work import UnitOfWork
from shared.web import Api, Caller, Page, Paging, Read, Work
from shared.web.fields import Out
from shared.web.nodes import below

api = Api(tags=["volunteers 志愿者"])


class DocumentUnknown(Refusal):
    """Nobody is registered under the document, or whoever was is forgotten."""

    code = "document_unknown"
    status = 422


class NameDiffers(Refusal):
    """Whoever is registered under the document has another name there."""

    code = "name_differs"
    status = 422


class MovedOut(Out):
    """A move from one community to another."""

    volunteer_id: UUID
    number: VolunteerNumber
    from_community: NodeCode = Field(description="迁出社区 left")
    community: NodeCode = Field(description="迁入社区 home since then")
    moved_on: date


@api.command("/v1/volunteer-moves", permission="volunteers.move", status=201)
async def move_volunteer(body: MoveBody, work: Work, caller: Caller, settings: Configured) -> RegisteredOut:
    """办理迁入：核对本人证件后，志愿者转到本社区；编号、时长、积分、服务队和报名不变。

    A volunteer lives here now: the office that receives them has their document before it. Number, hours, points, teams
    and sign-ups stay as they are.
    """
    caller.require(body.community)
    await require_community(work.connection, body.community)
    volunteer_id = await _holder(work, body)
    today = local_day(work.now)
    earliest = earliest_day(work.now, settings.backdating_max_days)
    command = Move(body.community, body.moved_on or today, today, earliest)
    return RegisteredOut.of(await work.execute(VOLUNTEERS, volunteer_id, command))


@api.query("/v1/volunteer-moves", permission="volunteers.read")
async def list_moves(
    read: Read,
    caller: Caller,
    page: Paging,
    node: Annotated[NodeCode | None, Query(description="该节点及下级 this node and below; 默认本人所在节点")] = None,
    newest_first: Annotated[bool, Query(description="从新到旧，默认从旧到新 the newest first")] = False,
) -> Page[MovedOut]:
    """迁入和迁出，按日期；志愿者只看到自己的。Who moved here, or away; a volunteer sees their own moves."""
    m = volunteer_moves.c
    query = select(volunteer_moves, volunteers.c.number).join(volunteers, volunteers.c.id == m.volunteer_id)
    if (own := own_id(caller)) is not None:
        query = query.where(m.volunteer_id == own)
    else:
        query = query.where(or_(below(m.community, node, caller), below(m.from_community, node, caller)))
    order = [m.moved_on, m.volunteer_id, m.moved_version]
    return await page.fetch(read, query, order, MovedOut.model_validate, descending=newest_first)


async def _holder(work: UnitOfWork, body: MoveBody) -> UUID:
    """Whose document it is. Raises `DetailNotValid`, `DocumentUnknown` or `NameDiffers`."""
    name, today = people.valid_name(body.name), local_day(work.now)
    keys = people.valid_keys(body.id_number, today, body.id_kind)
    persons = await people.people_of(
        work.connection, work.vault, await people.holders_of(work.connection, work.vault, keys)
    )
    refuse_if(not persons, DocumentUnknown)
    # A slip in a number without a check digit can hit somebody else; and one number can be on documents of two kinds.
    named = [volunteer_id for volunteer_id, person in persons.items() if person.name == name]
    refuse_if(len(named) != 1, NameDiffers)
    return named[0]
