"""How stars say no. Every text tells what is missing, so that nobody waits for nothing."""

from typing import ClassVar

from shared.contracts import Refusal


class StarHoursShort(Refusal):
    """The confirmed hours do not reach the grade. Params: `grade`, `needed_hours`, and what is missing as
    `missing_hours` and `missing_minutes`, and in words.
    """

    code: ClassVar[str] = "star_hours_short"


class StarMembershipShort(Refusal):
    """Not registered for long enough. Params: `months`, `earliest`, the first day on which to apply."""

    code: ClassVar[str] = "star_membership_short"


class StarAssessmentsShort(Refusal):
    """Too few records were assessed, or too few well. Params: `assessed`, `assessed_min`, `good`, `good_min`, all in
    percent.
    """

    code: ClassVar[str] = "star_assessments_short"


class StarHeldAlready(Refusal):
    """The grade, or a higher one, is held already. Params: `held`."""

    code: ClassVar[str] = "star_held_already"


class StarApplicationOpen(Refusal):
    """One application at a time: the open one is decided first. Params: `grade`."""

    code: ClassVar[str] = "star_application_open"


class StarPersonForgotten(Refusal):
    """The volunteer's personal data was erased; nothing is granted to them any more."""

    code: ClassVar[str] = "star_person_forgotten"


class StarApplicationNotOpen(Refusal):
    """There is no such application, or it was decided already."""

    code: ClassVar[str] = "star_application_not_open"


class StarOwnApplication(Refusal):
    """Nobody of the office decides on their own stars."""

    code: ClassVar[str] = "star_own_application"


class StarReasonMissing(Refusal):
    """Who finds the quality wanting says why."""

    code: ClassVar[str] = "star_reason_missing"
    status: ClassVar[int] = 422


class StarReasonSuperfluous(Refusal):
    """A reason is given only where the quality is not met."""

    code: ClassVar[str] = "star_reason_superfluous"
    status: ClassVar[int] = 422


class StarQualityNotAssessed(Refusal):
    """The community has not judged the quality yet."""

    code: ClassVar[str] = "star_quality_not_assessed"


class StarQualityNotMet(Refusal):
    """The community found the quality wanting; the grade can be declined, or judged anew."""

    code: ClassVar[str] = "star_quality_not_met"


class StarAssessorMayNotGrant(Refusal):
    """Two pairs of eyes: who judged the quality does not grant."""

    code: ClassVar[str] = "star_assessor_may_not_grant"
    status: ClassVar[int] = 403


class StarAssessorNotKnown(Refusal):
    """The judgement was read back after a restore, which does not bring back whose it was: it is judged again."""

    code: ClassVar[str] = "star_assessor_not_known"


class StarAuthorityTooLow(Refusal):
    """The grade is decided by a higher office. Params: `grade`, `level_zh`, `level_en`."""

    code: ClassVar[str] = "star_authority_too_low"
    status: ClassVar[int] = 403


class StarNotHeld(Refusal):
    """No grade is in force."""

    code: ClassVar[str] = "star_not_held"


class StarNotFlagged(Refusal):
    """The grade is not flagged; there is nothing to confirm."""

    code: ClassVar[str] = "star_not_flagged"


class StarReportTooLong(Refusal):
    """More rows than a report may have. Params: `rows_max`."""

    code: ClassVar[str] = "star_report_too_long"
    status: ClassVar[int] = 422


class StarPeriodInverted(Refusal):
    """The period ends before it begins."""

    code: ClassVar[str] = "star_period_inverted"
    status: ClassVar[int] = 422
