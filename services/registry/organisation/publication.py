"""Takes the divisions of a file over into the tree: adds, renames, and leaves alone what is as published."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import bindparam, func, select, text

from services.registry.organisation.model import Node, PublishNode, decide, evolve
from services.registry.tables import organisation_nodes
from shared.aggregate import Aggregate
from shared.unit_of_work import UnitOfWork

NODES = Aggregate("node", initial=Node(), decide=decide, evolve=evolve)


@dataclass(frozen=True, slots=True)
class Publication:
    """What an import did. `absent` divisions are in the tree below the file's top but not in the file; they stay."""

    added: int
    renamed: int
    unchanged: int
    absent: int


async def publish(work: UnitOfWork, nodes: Sequence[PublishNode], renamer: str = "") -> Publication:
    """Bring the tree up to the file. Below the node `renamer`, and on it, divisions are renamed; above it they are
    only added where missing, since the way down from the province has to be there.

    Divisions that differ are found with one query, whatever the size of the file.
    """
    await work.connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('organisation'))"))
    table = organisation_nodes
    rows = await work.connection.execute(
        select(table.c.code, table.c.name).where(table.c.code == func.any(bindparam("codes"))),
        {"codes": [node.code for node in nodes]},
    )
    known: dict[str, str] = {row.code: row.name for row in rows}
    added = renamed = 0
    for node in nodes:
        name = known.get(node.code)
        if name == node.name or (name is not None and not node.code.startswith(renamer)):
            continue
        if name is None:
            work.create(NODES, node.code, node)
            added += 1
        else:
            await work.execute(NODES, node.code, node)
            renamed += 1
    return Publication(
        added=added,
        renamed=renamed,
        unchanged=len(nodes) - added - renamed,
        absent=await _absent(work, nodes[0].code, len(known)),
    )


async def _absent(work: UnitOfWork, top: str, known_count: int) -> int:
    table = organisation_nodes
    stored = await work.connection.scalar(
        select(func.count()).select_from(table).where(table.c.code >= top, table.c.code < top + ":")
    )
    return max(0, int(stored or 0) - known_count)
