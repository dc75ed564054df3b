"""What mediation does on other contexts' events: it takes up disputes that patrols found, and forgets people."""

from sqlalchemy import delete, select

from services.mediation.cases.model import EraseParty, ForgetMediator, OpenFromFinding
from services.mediation.cases.parties import is_erased, lose
from services.mediation.cases.state import OPEN
from services.mediation.cases.streams import CASES
from services.mediation.tables import case_mediators, cases, parties, relatives
from shared.contracts.grid_patrol import FindingKind, PatrolFindingReported
from shared.contracts.registry import PersonForgotten
from shared.deliveries import Delivery
from shared.ids import derived_id
from shared.reactions import Reactions
from shared.unit_of_work import UnitOfWork

reactions = Reactions()


@reactions.on(PatrolFindingReported)
async def open_case(work: UnitOfWork, event: PatrolFindingReported, _: Delivery) -> None:
    """A dispute becomes a case. Its id is derived from the finding's, so there is one however often this is told."""
    if event.kind is not FindingKind.DISPUTE:
        return
    case_id = derived_id("case", event.finding_id)
    await work.execute(
        CASES, case_id, OpenFromFinding(case_id, event.community, event.risk, event.finding_id, event.found_at)
    )


@reactions.on(PersonForgotten)
async def forget(work: UnitOfWork, event: PersonForgotten, _: Delivery) -> None:
    """Erase the person where they are a party, drop that they are a relative, and recuse them from open cases.

    What others said, and that somebody mediated, stays: the former belongs to the other parties' case volume, the
    latter is an opaque id.
    """
    person = event.volunteer_id
    p = parties.c
    as_party = select(p.case_id, p.party_id).where(p.volunteer_id == person).order_by(p.case_id, p.party_id)
    for case_id, party_id in (await work.connection.execute(as_party)).all():
        if not await is_erased(work, case_id, party_id):
            await work.execute(CASES, case_id, EraseParty(party_id, forgotten=True, at=work.now))
            await lose(work, party_id, work.now)
    await work.connection.execute(delete(relatives).where(relatives.c.volunteer_id == person))
    mediating = (
        select(case_mediators.c.case_id)
        .join(cases, cases.c.case_id == case_mediators.c.case_id)
        .where(
            case_mediators.c.mediator_id == person,
            case_mediators.c.recused_at.is_(None),
            cases.c.stage.in_([stage.value for stage in OPEN]),
        )
        .order_by(case_mediators.c.case_id)
    )
    for case_id in (await work.connection.scalars(mediating)).all():
        await work.execute(CASES, case_id, ForgetMediator(person, work.now))
