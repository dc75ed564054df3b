"""How a shift says no: every rule's refusal, with its stable code."""

from shared.contracts import Refusal


class ShiftNotPlanned(Refusal):
    """There is no such shift."""

    code = "shift_not_planned"
    status = 404


class ShiftAlreadyPlanned(Refusal):
    """A shift is planned once."""

    code = "shift_already_planned"


class ShiftNotRunning(Refusal):
    """Only a shift that set out and was not closed can be logged."""

    code = "shift_not_running"


class ShiftAlreadyStarted(Refusal):
    """The crew has set out already."""

    code = "shift_already_started"


class ShiftClosed(Refusal):
    """The shift was logged, or called off."""

    code = "shift_closed"


class ShiftStartTooLate(Refusal):
    """Nobody set out within the grace time: the shift counts as missed."""

    code = "shift_start_too_late"


class ShiftStartTooEarly(Refusal):
    """The start lies too long before the planned one."""

    code = "shift_start_too_early"
    status = 422


class ShiftEndsBeforeStart(Refusal):
    """A shift ends after it starts."""

    code = "shift_ends_before_start"
    status = 422


class ShiftTooLong(Refusal):
    """The shift is longer than a shift may be."""

    code = "shift_too_long"
    status = 422


class ShiftTooFarAhead(Refusal):
    """Shifts are planned at most so far ahead."""

    code = "shift_too_far_ahead"
    status = 422


class ShiftDatedInFuture(Refusal):
    """What is entered is dated in the future."""

    code = "dated_in_future"
    status = 422


class ShiftDatedTooFarBack(Refusal):
    """What is entered is dated further back than may be entered now."""

    code = "dated_too_far_back"
    status = 422


class ShiftCrewDisbanded(Refusal):
    """A crew that no longer exists patrols no more."""

    code = "crew_disbanded"


class PlannedNotInCrew(Refusal):
    """Somebody planned for the shift is not in the crew."""

    code = "planned_not_in_crew"
    status = 422


class ShiftCellUnknown(Refusal):
    """A cell of the beat is not, or no longer, a cell of the community."""

    code = "cell_unknown"
    status = 422


class NotOnShift(Refusal):
    """Somebody in the log was neither planned for the shift nor scanned on it."""

    code = "not_on_shift"
    status = 422


class NobodyServed(Refusal):
    """A log names at least one person who served; a shift that nobody did is cancelled."""

    code = "nobody_served"
    status = 422


class MinutesExceedSpan(Refusal):
    """Somebody cannot have served longer than the shift lasted."""

    code = "minutes_exceed_span"
    status = 422


class ShiftNotLogged(Refusal):
    """Only service that was logged is corrected; before, the log says what was served."""

    code = "shift_not_logged"


class TooManyScans(Refusal):
    """More scans than a shift can have: a phone that sends the same in ever new ways."""

    code = "too_many_scans"


class OnAnotherShift(Refusal):
    """One person cannot be on two shifts at once."""

    code = "on_another_shift"
