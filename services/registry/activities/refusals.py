"""How an activity says no. The sentences people read stand under these codes in ``locales/``."""

from shared.contracts import Refusal


class ActivityNotPublished(Refusal):
    """There is no such activity."""

    code = "activity_not_published"
    status = 404


class ActivityAlreadyPublished(Refusal):
    """The activity exists."""

    code = "activity_already_published"


class ActivityCompletedAlready(Refusal):
    """The activity was confirmed; from now on only corrections change it."""

    code = "activity_completed"


class ActivityCancelledAlready(Refusal):
    """The activity was called off."""

    code = "activity_cancelled"


class ActivityNotCompleted(Refusal):
    """Only the records of a completed activity are corrected; before, they are entered."""

    code = "activity_not_completed"


class ActivityBegan(Refusal):
    """The planned start has passed, or people have checked in: what was announced stays."""

    code = "activity_began"


class FewerPlacesThanSignedUp(Refusal):
    """More people are signed up than there would be places."""

    code = "fewer_places_than_signed_up"


class ActivityEndsBeforeStart(Refusal):
    """The end has to come after the start."""

    code = "activity_ends_before_start"
    status = 422


class ActivityTooLong(Refusal):
    """An activity of several days is published as one a day, so that each day's service is confirmed by itself."""

    code = "activity_too_long"
    status = 422


class ActivityTooFarAhead(Refusal):
    """Nobody plans that far: a slip in the year, which would stand on top of every list."""

    code = "activity_too_far_ahead"
    status = 422


class ActivityOver(Refusal):
    """It is too late: the planned end has passed."""

    code = "activity_over"


class ActivityFull(Refusal):
    """All places are taken."""

    code = "activity_full"


class AlreadySignedUp(Refusal):
    """The volunteer is signed up."""

    code = "already_signed_up"


class NotSignedUp(Refusal):
    """The volunteer is not signed up."""

    code = "not_signed_up"


class AlreadyAttended(Refusal):
    """The volunteer has an attendance here already; one person has one record in an activity."""

    code = "already_attended"


class NotAttended(Refusal):
    """The volunteer has no attendance here that could be taken back."""

    code = "not_attended"


class NotCheckedIn(Refusal):
    """There is no open check-in to check out of."""

    code = "not_checked_in"


class CheckOutBeforeCheckIn(Refusal):
    """The check-out lies before the check-in."""

    code = "check_out_before_check_in"
    status = 422


class OutsideActivity(Refusal):
    """The times lie outside the planned span, tolerance included."""

    code = "outside_activity"
    status = 422


class DatedInFuture(Refusal):
    """Nothing that is said to have happened may be dated in the future."""

    code = "dated_in_future"
    status = 422


class DatedTooFarBack(Refusal):
    """It lies further back than may be entered now."""

    code = "dated_too_far_back"
    status = 422


class StillCheckedIn(Refusal):
    """The activity still runs and people are checked in; check them out, or wait for the planned end."""

    code = "still_checked_in"


class CompletedBeforeEnd(Refusal):
    """The completion is dated before service that was given."""

    code = "completed_before_service_ended"
    status = 422


class NobodyAttended(Refusal):
    """There is nothing to confirm; an activity to which nobody came is cancelled."""

    code = "nobody_attended"


class ServiceRecorded(Refusal):
    """People served; what they did is confirmed or corrected, not cancelled away."""

    code = "service_recorded"


class NoSuchRecord(Refusal):
    """The volunteer has no record in this activity, and no start was given to add one."""

    code = "no_such_record"
    status = 404


class StartFixed(Refusal):
    """The start of a recorded service stays as first recorded: it decides the day and the price."""

    code = "start_is_fixed"
    status = 422


class OwnServiceAssessed(Refusal):
    """Nobody assesses their own service."""

    code = "own_service_assessed"
    status = 403


class BeneficiaryAskedByOffice(Refusal):
    """What those say whom a service was for, the office asks and enters; not whoever led the service."""

    code = "beneficiary_asked_by_office"
    status = 403
