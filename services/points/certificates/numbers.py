"""Numbers of certificates."""

import re
from typing import Final

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.points.tables import certificate_numbers

_NUMBER: Final = re.compile(r"^(\d{12})-(\d{4})-(\d{5,9})$")


async def next_number(connection: AsyncConnection, community: str, year: int) -> str:
    """The next number of a community in a year, e.g. ``620201001004-2026-00042``.

    Whoever takes the next one waits until this transaction ends: a number that comes to nothing is given again.
    """
    given = insert(certificate_numbers).values(community=community, year=year, latest=1)
    latest = await connection.scalar(
        given.on_conflict_do_update(
            index_elements=["community", "year"], set_={"latest": certificate_numbers.c.latest + 1}
        ).returning(certificate_numbers.c.latest)
    )
    return f"{community}-{year}-{latest:05d}"


def year_and_running_number(number: str) -> tuple[int, int]:
    """The parts of a number."""
    found = _NUMBER.match(number)
    assert found is not None, "an issued number has this form"
    return int(found[2]), int(found[3])
