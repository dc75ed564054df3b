"""The organisation tree as a table."""

from collections.abc import Sequence

from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from services.registry.tables import organisation_nodes
from shared.contracts import Refusal
from shared.contracts.registry import OrganisationNodeAdded, OrganisationNodeRenamed
from shared.eventstore import Recorded
from shared.views import Views

views = Views([organisation_nodes])


class CommunityUnknown(Refusal):
    """The code is not a community of the imported organisation tree."""

    code = "community_unknown"
    status = 422


@views.on_run(OrganisationNodeAdded)
async def add(connection: AsyncConnection, run: Sequence[Recorded]) -> None:
    """New divisions."""
    rows = []
    for recorded in run:
        event = recorded.event
        assert isinstance(event, OrganisationNodeAdded)
        rows.append(
            {
                "code": event.node,
                "name": event.name,
                "level": event.level.value,
                "parent": event.parent,
                "source": event.source,
                "version": recorded.version,
            }
        )
    await connection.execute(insert(organisation_nodes), rows)


@views.on(OrganisationNodeRenamed)
async def rename(connection: AsyncConnection, event: OrganisationNodeRenamed, recorded: Recorded) -> None:
    """A division has a new name."""
    await connection.execute(
        update(organisation_nodes)
        .where(organisation_nodes.c.code == event.node)
        .values(name=event.name, source=event.source, version=recorded.version)
    )


async def require_community(connection: AsyncConnection, code: str) -> None:
    """Refuse a code that is not a community of the tree."""
    nodes = organisation_nodes
    found = await connection.scalar(
        select(nodes.c.code).where(nodes.c.code == bindparam("code"), nodes.c.level == "community"), {"code": code}
    )
    if found is None:
        raise CommunityUnknown(community=code)
