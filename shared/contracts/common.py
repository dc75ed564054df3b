"""Value types that several contexts speak of."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

NodeCode = Annotated[str, StringConstraints(pattern=r"^\d{2}(\d{2}(\d{2}(\d{3}(\d{3})?)?)?)?$")]
"""A node of the organisation tree: a national division code of 2, 4, 6, 9 or 12 digits."""

CommunityCode = Annotated[str, StringConstraints(pattern=r"^\d{12}$")]
"""The 12-digit division code of a community (社区 or 村)."""

Minutes = Annotated[int, Field(ge=0, le=24 * 60)]
"""Minutes of service within one record; a record never spans more than a day."""


class Evidence(StrEnum):
    """How a service record is known: what kind of evidence stands behind it."""

    SCANNED = "scanned"
    """Checked in and out on site. Earns points."""
    BACKFILLED = "backfilled"
    """Entered afterwards by the organiser. Counts for honour, not for points."""
    ESTIMATED = "estimated"
    """A guess. Never counts."""


class CorrectionReason(StrEnum):
    """Why a recorded service was changed afterwards."""

    WRONG_TIME = "wrong_time"
    WRONG_PERSON = "wrong_person"
    NOT_PRESENT = "not_present"
    COMPLAINT_UPHELD = "complaint_upheld"
    EVIDENCE_ADDED = "evidence_added"


class ServiceRecord(BaseModel):
    """One person's service within an activity, shift or case: who, when, how long, and how it is known."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    record_id: UUID
    """Identifies this record for corrections and for the ledger."""
    volunteer_id: UUID
    minutes: Minutes
    """Minutes served, travel excluded."""
    evidence: Evidence
    started_at: AwareDatetime
    """When the service began; decides the day, the policy and the caps that apply."""


def utc_text(moment: datetime) -> str:
    """RFC 3339 text of an aware moment, as CloudEvents want it."""
    return moment.isoformat().replace("+00:00", "Z")
