"""Who may touch which case."""

from uuid import UUID

from services.mediation.cases.state import Case
from services.mediation.cases.streams import CASES
from shared.auth.permissions import Role
from shared.auth.tokens import Principal
from shared.contracts import Refusal
from shared.unit_of_work import UnitOfWork
from shared.web.nodes import of_caller


class NotYourCase(Refusal):
    """A mediator reads who the parties are, and steps back, in their own cases only."""

    code = "not_your_case"
    status = 403


async def load(work: UnitOfWork, caller: Principal, case_id: UUID) -> Case:
    """The case, where there is one and the caller's node covers it."""
    return await of_caller(work, caller, CASES, case_id)


def require_own(caller: Principal, mediators: frozenset[str]) -> None:
    """Refuse a mediator who does not have the case; the office may see every case of its node."""
    if caller.role is Role.MEDIATOR and caller.subject not in mediators:
        raise NotYourCase
