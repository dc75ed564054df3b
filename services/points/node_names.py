"""Names of the nodes of the organisation tree, as the registry tells them: people know a community by its name.

Kept in the ledger's own schema, from the topics, as members and teams are. Codes stay what everything goes by; a name
stands beside its code, and where none was told the code stands alone.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, Field
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.points.tables import nodes
from shared.contracts.registry import OrganisationNodeAdded, OrganisationNodeRenamed
from shared.deliveries import Delivery, last_in_streams
from shared.web import Page

EVENTS = OrganisationNodeAdded, OrganisationNodeRenamed
"""What is told of nodes."""


async def note(db: Any, schema: str, deliveries: Sequence[Delivery]) -> None:
    """Keep the name of each node that stands last in its stream, whatever order they come in. May be repeated."""
    told = ((d.event.node, d.sequence, d.event.name) for d in deliveries if isinstance(d.event, EVENTS))
    latest = last_in_streams(told)
    if not latest:
        return
    # In one order, so that two batches with the same nodes cannot wait for each other in a circle.
    codes = sorted(latest)
    await db.execute(
        f"INSERT INTO {schema}.nodes AS n (node, sequence, name)"
        " SELECT * FROM unnest($1::text[], $2::bigint[], $3::text[])"
        " ON CONFLICT (node) DO UPDATE SET sequence = excluded.sequence, name = excluded.name"
        " WHERE n.sequence < excluded.sequence",
        codes,
        [latest[code][0] for code in codes],
        [latest[code][1].replace("\x00", "") for code in codes],
    )


async def names_of(read: AsyncConnection, codes: Iterable[str]) -> dict[str, str]:
    """Names by code, of those nodes that have one."""
    wanted = sorted(set(codes))
    if not wanted:
        return {}
    rows = await read.execute(select(nodes.c.node, nodes.c.name).where(nodes.c.node.in_(wanted)))
    return {row.node: row.name for row in rows}


def named(code: str, names: Mapping[str, str]) -> str:
    """A node as people read it: its name and its code, or the code alone."""
    name = names.get(code)
    return code if name is None else f"{name} {code}"


Row = TypeVar("Row", bound=BaseModel)

_CODES = ("node", "community", "place", "debtor", "creditor", "payer_community", "provider_community")
"""Fields of rows that are codes of nodes."""


class NamedPage(Page[Row]):
    """One page of a list, and what the nodes in it are called."""

    node_names: dict[str, str] = Field(description="`items` 中各节点的名称 names of the nodes in `items`, by code")


async def with_node_names(read: AsyncConnection, page: Page[Row]) -> NamedPage[Row]:
    """The page, with the names of the nodes that its rows speak of."""
    codes = {getattr(row, field, None) for row in page.items for field in _CODES}
    names = await names_of(read, (code for code in codes if code is not None))
    return NamedPage(items=page.items, next_cursor=page.next_cursor, node_names=names)
