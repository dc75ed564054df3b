"""A request of supplies (活动物资申领): pieces for a team's activities, asked for by one person, approved by another.

The pieces are held from the request on, until the team takes them or it comes to nothing: what was promised for
Saturday is not redeemed on Friday. Whether they are there is the ledger's to say.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, Literal
from uuid import UUID

from shared.contracts import Event, Refusal, refuse_if, refuse_unless
from shared.contracts.love_market import GoodsLine
from shared.contracts.supplies import (
    SuppliesApproved,
    SuppliesCancelled,
    SuppliesExpired,
    SuppliesIssued,
    SuppliesRefused,
    SuppliesRequested,
)


class Stage(StrEnum):
    """Where a request stands."""

    NONE = "none"
    REQUESTED = "requested"
    APPROVED = "approved"
    ISSUED = "issued"
    REFUSED = "refused"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


ListedStage = Literal[
    Stage.REQUESTED,
    Stage.APPROVED,
    Stage.ISSUED,
    Stage.REFUSED,
    Stage.CANCELLED,
    Stage.EXPIRED,
]
"""Where one can stand that is there: what a list can be asked for."""


OPEN = frozenset({Stage.REQUESTED, Stage.APPROVED})


@dataclass(frozen=True, slots=True)
class Request:
    """A request as its events tell it."""

    id: UUID | None = None
    community: str = ""
    team_id: UUID | None = None
    lines: tuple[GoodsLine, ...] = ()
    requested_by: UUID | None = None
    stage: Stage = Stage.NONE
    collect_by: datetime | None = None


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask that a team be given supplies."""

    request_id: UUID
    community: str
    team_id: UUID
    team_dissolved: bool
    activity_id: UUID | None
    lines: tuple[GoodsLine, ...]
    by: UUID
    at: datetime
    collect_by: datetime


@dataclass(frozen=True, slots=True)
class Approve:
    """Say yes."""

    by: UUID
    team_leader: UUID | None
    team_dissolved: bool
    at: datetime
    collect_by: datetime


@dataclass(frozen=True, slots=True)
class Refuse:
    """Say no, which ends it."""

    by: UUID
    at: datetime


@dataclass(frozen=True, slots=True)
class Issue:
    """The team takes the supplies."""

    team_dissolved: bool
    at: datetime


@dataclass(frozen=True, slots=True)
class Cancel:
    """Call it off."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Expire:
    """Time passed. Too early, too late or twice is no mistake: timers may be."""

    at: datetime


Command = Ask | Approve | Refuse | Issue | Cancel | Expire


class RequestEnded(Refusal):
    """It was made, issued, refused, called off or expired before. Params: `stage`."""

    code: ClassVar[str] = "supplies_ended"


class RequestNotApproved(Refusal):
    """Nobody has approved it yet."""

    code: ClassVar[str] = "supplies_not_approved"


class RequestAlreadyApproved(Refusal):
    """It was approved already; it can be issued or called off."""

    code: ClassVar[str] = "supplies_already_approved"


class OwnRequest(Refusal):
    """Whoever made a request decides nothing about it; another does."""

    code: ClassVar[str] = "supplies_own_request"


class OwnTeam(Refusal):
    """Whoever leads the team does not approve what it is given."""

    code: ClassVar[str] = "supplies_own_team"


class DissolvedTeam(Refusal):
    """The team is no more; it can bring back and account for what it has, and is given nothing."""

    code: ClassVar[str] = "supplies_team_dissolved"


def decide(request: Request, command: Command) -> list[Event]:
    """Which events a command leads to. Raises the refusals above."""
    if isinstance(command, Ask):
        return [_asked(request, command)]
    if isinstance(command, Expire):
        due = request.collect_by is not None and command.at >= request.collect_by
        return [SuppliesExpired(**_named(request), expired_at=command.at)] if request.stage in OPEN and due else []
    refuse_unless(request.stage in OPEN, RequestEnded(stage=request.stage.value))
    match command:
        case Approve():
            refuse_if(request.stage is Stage.APPROVED, RequestAlreadyApproved)
            refuse_if(command.by == request.requested_by, OwnRequest)
            refuse_if(command.by == command.team_leader, OwnTeam)
            refuse_if(command.team_dissolved, DissolvedTeam)
            told = {"approved_by": command.by, "approved_at": command.at, "collect_by": command.collect_by}
            return [SuppliesApproved(**_named(request), **told)]
        case Refuse(by=by, at=at):
            refuse_if(by == request.requested_by, OwnRequest)
            refuse_if(request.stage is Stage.APPROVED, RequestAlreadyApproved)
            return [SuppliesRefused(**_named(request), refused_by=by, refused_at=at)]
        case Issue(team_dissolved=dissolved, at=at):
            refuse_unless(request.stage is Stage.APPROVED, RequestNotApproved)
            refuse_if(dissolved, DissolvedTeam)
            assert request.team_id is not None
            return [SuppliesIssued(**_named(request), team_id=request.team_id, lines=request.lines, issued_at=at)]
        case Cancel(at=at):
            return [SuppliesCancelled(**_named(request), cancelled_at=at)]


def _asked(request: Request, command: Ask) -> Event:
    refuse_unless(request.stage is Stage.NONE, RequestEnded(stage=request.stage.value))
    refuse_if(command.team_dissolved, DissolvedTeam)
    return SuppliesRequested(
        supply_request_id=command.request_id,
        community=command.community,
        team_id=command.team_id,
        activity_id=command.activity_id,
        lines=command.lines,
        requested_by=command.by,
        requested_at=command.at,
        collect_by=command.collect_by,
    )


def _named(request: Request) -> dict[str, Any]:
    return {"supply_request_id": request.id, "community": request.community}


def evolve(request: Request, event: Event) -> Request:
    """The request after an event."""
    match event:
        case SuppliesRequested():
            return Request(
                id=event.supply_request_id,
                community=event.community,
                team_id=event.team_id,
                lines=event.lines,
                requested_by=event.requested_by,
                stage=Stage.REQUESTED,
                collect_by=event.collect_by,
            )
        case SuppliesApproved(collect_by=collect_by):
            return replace(request, stage=Stage.APPROVED, collect_by=collect_by)
        case SuppliesIssued():
            return replace(request, stage=Stage.ISSUED)
        case SuppliesRefused():
            return replace(request, stage=Stage.REFUSED)
        case SuppliesCancelled():
            return replace(request, stage=Stage.CANCELLED)
        case SuppliesExpired():
            return replace(request, stage=Stage.EXPIRED)
        case _:
            return request
