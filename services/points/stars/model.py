"""A volunteer's stars, from application to withdrawal. 志愿服务记录与证明出具办法; 志愿服务者注册管理办法 art. 18.

A grade is applied for and granted on hours *and* quality. The policy in force on the day of the application says how
many hours, and which authority grants; both stand in the events, so what was decided can be explained for ever.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any, Final, assert_never
from uuid import UUID

from services.points.durations import grade_zh, in_words, months_later
from services.points.grounds.reminding import Remind, Waiting
from services.points.stars.authority import require_authority
from services.points.stars.commands import (
    Apply,
    Assessed,
    AssessQuality,
    Command,
    Confirm,
    Decline,
    Grant,
    LookAtHours,
    Requirement,
    Retract,
    Review,
    Withdraw,
)
from services.points.stars.held import Application, Held, Stars
from services.points.stars.refusals import (
    StarApplicationNotOpen,
    StarApplicationOpen,
    StarAssessmentsShort,
    StarAssessorMayNotGrant,
    StarAssessorNotKnown,
    StarHeldAlready,
    StarHoursShort,
    StarMembershipShort,
    StarNotFlagged,
    StarNotHeld,
    StarPersonForgotten,
    StarQualityNotAssessed,
    StarQualityNotMet,
    StarReasonMissing,
    StarReasonSuperfluous,
)
from shared.contracts import Event, refuse_if, refuse_unless
from shared.contracts.honours import (
    CorrectingEvent,
    Quality,
    StarApplicationUndecided,
    StarApplied,
    StarBorneAgain,
    StarConfirmed,
    StarDeclined,
    StarDeclineReason,
    StarFlagged,
    StarFlagReason,
    StarGranted,
    StarQualityAssessed,
    StarReviewed,
    StarUndecided,
    StarWithdrawn,
)

_BORNE: Final[Mapping[str, Any]] = {"lacks_hours": False, "lacks_assessments": False, "corrected_by": ()}
_SETTLED: Final[Mapping[str, Any]] = {**_BORNE, "flagged": False, "waiting": None}
"""Of a grade on whose flag somebody decided, or that a higher one superseded."""


def decide(stars: Stars, command: Command) -> list[Event]:
    """Which events a command leads to. Raises the refusals of `refusals`."""
    match command:
        case Apply():
            return _apply(stars, command)
        case AssessQuality():
            return _assess(stars, command)
        case Grant():
            return _grant(stars, command)
        case Decline(reason=reason, authority=authority, day=day):
            application = _open(stars, command.application_id)
            require_authority(application.granted_by, application.grade, authority)
            return [_declined(stars, application, reason, authority, day)]
        case Retract(office=office, day=day):
            application = _open(stars, command.application_id)
            return [_declined(stars, application, StarDeclineReason.APPLICANT_WITHDREW, office, day)]
        case Review():
            return _review(stars, command)
        case LookAtHours():
            return _flags(stars, command)
        case Remind():
            return _remind(stars, command)
        case Confirm():
            return _confirm(stars, command)
        case Withdraw():
            return _withdraw(stars, command)
        case _:
            assert_never(command)


def _apply(stars: Stars, command: Apply) -> list[Event]:
    requirement = command.requirement
    refuse_if(command.forgotten, StarPersonForgotten)
    if stars.application is not None:
        raise StarApplicationOpen(grade=stars.application.grade, grade_zh=grade_zh(stars.application.grade))
    refuse_if(command.grade <= stars.grade, StarHeldAlready(held=stars.grade, held_zh=grade_zh(stars.grade)))
    if requirement.months_min:
        earliest = requirement.member_from(command.member_since)
        if earliest is None:
            raise StarPersonForgotten  # of whoever has no day of registration, only the forgetting was heard
        refuse_if(
            command.day < earliest, StarMembershipShort(months=requirement.months_min, earliest=earliest.isoformat())
        )
    _require_hours(command.minutes, requirement.minutes, command.grade)
    said = command.assessed
    _require_assessments(said, requirement)
    return [
        StarApplied(
            volunteer_id=command.volunteer_id,
            application_id=command.application_id,
            community=command.community,
            grade=command.grade,
            minutes=command.minutes,
            threshold_minutes=requirement.minutes,
            granted_by=requirement.granted_by,
            policy_version=requirement.policy_version,
            applied_on=command.day,
            assessed_percent=said.assessed_percent if said.records else None,
            good_percent=said.good_percent if said.assessed else None,
        )
    ]


def _assess(stars: Stars, command: AssessQuality) -> list[Event]:
    application = _open(stars, command.application_id)
    refuse_if(command.quality is Quality.NOT_MET and command.reason is None, StarReasonMissing)
    refuse_if(command.quality is Quality.MET and command.reason is not None, StarReasonSuperfluous)
    return [
        StarQualityAssessed(
            volunteer_id=_whose(stars),
            application_id=application.id,
            community=stars.community,
            quality=command.quality,
            reason=command.reason,
            assessed_at_node=command.office,
            assessed_on=command.day,
        )
    ]


def _grant(stars: Stars, command: Grant) -> list[Event]:
    application = _open(stars, command.application_id)
    require_authority(application.granted_by, application.grade, command.authority)
    refuse_if(command.forgotten, StarPersonForgotten)
    refuse_if(application.quality is None, StarQualityNotAssessed)
    refuse_unless(application.quality is Quality.MET, StarQualityNotMet)
    refuse_if(command.judge_lost, StarAssessorNotKnown)
    refuse_if(command.granter in command.assessors, StarAssessorMayNotGrant)
    _require_hours(command.minutes, application.threshold_minutes, application.grade)
    # Said since the application, or of records that count since then: as with the hours, what holds now is granted on.
    _require_assessments(command.assessed, command.requirement)
    return [
        StarGranted(
            **_named(stars, application),
            minutes=command.minutes,
            threshold_minutes=application.threshold_minutes,
            policy_version=application.policy_version,
            authority=command.authority,
            granted_on=command.day,
            review_on=_next_review(command.day, command.review_months),
        )
    ]


def _declined(
    stars: Stars, application: Application, reason: StarDeclineReason, office: str, day: date
) -> StarDeclined:
    return StarDeclined(
        **_named(stars, application),
        reason=reason,
        authority=office,
        declined_on=day,
    )


def _review(stars: Stars, command: Review) -> list[Event]:
    held = stars.in_force
    if held is None:
        return []
    flags = _flags(stars, command)
    reviewed = StarReviewed(
        **_named(stars, held),
        minutes=command.minutes,
        kept=not flags and not held.flagged,
        reviewed_on=command.day,
        review_on=_next_review(command.day, command.review_months),
    )
    return [*flags, reviewed]


def _flags(stars: Stars, command: Review | LookAtHours) -> list[Event]:
    held, asked, said = stars.in_force, command.requirement, command.assessed
    if held is None:
        return []
    cause: tuple[CorrectingEvent, ...] = ()
    percents: dict[str, int] = {}
    yearly = isinstance(command, Review) or held.lacks_assessments
    if command.minutes < held.floor_minutes:
        reason, cause = StarFlagReason.HOURS_BELOW_THRESHOLD, command.corrected_by
        if held.lacks_hours and held.corrected_by == cause:
            return []
    elif held.lacks_assessments and not held.lacks_hours:
        return []
    elif asked and held.falls_short(said, asked, yearly=yearly):
        reason = StarFlagReason.ASSESSMENTS_SHORT
        percents = {"assessed_percent": said.assessed_percent, "assessed_percent_min": asked.assessed_percent_min}
        percents |= {"good_percent": said.good_percent, "good_percent_min": asked.good_percent_min}
    elif held.lacks_hours:
        # People decide on it all the same; they and the volunteer are told what it is about now.
        return [_borne_again(stars, held, command)]
    else:
        return []
    return [
        StarFlagged(
            **_named(stars, held),
            reason=reason,
            minutes_before=held.known_minutes,
            minutes=command.minutes,
            threshold_minutes=held.threshold_minutes,
            flagged_on=command.day,
            corrected_by=cause,
            **percents,
        )
    ]


def _borne_again(stars: Stars, held: Held, command: Review | LookAtHours) -> StarBorneAgain:
    return StarBorneAgain(
        **_named(stars, held),
        minutes=command.minutes,
        needed_minutes=held.floor_minutes,
        borne_on=command.day,
    )


def _remind(stars: Stars, command: Remind) -> list[Event]:
    held, application, told = stars.in_force, stars.application, list[Event]()
    if held is not None and (said := command.told(held.waiting)) is not None:
        told.append(StarUndecided(**_named(stars, held), granted_by=held.granted_by, **said))
    if application is not None and (said := command.told(application.waiting)) is not None:
        told.append(
            StarApplicationUndecided(
                **_named(stars, application),
                granted_by=application.granted_by,
                quality=application.quality,
                **said,
            )
        )
    return told


def _confirm(stars: Stars, command: Confirm) -> list[Event]:
    held = _in_force(stars)
    require_authority(held.granted_by, held.grade, command.authority)
    refuse_unless(held.flagged, StarNotFlagged)
    return [
        StarConfirmed(
            **_named(stars, held),
            minutes=command.minutes,
            authority=command.authority,
            confirmed_on=command.day,
            assessed_percent=command.assessed.assessed_percent,
            good_percent=command.assessed.good_percent,
        )
    ]


def _withdraw(stars: Stars, command: Withdraw) -> list[Event]:
    held = _in_force(stars)
    require_authority(held.granted_by, held.grade, command.authority)
    return [
        StarWithdrawn(
            **_named(stars, held),
            grade_left=stars.held[-2].grade if len(stars.held) > 1 else 0,
            reason=command.reason,
            authority=command.authority,
            withdrawn_on=command.day,
        )
    ]


def _require_hours(minutes: int, threshold: int, grade: int) -> None:
    missing = threshold - minutes
    if missing > 0:
        needed, (hours, rest) = -(-threshold // 60), divmod(missing, 60)
        raise StarHoursShort(
            grade=grade,
            grade_zh=grade_zh(grade),
            needed_hours=needed,
            missing_hours=hours,
            missing_minutes=rest,
            missing_zh=in_words("zh", missing),
            missing_en=in_words("en", missing),
        )


def _require_assessments(said: Assessed, requirement: Requirement) -> None:
    refuse_unless(
        said.reaches(requirement),
        StarAssessmentsShort(
            assessed=said.assessed_percent,
            assessed_min=requirement.assessed_percent_min,
            good=said.good_percent,
            good_min=requirement.good_percent_min,
        ),
    )


def _next_review(day: date, months: int) -> date | None:
    return months_later(day, months) if months else None


def _open(stars: Stars, application_id: UUID) -> Application:
    if stars.application is None or stars.application.id != application_id:
        raise StarApplicationNotOpen
    return stars.application


def _in_force(stars: Stars) -> Held:
    if stars.in_force is None:
        raise StarNotHeld
    return stars.in_force


def _named(stars: Stars, of: Application | Held) -> dict[str, Any]:
    """Whose grade an event is about, and which."""
    application_id = of.id if isinstance(of, Application) else of.application_id
    return {
        "volunteer_id": _whose(stars),
        "application_id": application_id,
        "community": stars.community,
        "grade": of.grade,
    }


def _whose(stars: Stars) -> UUID:
    assert stars.volunteer_id is not None, "something was applied for"
    return stars.volunteer_id


def evolve(stars: Stars, event: Event) -> Stars:
    """The stars after an event."""
    match event:
        case StarApplied():
            application = Application(
                event.application_id,
                event.grade,
                event.threshold_minutes,
                event.granted_by,
                event.policy_version,
                Waiting(event.applied_on),
            )
            return replace(stars, volunteer_id=event.volunteer_id, community=event.community, application=application)
        case StarQualityAssessed(quality=quality) if stars.application is not None:
            return replace(stars, application=replace(stars.application, quality=quality))
        case StarGranted() if stars.application is not None:
            granted = Held(
                event.application_id,
                event.grade,
                stars.application.granted_by,
                event.threshold_minutes,
                event.minutes,
                event.threshold_minutes,
            )
            # What is superseded was reached all the same; a flag on it is settled by hours that reach still higher.
            earlier = tuple(replace(held, **_SETTLED) for held in stars.held)
            return replace(stars, application=None, held=(*earlier, granted))
        case StarDeclined():
            return replace(stars, application=None)
        case StarReviewed(minutes=minutes, kept=True):
            return _changed(stars, known_minutes=minutes)
        case StarFlagged(corrected_by=corrected_by, flagged_on=day, reason=reason):
            flagged = _changed(stars, flagged=True, waiting=stars.held[-1].waiting or Waiting(day))
            if reason is StarFlagReason.HOURS_BELOW_THRESHOLD:
                return _changed(flagged, lacks_hours=True, corrected_by=corrected_by)
            # There are hours enough, by then.
            return _changed(flagged, **{**_BORNE, "lacks_assessments": True}, known_minutes=event.minutes)
        case StarBorneAgain(minutes=minutes):
            return _changed(stars, known_minutes=minutes, **_BORNE)
        case StarApplicationUndecided() if stars.application is not None:
            waiting = Waiting(event.waits_since, event.reminder, event.remind_on)
            return replace(stars, application=replace(stars.application, waiting=waiting))
        case StarUndecided():
            return _changed(stars, waiting=Waiting(event.waits_since, event.reminder, event.remind_on))
        case StarConfirmed(minutes=minutes):
            floor = min(stars.held[-1].threshold_minutes, minutes)
            confirmed = _changed(stars, known_minutes=minutes, floor_minutes=floor, **_SETTLED)
            if event.assessed_percent is None or event.good_percent is None:
                return confirmed
            return _changed(confirmed, assessed_floor=event.assessed_percent, good_floor=event.good_percent)
        case StarWithdrawn():
            return replace(stars, held=stars.held[:-1])
        case _:
            return stars


def _changed(stars: Stars, **values: object) -> Stars:
    return replace(stars, held=(*stars.held[:-1], replace(stars.held[-1], **values)))  # type: ignore[arg-type]
