"""How a case says no: every rule's refusal, with its stable code."""

from shared.contracts import Refusal


class CaseNotFiled(Refusal):
    """There is no such case."""

    code = "case_not_filed"
    status = 404


class CaseAlreadyFiled(Refusal):
    """A case is filed once."""

    code = "case_already_filed"


class CaseClosed(Refusal):
    """The case was declined, resolved, ended or withdrawn."""

    code = "case_closed"


class CaseStillOpen(Refusal):
    """Who the parties are is needed until the case has ended."""

    code = "case_still_open"


class CaseInSession(Refusal):
    """The mediators have sat with the parties: the case can be ended, not declined."""

    code = "case_in_session"


class TooManyParties(Refusal):
    """The case would have more parties than a case may have."""

    code = "too_many_parties"


class ApplicationNeedsParty(Refusal):
    """An application is made by somebody (人民调解法 17)."""

    code = "application_needs_party"
    status = 422


class AlreadyMediator(Refusal):
    """The mediator has the case already."""

    code = "already_mediator"


class NotMediator(Refusal):
    """The mediator does not have the case."""

    code = "not_mediator"


class TooManyMediators(Refusal):
    """The case would have more mediators than a case may have."""

    code = "too_many_mediators"


class MediatorWasRecused(Refusal):
    """Whoever stepped back from a case does not take it again."""

    code = "mediator_was_recused"


class ConflictOfInterest(Refusal):
    """The mediator is a party of the dispute, or a declared relative of one."""

    code = "conflict_of_interest"


class MediatorIsParty(Refusal):
    """Whoever mediates the case turns out to be a party or a party's relative, and has to step back first."""

    code = "mediator_is_party"


class NoMediator(Refusal):
    """A session needs a mediator who has the case."""

    code = "no_mediator"


class SessionsOverlap(Refusal):
    """The case had a session at that time already."""

    code = "sessions_overlap"


class TooManySessions(Refusal):
    """More sessions than a case can have."""

    code = "too_many_sessions"


class DayTooLong(Refusal):
    """The sessions of one day add up to more than a day has."""

    code = "session_day_too_long"
    status = 422


class MediatorElsewhere(Refusal):
    """One person cannot sit in two sessions at once."""

    code = "mediator_elsewhere"


class NoSessionHeld(Refusal):
    """Nothing is agreed or given up before a session; until then a case is declined or withdrawn."""

    code = "no_session_held"


class CaseDatedInFuture(Refusal):
    """What is entered is dated in the future."""

    code = "dated_in_future"
    status = 422


class CaseDatedTooFarBack(Refusal):
    """What is entered is dated further back than may be entered now."""

    code = "dated_too_far_back"
    status = 422


class DatedBeforeFiling(Refusal):
    """What is entered is dated before the case was filed."""

    code = "dated_before_filing"
    status = 422


class DatedBeforeLastSession(Refusal):
    """The end of a case is dated before the end of its last session."""

    code = "dated_before_last_session"
    status = 422


class CaseNotEnded(Refusal):
    """Service is told, and so can be corrected, once the case has ended."""

    code = "case_not_ended"


class NoSuchRecord(Refusal):
    """No such service was told of the case."""

    code = "no_such_record"
    status = 404


class NeverMediated(Refusal):
    """Only somebody who has, or had, the case served in it."""

    code = "never_mediated"
    status = 422


class NoSessionThen(Refusal):
    """Service that is added begins in a session of the case."""

    code = "no_session_then"
    status = 422


class RecordedAlready(Refusal):
    """The mediator's service of that day, or in that session, was told; that record is to be corrected."""

    code = "recorded_already"


class MinutesExceedCase(Refusal):
    """Nobody serves in a case after its end."""

    code = "minutes_exceed_case"
    status = 422
