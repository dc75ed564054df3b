"""A relation between a volunteer and a beneficiary: entered by one person, verified by another, ended by anybody.

Only a verified one counts: minutes can be given along it, left to it, and not be earned along it.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import ClassVar, Literal
from uuid import UUID

from services.points.beneficiaries.model import BeneficiaryIsForgotten, NoSuchVolunteer
from shared.contracts import Event, Refusal, refuse_if, refuse_unless
from shared.contracts.time_bank import KinEnded, KinProposed, KinRelation, KinVerified


class Stage(StrEnum):
    """Where a relation stands."""

    NONE = "none"
    PROPOSED = "proposed"
    VERIFIED = "verified"
    ENDED = "ended"


ListedStage = Literal[
    Stage.PROPOSED,
    Stage.VERIFIED,
    Stage.ENDED,
]
"""Where one can stand that is there: what a list can be asked for."""


@dataclass(frozen=True, slots=True)
class Tie:
    """A relation as its events tell it."""

    id: UUID | None = None
    community: str = ""
    volunteer_id: UUID | None = None
    beneficiary_id: UUID | None = None
    stage: Stage = Stage.NONE
    proposed_by: UUID | None = None


@dataclass(frozen=True, slots=True)
class Propose:
    """Enter what a beneficiary is to a volunteer."""

    kin_id: UUID
    community: str
    volunteer_id: UUID
    volunteer_known: bool
    beneficiary_id: UUID
    beneficiary_volunteer_id: UUID | None
    beneficiary_forgotten: bool
    relation: KinRelation
    by: UUID
    at: datetime


@dataclass(frozen=True, slots=True)
class Verify:
    """Say that the papers were looked at."""

    by: UUID
    beneficiary_forgotten: bool
    at: datetime
    beneficiary_volunteer_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class End:
    """It no longer counts."""

    by: UUID
    at: datetime


Command = Propose | Verify | End


class KinWithOneself(Refusal):
    """Nobody is their own relative."""

    code: ClassVar[str] = "kin_with_oneself"
    status: ClassVar[int] = 422


class KinNotOpen(Refusal):
    """The relation was verified or ended before. Params: `stage`."""

    code: ClassVar[str] = "kin_not_open"


class OwnKinProposal(Refusal):
    """Whoever entered a relation, or is one side of it, cannot verify it."""

    code: ClassVar[str] = "kin_own_proposal"


def decide(tie: Tie, command: Command) -> list[Event]:
    """Which events a command leads to. Raises the refusals above, `BeneficiaryIsForgotten` and `NoSuchVolunteer`."""
    if isinstance(command, Propose):
        refuse_unless(tie.stage is Stage.NONE, KinNotOpen(stage=tie.stage.value))
        refuse_if(command.beneficiary_forgotten, BeneficiaryIsForgotten)
        refuse_unless(command.volunteer_known, NoSuchVolunteer)
        refuse_if(command.volunteer_id == command.beneficiary_volunteer_id, KinWithOneself)
        return [
            KinProposed(
                kin_id=command.kin_id,
                community=command.community,
                volunteer_id=command.volunteer_id,
                beneficiary_id=command.beneficiary_id,
                relation=command.relation,
                proposed_by=command.by,
                proposed_at=command.at,
            )
        ]
    assert tie.id is not None
    if isinstance(command, Verify):
        refuse_unless(tie.stage is Stage.PROPOSED, KinNotOpen(stage=tie.stage.value))
        refuse_if(command.beneficiary_forgotten, BeneficiaryIsForgotten)
        own = (tie.proposed_by, tie.volunteer_id, command.beneficiary_volunteer_id)
        refuse_if(command.by in own, OwnKinProposal)
        return [KinVerified(kin_id=tie.id, community=tie.community, verified_by=command.by, verified_at=command.at)]
    refuse_if(tie.stage is Stage.ENDED, KinNotOpen(stage=tie.stage.value))
    return [KinEnded(kin_id=tie.id, community=tie.community, ended_by=command.by, ended_at=command.at)]


def evolve(tie: Tie, event: Event) -> Tie:
    """The relation after an event."""
    match event:
        case KinProposed():
            return Tie(
                event.kin_id,
                event.community,
                event.volunteer_id,
                event.beneficiary_id,
                Stage.PROPOSED,
                event.proposed_by,
            )
        case KinVerified():
            return replace(tie, stage=Stage.VERIFIED)
        case KinEnded():
            return replace(tie, stage=Stage.ENDED)
        case _:
            return tie
