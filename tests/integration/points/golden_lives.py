"""The golden records of released event versions, put in an order in which they could have happened."""

import json
import re
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4, uuid5

from services.points.app import SOURCES
from shared.contracts.examples import OCCURRED, example_id
from shared.contracts.registry import ActivityCategory
from shared.contracts.schema import FOLDER
from shared.eventstore import Recorded, append, decode, read_stream, writing
from tests.conftest import FOREIGN
from tests.contract.records import load
from tests.integration.points.producing import Producing, Told, attendance, completed

_GOLDEN = FOLDER / "golden"

_MARKET = """
    ItemListed ItemDescribed ItemPhotoSet ItemPhotoRemoved ItemPricePlanned ItemPriceWithdrawn ItemRepriced
    StockReceived StockReceived StockReceived SupplierRegistered BudgetGranted GoodsPurchased DonorRegistered
    GoodsDonated StockCounted GoodsSold
"""
_ORDERED = """
    ItemListed StockReceived StockReceived StockReceived RedemptionReserved AidProposed AidApproved AidGranted
    SuppliesRequested TimeOrderRequested
"""
LIVES = tuple(
    life.split()
    for life in (
        f"""
        {_MARKET} RedemptionReserved RedemptionCollected HouseholdRegistered HouseholdMembersChanged
        HouseholdDetailsChanged HouseholdNeedRecognised HouseholdNeedRecognised.v2 AidProposed AidApproved AidGranted
        AidHandedOver HouseholdNeedEnded
        SuppliesRequested SuppliesApproved SuppliesIssued SuppliesUsed SuppliesUseWithdrawn SuppliesReturned
        SuppliesReturnWithdrawn
        BeneficiaryRegistered KinProposed KinVerified TimeOrderRequested TimeOrderAccepted TimeOrderServed
        TimeOrderUnconfirmed TimeOrderConfirmed TimeOrderCorrectionProposed TimeOrderCorrected MinutesGiven
         MinutesGiftReversed MinutesDonated MinutesDonationReversed SettlementRunProposed SettlementRunConfirmed
        AnomalyFlagged AnomalyTakenUp AnomalyEvidenceChanged AnomalyEvidenceContinued AnomalyPointsHeld AnomalyUpheld
        StarApplied StarQualityAssessed StarApplicationUndecided StarReviewed StarGranted
        StarFlagged StarBorneAgain StarUndecided StarConfirmed
        StarReportIssued CertificateIssued CertificateObjected CertificateObjectionDismissed CertificateTookEffect
        CertificateFlagged CertificateUndecided CertificateFlagLifted CertificateVoided LeaderboardOptedOut
        PointsExpiryAnnounced PointsLapsed MinutesPooled
        PolicyPublished PolicyWithdrawn PolicyRestated DeathRecorded DeathConfirmed EstateSettled EstateMadeGood
        LongDayApproved LongDayApprovalWithdrawn LedgerSealed ItemDelisted ItemRenamed ItemRelisted
        RedemptionReversed AidReversed SaleReversed DonationReversed PurchaseReversed BudgetGrantReversed
        StockReceiptReversed
        """,
        f"""
        {_ORDERED} RedemptionCancelled AidCancelled SuppliesCancelled TimeOrderAccepted TimeOrderReopened
        TimeOrderAccepted TimeOrderCorrectionProposed TimeOrderCorrectionWithdrawn TimeOrderCancelled
        AnomalyFlagged AnomalyPointsHeld AnomalyPointsReleased AnomalyDismissed StarApplied StarDeclined
        CertificateIssued CertificateRefused KinProposed KinVerified KinEnded DeathRecorded DeathWithdrawn
        LeaderboardOptedOut LeaderboardOptedIn SettlementRunProposed SettlementRunWithdrawn DonorRegistered
        DonorDetailsChanged DonorForgotten SupplierRegistered SupplierDetailsChanged SupplierForgotten
        HouseholdRegistered HouseholdForgotten BeneficiaryRegistered BeneficiaryDetailsChanged BeneficiaryForgotten
        """,
        f"{_ORDERED} TimeOrderServed RedemptionExpired AidExpired SuppliesExpired TimeOrderTimedOut",
        """
        MinutesDonated TimeOrderApproved ItemListed StockReceived SuppliesRequested SuppliesRefused AidProposed
        AidRefused StarApplied StarReviewed StarGranted StarWithdrawn
        """,
    )
)
"""This service's own, by name. Each life has ids of its own, so that what excludes each other can all be told."""

NOT_STORED = {"BalanceChanged"}
"""Follows from the ledger and stands on its topic alone."""

_TAKEN: dict[str, dict[str, Any]] = {
    "PolicyPublished": {
        "policy_version": 2,
        "document": {"title": {"zh": "示例", "en": "Example"}, "points": {"minutes_per_point": 6}},
    },
    "PolicyWithdrawn": {"policy_version": 2},
    "LedgerSealed": {"community": FOREIGN},
}
"""The shipped policy has the number of the examples, and the running service seals the days of their community. The
example of a document lacks its title.
"""

_SPENDERS = ("volunteer", "payer_volunteer", "giver")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")


def stored() -> set[str]:
    """Every version of this service's own types, as lives name them."""
    return {path.stem.removesuffix(".v1") for path in (_GOLDEN / "points").glob("*.json")} - NOT_STORED


async def tell_others(producing: Producing) -> None:
    """Every golden record of the other contexts, as it stands. Who is forgotten is so at the end."""
    paths = [path for source in SOURCES for path in sorted((_GOLDEN / source).glob("*.json"))]
    for path in sorted(paths, key=lambda path: path.stem.startswith("PersonForgotten")):
        content = load(path)
        heads = [(name, value.encode()) for name, value in content["headers"].items()]
        await producing.tell_raw(path.parent.name, content["key"], json.dumps(content["body"]).encode(), heads)


def services() -> list[Told]:
    """What those in the lives earn before they spend it."""
    days = [OCCURRED - timedelta(days=day) for day in range(10, 20)]
    return [
        completed([attendance(UUID(_of_life(str(example_id(who)), life)), 480, day) for day in days], category=category)
        for life in range(len(LIVES))
        for who in _SPENDERS
        for category in (ActivityCategory.GENERAL, ActivityCategory.ENVIRONMENT)
    ]


async def live(service: Any) -> int:
    """Record every life, event by event, as commands did. Returns the number of events."""
    told = [(name, life) for life, names in enumerate(LIVES) for name in names]
    for number, (name, life) in enumerate(told):
        file = _GOLDEN / "points" / f"{name if '.v' in name else f'{name}.v1'}.json"
        content = json.loads(_of_life(file.read_text("utf-8"), life))
        body, stream = content["body"] | _TAKEN.get(name, {}), content["key"]
        if name == "StockReceived" and (name, life) in told[:number]:
            body["receipt_id"] = str(uuid5(UUID(body["receipt_id"]), str(number)))
        event, at = decode(content["headers"]["ce_type"], json.dumps(body)), OCCURRED + timedelta(minutes=number)
        async with writing(service.database) as connection:
            version = len(await read_stream(connection, stream)) + 1
            recorded = [Recorded(event, uuid4(), stream, version, body.get("community", ""), at)]
            await service.workshop.views.apply_all(connection, recorded)
            await append(connection, recorded)
    return len(told)


def _of_life(text: str, life: int) -> str:
    if life == 0:
        return text
    text = text.replace("-2026-00042", f"-2026-{life:05d}")  # of certificates, which are unique, too
    return _UUID.sub(lambda found: str(uuid5(UUID(found[0]), str(life))), text)
