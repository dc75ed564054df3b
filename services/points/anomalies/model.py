"""A flag: something looked as if hours had been invented; somebody looks into it and says what it was.

Nothing is refused and no hour is changed by a flag. It can hold the points that its records brought, until it is
dismissed, somebody lets them go, or the registry's correction of the records has come.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, Literal
from uuid import UUID

from shared.contracts import Event, Refusal, refuse_if, refuse_unless
from shared.contracts.anomalies import (
    AnomalyDismissed,
    AnomalyEvidence,
    AnomalyEvidenceChanged,
    AnomalyEvidenceContinued,
    AnomalyFlagged,
    AnomalyPointsHeld,
    AnomalyPointsReleased,
    AnomalyTakenUp,
    AnomalyUpheld,
    DismissalReason,
    HeldPoints,
    ReleaseReason,
    SuspectRecord,
    UpholdingReason,
)


class Stage(StrEnum):
    """Where a flag stands."""

    NONE = "none"
    RAISED = "raised"
    UNDER_REVIEW = "under_review"
    DISMISSED = "dismissed"
    UPHELD = "upheld"


ListedStage = Literal[
    Stage.RAISED,
    Stage.UNDER_REVIEW,
    Stage.DISMISSED,
    Stage.UPHELD,
]
"""Where one can stand that is there: what a list can be asked for."""


OPEN = frozenset({Stage.RAISED, Stage.UNDER_REVIEW})

RECORDS_AT_ONCE = 500
"""Records that one event tells, or holds the points of: a flag is about as many as there are."""


@dataclass(frozen=True, slots=True)
class Flag:
    """A flag as its events tell it."""

    id: UUID | None = None
    community: str = ""
    stage: Stage = Stage.NONE
    evidence: AnomalyEvidence | None = None
    seen: Mapping[UUID, int] = field(default_factory=dict)
    """Minutes by record, as they were when somebody last decided or would decide."""
    holds: Mapping[UUID, AnomalyPointsHeld] = field(default_factory=dict)
    """What is held, by hold; more than one where evidence grew, or another flag let go."""
    waiting: frozenset[UUID] = frozenset()
    """Records whose points another flag held first: when that one lets go, this one takes over."""

    @property
    def carries(self) -> frozenset[UUID]:
        """Records whose points this flag holds itself."""
        return frozenset(record for held in self.holds.values() for record in held.records or ())

    @property
    def involved(self) -> frozenset[UUID]:
        """Whose hours it is about, and who confirmed them: they decide nothing about it."""
        if self.evidence is None:
            return frozenset()
        return frozenset({record.volunteer_id for record in self.evidence.records} | {*self.evidence.confirmed_by})


@dataclass(frozen=True, slots=True)
class Find:
    """The sign is there. Found twice with the same evidence is no mistake: two may look."""

    flag_id: UUID
    community: str
    evidence: AnomalyEvidence
    at: datetime


@dataclass(frozen=True, slots=True)
class LoseGround:
    """The records were corrected, or the day was approved, and the sign is no longer there."""

    at: datetime
    reason: DismissalReason = DismissalReason.RECORDS_CORRECTED


@dataclass(frozen=True, slots=True)
class TakeUp:
    """Somebody looks into it; also in the place of somebody else."""

    by: UUID
    at: datetime


@dataclass(frozen=True, slots=True)
class Hold:
    """Hold what the records brought, as far as it is there. `by` nobody where the policy has it so."""

    hold_id: UUID
    held: tuple[HeldPoints, ...]
    by: UUID | None
    at: datetime
    records: tuple[UUID, ...] = ()
    """Whose points these are: none that the flag holds already."""
    held_elsewhere: tuple[UUID, ...] = ()
    taken_over_from: UUID | None = None

    @property
    def holds_something(self) -> bool:
        """Points, now or when another flag lets go of them."""
        return bool(self.held_elsewhere) or any(one.points for one in self.held)


@dataclass(frozen=True, slots=True)
class Release:
    """Let the points go, whatever becomes of the flag."""

    by: UUID
    at: datetime


@dataclass(frozen=True, slots=True)
class Dismiss:
    """It means nothing."""

    reason: DismissalReason
    by: UUID
    at: datetime


@dataclass(frozen=True, slots=True)
class Uphold:
    """The hours were invented."""

    reason: UpholdingReason
    by: UUID
    at: datetime


Command = Find | LoseGround | TakeUp | Hold | Release | Dismiss | Uphold


class FlagDecided(Refusal):
    """It was dismissed or upheld before. Params: `stage`."""

    code: ClassVar[str] = "anomaly_decided"


class FlagNotTakenUp(Refusal):
    """Nobody has taken it up; whoever decides looks first."""

    code: ClassVar[str] = "anomaly_not_taken_up"


class OwnHours(Refusal):
    """Whoever confirmed the hours, or served them, decides nothing about the flag."""

    code: ClassVar[str] = "anomaly_own_hours"


class PointsHeldAlready(Refusal):
    """The points are held."""

    code: ClassVar[str] = "anomaly_points_held"


class NothingToHold(Refusal):
    """The records brought no points that are still there and not held."""

    code: ClassVar[str] = "anomaly_nothing_to_hold"


class NoPointsHeld(Refusal):
    """No points are held."""

    code: ClassVar[str] = "anomaly_no_points_held"


def decide(flag: Flag, command: Command) -> list[Event]:
    """Which events a command leads to. Raises the refusals above."""
    if isinstance(command, Find):
        return _found(flag, command)
    if isinstance(command, LoseGround):
        return _lost(flag, command.reason, command.at)
    refuse_if(command.by in flag.involved, OwnHours)
    match command:
        case Hold():
            return _held(flag, command)
        case Release(by=by, at=at):
            refuse_if(not flag.holds, NoPointsHeld)
            return _released(flag, ReleaseReason.RELEASED, by, at)
        case TakeUp(by=by, at=at):
            refuse_unless(flag.stage in OPEN, FlagDecided(stage=flag.stage.value))
            return [AnomalyTakenUp(**_named(flag), taken_up_by=by, taken_up_at=at)]
        case Dismiss(reason=reason, by=by, at=at):
            _require_review(flag)
            freed = _released(flag, ReleaseReason.DISMISSED, by, at)
            return [*freed, AnomalyDismissed(**_named(flag), reason=reason, dismissed_by=by, dismissed_at=at)]
        case Uphold(reason=reason, by=by, at=at):
            _require_review(flag)
            return [AnomalyUpheld(**_named(flag), reason=reason, upheld_by=by, upheld_at=at)]


def _found(flag: Flag, command: Find) -> list[Event]:
    named = {"flag_id": command.flag_id, "community": command.community}
    first, *others = portions(command.evidence.records)
    evidence = command.evidence.model_copy(update={"records": first})
    continued = [AnomalyEvidenceContinued(**named, records=records) for records in others]
    if flag.stage is Stage.NONE:
        return [AnomalyFlagged(**named, evidence=evidence, flagged_at=command.at), *continued]
    minutes = _minutes(command.evidence.records)
    if flag.stage in OPEN:
        changed = minutes != flag.seen
    else:
        # What was decided stays decided, unless there is more than whoever decided could see.
        changed = any(served > flag.seen.get(record, 0) for record, served in minutes.items())
    if not changed:
        return []
    return [AnomalyEvidenceChanged(**named, evidence=evidence, changed_at=command.at), *continued]


def _lost(flag: Flag, reason: DismissalReason, at: datetime) -> list[Event]:
    corrected = reason is DismissalReason.RECORDS_CORRECTED
    freed = ReleaseReason.RECORDS_CORRECTED if corrected else ReleaseReason.DISMISSED
    events = _released(flag, freed, None, at)
    if flag.stage in OPEN:
        events.append(AnomalyDismissed(**_named(flag), reason=reason, dismissed_by=None, dismissed_at=at))
    return events


def _held(flag: Flag, command: Hold) -> list[Event]:
    by_policy = command.by is None
    known = bool(flag.holds) and not command.records and not command.held_elsewhere
    if by_policy and known:
        return []
    refuse_if(flag.stage is Stage.DISMISSED, FlagDecided(stage=flag.stage.value))
    refuse_if(known, PointsHeldAlready)
    if not command.holds_something:
        refuse_unless(by_policy, NothingToHold)
        return []
    return [
        AnomalyPointsHeld(
            **_named(flag),
            hold_id=command.hold_id,
            held=command.held,
            held_by=command.by,
            held_at=command.at,
            records=command.records,
            held_elsewhere=command.held_elsewhere,
            taken_over_from=command.taken_over_from,
        )
    ]


def _released(flag: Flag, reason: ReleaseReason, by: UUID | None, at: datetime) -> list[Event]:
    named = _named(flag)
    return [
        AnomalyPointsReleased(**named, hold_id=hold_id, reason=reason, released_by=by, released_at=at)
        for hold_id in flag.holds
    ]


def _require_review(flag: Flag) -> None:
    refuse_unless(flag.stage in OPEN, FlagDecided(stage=flag.stage.value))
    refuse_unless(flag.stage is Stage.UNDER_REVIEW, FlagNotTakenUp)


def _named(flag: Flag) -> dict[str, Any]:
    return {"flag_id": flag.id, "community": flag.community}


def _minutes(records: Iterable[SuspectRecord]) -> dict[UUID, int]:
    return {record.record_id: record.minutes for record in records}


def portions(records: Sequence[SuspectRecord]) -> list[tuple[SuspectRecord, ...]]:
    """Records as events tell them, in their order; one portion with nothing in it where there are none."""
    starts = range(0, max(1, len(records)), RECORDS_AT_ONCE)
    return [tuple(records[start : start + RECORDS_AT_ONCE]) for start in starts]


def evolve(flag: Flag, event: Event) -> Flag:
    """The flag after an event."""
    match event:
        case AnomalyFlagged(evidence=evidence):
            return Flag(event.flag_id, event.community, Stage.RAISED, evidence, _minutes(evidence.records))
        case AnomalyEvidenceChanged(evidence=evidence):
            stage = flag.stage if flag.stage in OPEN else Stage.RAISED
            return replace(flag, stage=stage, evidence=evidence, seen=_minutes(evidence.records))
        case AnomalyEvidenceContinued(records=records):
            assert flag.evidence is not None, "it goes on with what was told"
            evidence = flag.evidence.model_copy(update={"records": (*flag.evidence.records, *records)})
            return replace(flag, evidence=evidence, seen={**flag.seen, **_minutes(records)})
        case AnomalyTakenUp():
            return replace(flag, stage=Stage.UNDER_REVIEW)
        case AnomalyPointsHeld(hold_id=hold_id, records=records):
            if records is None:
                event = event.model_copy(update={"records": tuple(flag.seen)})
            waiting = (flag.waiting | {*event.held_elsewhere}) - {*(event.records or ())}
            return replace(flag, holds={**flag.holds, hold_id: event}, waiting=waiting)
        case AnomalyPointsReleased():
            holds = {key: held for key, held in flag.holds.items() if key != event.hold_id}
            return replace(flag, holds=holds, waiting=flag.waiting if holds else frozenset())
        case AnomalyDismissed(reason=reason, dismissed_by=by):
            # The correction may be corrected again, and an approval withdrawn; then everything is new.
            seen = {} if reason is DismissalReason.RECORDS_CORRECTED or by is None else flag.seen
            return replace(flag, stage=Stage.DISMISSED, seen=seen)
        case AnomalyUpheld():
            return replace(flag, stage=Stage.UPHELD)
        case _:
            return flag
