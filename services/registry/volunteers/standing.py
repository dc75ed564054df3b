"""Volunteers as other rooms of the registry see them: found by id or number, and in good standing or refused."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.registry.volunteers.model import Standing, VolunteerConsentWithdrawn, VolunteerForgotten
from shared.contracts import Refusal


class VolunteerUnknown(Refusal):
    """No volunteer has this id or number."""

    code = "volunteer_unknown"
    status = 422


@dataclass(frozen=True, slots=True)
class Found:
    """A volunteer that was looked up."""

    id: UUID
    number: str
    standing: Standing

    def require_good(self) -> "Found":
        """Refuse a volunteer for whom no service may be recorded."""
        if self.standing is Standing.FORGOTTEN:
            raise VolunteerForgotten(volunteer=self.number)
        if self.standing is Standing.CONSENT_WITHDRAWN:
            raise VolunteerConsentWithdrawn(volunteer=self.number)
        return self


@contextmanager
def by_number(found: Mapping[UUID | str, Found]) -> Iterator[None]:
    """Refusals from within name the volunteer by number: people at a desk know no ids."""
    try:
        yield
    except Refusal as refusal:
        if (volunteer := found.get(refusal.params.get("volunteer_id", ""))) is not None:
            refusal.params["volunteer_id"] = volunteer.number
        raise


async def look_up(connection: AsyncConnection, references: Iterable[UUID | str]) -> Mapping[UUID | str, Found]:
    """Volunteers by id or number, in one statement; unknown ones are missing.

    The rows are locked against change until the transaction ends, so that a consent withdrawn in the same moment
    either comes first and is seen, or waits.
    """
    references = list(references)
    rows = await connection.execute(
        text(
            "SELECT id, number, standing FROM volunteers"
            " WHERE id = ANY(cast(:ids AS uuid[])) OR number = ANY(cast(:numbers AS text[]))"
            " ORDER BY id FOR SHARE"
        ),
        {
            "ids": [reference for reference in references if isinstance(reference, UUID)],
            "numbers": [reference for reference in references if isinstance(reference, str)],
        },
    )
    found: dict[UUID | str, Found] = {}
    for volunteer_id, number, standing in rows:
        entry = Found(volunteer_id, number, Standing(standing))
        found[volunteer_id] = found[number] = entry
    return found


async def require_good(connection: AsyncConnection, references: Iterable[UUID | str]) -> Mapping[UUID | str, Found]:
    """Volunteers in good standing by id or number.

    Raises `VolunteerUnknown`, `VolunteerForgotten` or `VolunteerConsentWithdrawn` for the first that is not.
    """
    references = list(references)
    found = await look_up(connection, references)
    for reference in references:
        if reference not in found:
            raise VolunteerUnknown(volunteer=str(reference))
        found[reference].require_good()
    return found
