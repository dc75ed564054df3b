"""How old a beneficiary is, as far as it is certain."""

from collections.abc import Mapping
from datetime import date
from typing import Any
from uuid import UUID

from services.points.accounts.known import Known
from services.points.beneficiaries.id_numbers import age_in_month
from shared.clock import local_day
from shared.unit_of_work import UnitOfWork


async def age_years_min(work: UnitOfWork, beneficiary: Any, known: Mapping[UUID, Known]) -> int | None:
    """Full years that a beneficiary has at least; None when nobody knows.

    Of a volunteer the registry tells the age group, of others the vault has the birth date.
    """
    if beneficiary.volunteer_id is not None:
        volunteer = known.get(beneficiary.volunteer_id)
        return None if volunteer is None else volunteer.age_group_from
    born = (await work.vault.get(work.connection, beneficiary.id)).get("born_on")
    return None if born is None else age_in_month(date.fromisoformat(born), local_day(work.now))
