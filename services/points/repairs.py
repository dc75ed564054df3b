"""What commands of this service do beside their events: deadlines are timers, and who is forgotten loses their key."""

from datetime import date, timedelta
from uuid import UUID

from services.points.aid.api import EXPIRY as AID
from services.points.beneficiaries.views import free_identity
from services.points.certificates.api import await_end_of_publicity
from services.points.certificates.model import Stage
from services.points.certificates.views import CERTIFICATES
from services.points.deaths.api import FOLLOW_UP
from services.points.redemptions.api import EXPIRY as REDEMPTION
from services.points.stars.api import REVIEW
from services.points.supplies.api import EXPIRY as SUPPLIES
from services.points.time_orders.api import EXPIRY as TIME_ORDER
from shared.clock import day_start
from shared.contracts.deaths import DeathConfirmed
from shared.contracts.honours import (
    CertificateFlagLifted,
    CertificateIssued,
    StarGranted,
    StarReviewed,
    StarWithdrawn,
)
from shared.contracts.love_market import (
    AidGranted,
    DonorDetailsChanged,
    DonorForgotten,
    DonorRegistered,
    HouseholdDetailsChanged,
    HouseholdForgotten,
    HouseholdNeedRecognised,
    HouseholdRegistered,
    ItemPhotoSet,
    SupplierDetailsChanged,
    SupplierForgotten,
    SupplierRegistered,
)
from shared.contracts.points import RedemptionReserved
from shared.contracts.supplies import SuppliesApproved, SuppliesRequested
from shared.contracts.time_bank import (
    BeneficiaryDetailsChanged,
    BeneficiaryForgotten,
    BeneficiaryRegistered,
    TimeOrderRequested,
    TimeOrderServed,
    TimeOrderUnconfirmed,
)
from shared.repairs import Repairs
from shared.unit_of_work import UnitOfWork

repairs = Repairs(
    details=(
        BeneficiaryRegistered,
        BeneficiaryDetailsChanged,
        HouseholdRegistered,
        HouseholdDetailsChanged,
        HouseholdNeedRecognised,
        DonorRegistered,
        DonorDetailsChanged,
        SupplierRegistered,
        SupplierDetailsChanged,
        CertificateIssued,
        ItemPhotoSet,
    )
)


@repairs.on(RedemptionReserved)
async def await_collection(work: UnitOfWork, event: RedemptionReserved) -> None:
    """Not collected in time, the points are free again."""
    work.schedule(REDEMPTION, event.redemption_id, event.collect_by)


@repairs.on(AidGranted)
async def await_household(work: UnitOfWork, event: AidGranted) -> None:
    """Not collected in time, the pieces are free again."""
    work.schedule(AID, event.gift_id, event.collect_by)


@repairs.on(SuppliesRequested, SuppliesApproved)
async def await_team(work: UnitOfWork, event: SuppliesRequested | SuppliesApproved) -> None:
    """Neither approved nor collected in time, the pieces are free again."""
    work.schedule(SUPPLIES, event.supply_request_id, event.collect_by)


@repairs.on(TimeOrderRequested)
async def await_service(work: UnitOfWork, event: TimeOrderRequested) -> None:
    """Not served in time, the minutes are free again."""
    work.schedule(TIME_ORDER, event.time_order_id, event.serve_by)


@repairs.on(TimeOrderServed, TimeOrderUnconfirmed)
async def await_confirmation(work: UnitOfWork, event: TimeOrderServed | TimeOrderUnconfirmed) -> None:
    """Not confirmed in time, those concerned are reminded."""
    work.schedule(TIME_ORDER, event.time_order_id, event.confirm_by or work.now)


@repairs.on(CertificateIssued, CertificateFlagLifted)
async def await_objections(work: UnitOfWork, event: CertificateIssued | CertificateFlagLifted) -> None:
    """It takes effect after its last day of publicity."""
    certificate = (await work.load(CERTIFICATES, event.certificate_id)).state
    if certificate.stage is Stage.PUBLIC:
        await_end_of_publicity(work, event.certificate_id, certificate)


@repairs.on(StarGranted, StarReviewed)
async def await_review(work: UnitOfWork, event: StarGranted | StarReviewed) -> None:
    """A grade is looked at again; one told before days were told, at once."""
    _look_on(work, event.volunteer_id, event.review_on)


@repairs.on(StarWithdrawn)
async def review_what_is_left(work: UnitOfWork, event: StarWithdrawn) -> None:
    """An earlier grade that comes into force again is looked at."""
    _look_on(work, event.volunteer_id, None)


def _look_on(work: UnitOfWork, volunteer_id: UUID, day: date | None) -> None:
    work.schedule(REVIEW, volunteer_id, work.now if day is None else day_start(day))


@repairs.on(DeathConfirmed)
async def follow_up(work: UnitOfWork, event: DeathConfirmed) -> None:
    """For a year it is looked daily whether something became known."""
    work.schedule(FOLLOW_UP, event.death_id, work.now + timedelta(days=1))


@repairs.on(BeneficiaryForgotten)
async def forget_beneficiary(work: UnitOfWork, event: BeneficiaryForgotten) -> None:
    """The backup knew who it was."""
    await free_identity(work.connection, event.beneficiary_id)
    await work.vault.forget(work.connection, event.beneficiary_id)


@repairs.on(HouseholdForgotten)
async def forget_household(work: UnitOfWork, event: HouseholdForgotten) -> None:
    """The backup knew who they were."""
    await work.vault.forget(work.connection, event.household_id)


@repairs.on(SupplierForgotten)
async def forget_supplier(work: UnitOfWork, event: SupplierForgotten) -> None:
    """The backup knew who it was."""
    await work.vault.forget(work.connection, event.supplier_id)


@repairs.on(DonorForgotten)
async def forget_donor(work: UnitOfWork, event: DonorForgotten) -> None:
    """The backup knew who it was."""
    await work.vault.forget(work.connection, event.donor_id)
