"""Route of what teams have."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Query
from pydantic import BaseModel, Field
from sqlalchemy import Select, Text, Uuid, cast, exists, func, select

from services.points.ledger import holders
from services.points.node_names import NamedPage, with_node_names
from services.points.tables import accounts, items, team_leaderships, teams, units
from shared.contracts.common import CommunityCode
from shared.web import Api, Caller, Paging, Read, narrowed

api = Api(tags=["supplies 活动物资"])

_ITEM_PREFIX = len("ITEM:") + 1


class HeldOut(BaseModel):
    """Pieces of one item that a team has."""

    team_id: UUID
    team_name: str
    community: str
    item_id: UUID
    name: str
    piece: str | None = Field(description="计量单位 what one piece is")
    quantity: int = Field(description="件数 pieces it has to account for")
    dissolved: bool = Field(
        description="服务队已解散，应退回或登记使用 the team is no more: they are to be brought back"
    )
    account: str = Field(description="账户：流水和说明从这里查 the account, for its statement and explanation")


@api.query("/v1/supplies/held", permission="supplies.read")
async def list_held(
    read: Read,
    caller: Caller,
    page: Paging,
    community: Annotated[CommunityCode | None, Query(description="社区 community")] = None,
    team_id: Annotated[UUID | None, Query(description="服务队 team")] = None,
) -> NamedPage[HeldOut]:
    """各服务队在手的活动物资。What each team of the caller's node has."""
    query = narrowed(held(caller.node), (teams.c.community, community), (teams.c.team_id, team_id))
    return await with_node_names(read, await page.fetch(read, query, [teams.c.team_id, items.c.id], _held))


def held(node: str) -> Select[Any]:
    """What teams below a node have. From the teams, which are few, to their accounts."""
    quantity = accounts.c.credits - accounts.c.debits
    of_team = accounts.c.holder == func.concat(holders.team_prefix, cast(teams.c.team_id, Text))
    of_item = items.c.id == cast(func.substr(units.c.code, _ITEM_PREFIX), Uuid)
    together = teams.join(accounts, of_team).join(units, units.c.id == accounts.c.unit).join(items, of_item)
    ended = team_leaderships.c.volunteer_id.is_(None) & (team_leaderships.c.team_id == teams.c.team_id)
    columns = teams.c.team_id, teams.c.name.label("team_name"), teams.c.community, items.c.id, items.c.name
    return (
        select(
            *columns, items.c.piece, units.c.code, quantity.label("quantity"), exists().where(ended).label("dissolved")
        )
        .select_from(together)
        .where(teams.c.community.startswith(node), quantity > 0)
    )


def _held(row: Any) -> HeldOut:
    return HeldOut(
        team_id=row.team_id,
        team_name=row.team_name,
        community=row.community,
        item_id=row.id,
        name=row.name,
        piece=row.piece,
        quantity=row.quantity,
        dissolved=row.dissolved,
        account=f"{holders.team(row.team_id)}/{row.code}",
    )
