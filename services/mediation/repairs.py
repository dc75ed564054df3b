"""What commands of this service do beside their events: parties lie in the vault, and lose their key."""

from services.mediation.cases.parties import lose
from shared.contracts import mediation as told
from shared.repairs import Repairs
from shared.unit_of_work import UnitOfWork

repairs = Repairs(
    details=(
        told.CaseFiled,
        told.PartyJoined,
        told.PartyDetailsChanged,
        told.AccountWritten,
        told.DisputeResolved,
        told.MediationFailed,
    )
)


@repairs.on(told.PartyErased)
async def erase_party(work: UnitOfWork, event: told.PartyErased) -> None:
    """The backup knew who it was."""
    await lose(work, event.party_id, event.erased_at)
