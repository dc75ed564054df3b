"""A crew's name belongs to one crew of its community, until it is renamed or disbanded."""

from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.grid_patrol.crews.model import CrewNameTaken


async def claim_name(connection: AsyncConnection, community: str, name: str, crew_id: UUID) -> None:
    """Reserve the name, in the place of an earlier one. A concurrent claim is waited for. Raises `CrewNameTaken`."""
    await release_name(connection, crew_id)
    claimed = await connection.execute(
        text(
            "INSERT INTO crew_names (community, name, crew_id) VALUES (:community, :name, :crew_id)"
            " ON CONFLICT (community, name) DO NOTHING RETURNING crew_id"
        ),
        {"community": community, "name": name, "crew_id": crew_id},
    )
    if claimed.first() is None:
        raise CrewNameTaken(name=name)


async def release_name(connection: AsyncConnection, crew_id: UUID) -> None:
    """Free the name of a crew that is no more, or has another one."""
    await connection.execute(text("DELETE FROM crew_names WHERE crew_id = :crew_id"), {"crew_id": crew_id})
