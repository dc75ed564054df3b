"""Routes of the parties: who they are, who is related to them, erasing them. What is read here comes from the vault."""

from typing import Annotated
from uuid import UUID

from fastapi import Response
from pydantic import Field
from sqlalchemy import select

from services.mediation.cases.access import load, require_own
from services.mediation.cases.bodies import (
    AccountBody,
    CaseStateOut,
    PartyBody,
    PartyChangeBody,
    PartyJoinedOut,
    PartyOut,
    RelativesBody,
    VolumeOut,
)
from services.mediation.cases.model import (
    ChangeParty,
    DeclareRelatives,
    EraseParty,
    JoinParty,
    RetractRelative,
    WriteAccount,
)
from services.mediation.cases.parties import (
    KnownParty,
    NewParty,
    declare,
    identity_to_change,
    is_erased,
    keep,
    lock,
    lose,
    parties_of,
    retract,
)
from services.mediation.cases.state import Case
from services.mediation.cases.streams import CASES
from services.mediation.fields import Configured
from services.mediation.tables import case_mediators, cases, parties
from shared.unit_of_work import UnitOfWork
from shared.volunteers import require_known
from shared.web import Api, Caller, NotFound, Read, Vaulted, Work, etag
from shared.web.nodes import row_of_caller

api = Api(tags=["parties 当事人"])


@api.command("/v1/cases/{case_id}/parties", permission="cases.handle", status=201)
async def join_party(
    case_id: UUID, body: PartyBody, work: Work, caller: Caller, settings: Configured
) -> PartyJoinedOut:
    """补充当事人。A further party is known."""
    await load(work, caller, case_id)
    party = new_party(work, body)
    await require_known(work.connection, sorted(party.involved), settings.volunteer_wait_max_ms)
    case = await work.execute(CASES, case_id, JoinParty(party.party_id, party.involved))
    await keep(work, case_id, [party])
    return PartyJoinedOut(**_state(case).model_dump(), party_id=party.party_id)


@api.command("/v1/cases/{case_id}/parties/{party_id}", permission="cases.handle", method="PATCH")
async def change_party(
    case_id: UUID, party_id: UUID, body: PartyChangeBody, work: Work, caller: Caller
) -> CaseStateOut:
    """更正当事人的姓名、电话、住址。Put a party's details right; a mediator does so in their own cases."""
    case = await load(work, caller, case_id)
    require_own(caller, frozenset(str(mediator) for mediator in case.mediators))
    await _require_party(work, case_id, party_id)
    before = await identity_to_change(work, case_id, party_id)
    changes = {name: value or "" for name, value in body.model_dump(exclude_unset=True).items()}
    fields = tuple(sorted(name for name, value in changes.items() if before.get(name, "") != value))
    case = await work.execute(CASES, case_id, ChangeParty(party_id, fields))
    if fields:
        await work.vault.put(work.connection, party_id, changes)
    return _state(case)


@api.command("/v1/cases/{case_id}/parties/{party_id}/relatives", permission="cases.handle")
async def declare_relatives(
    case_id: UUID, party_id: UUID, body: RelativesBody, work: Work, caller: Caller, settings: Configured
) -> CaseStateOut:
    """声明近亲属，他们应当回避。Declare relatives among the volunteers, who then do not mediate the case."""
    await require_known(work.connection, body.volunteers, settings.volunteer_wait_max_ms)
    # Before the case is loaded: declaring leaves no event, so no version would tell that a mediator was just assigned.
    await lock(work.connection, case_id)
    await load(work, caller, case_id)
    await _require_party(work, case_id, party_id)
    case = await work.execute(CASES, case_id, DeclareRelatives(frozenset(body.volunteers)))
    await declare(work.connection, [(party_id, person) for person in body.volunteers])
    return _state(case)


@api.command(
    "/v1/cases/{case_id}/parties/{party_id}/relatives/{volunteer_id}", permission="cases.assign", method="DELETE"
)
async def retract_relative(
    case_id: UUID, party_id: UUID, volunteer_id: UUID, work: Work, caller: Caller
) -> CaseStateOut:
    """撤销误报的近亲属，由社区办理。A relative named by mistake is none; the office says so, not a mediator."""
    await lock(work.connection, case_id)
    await load(work, caller, case_id)
    await _require_party(work, case_id, party_id)
    case = await work.execute(CASES, case_id, RetractRelative(volunteer_id))
    if not await retract(work.connection, party_id, volunteer_id):
        raise NotFound("relative")
    return _state(case)


@api.command("/v1/cases/{case_id}/parties/{party_id}/erasure", permission="cases.erase_party")
async def erase_party(case_id: UUID, party_id: UUID, work: Work, caller: Caller) -> CaseStateOut:
    """删除当事人身份信息（个人信息保护法 47），结案后可办。Erase who a party is, once the case has ended."""
    case = await load(work, caller, case_id)
    await _require_party(work, case_id, party_id)
    if not await is_erased(work, case_id, party_id):
        case = await work.execute(CASES, case_id, EraseParty(party_id, forgotten=False, at=work.now))
        await lose(work, party_id, work.now)
    return _state(case)


@api.command("/v1/cases/{case_id}/account", permission="cases.handle")
async def write_account(case_id: UUID, body: AccountBody, work: Work, caller: Caller) -> CaseStateOut:
    """记录或更正纠纷情况，结案前可办；巡防发现立案的由此补上。

    Write down what the dispute is about, or put it right, until the case has ended; a case that was opened from a
    patrol finding begins without. A mediator does so in their own cases.
    """
    case = await load(work, caller, case_id)
    require_own(caller, frozenset(str(mediator) for mediator in case.mediators))
    case = await work.execute(CASES, case_id, WriteAccount(work.now))
    await work.vault.put(work.connection, case_id, {"account": body.account})
    return _state(case)


@api.query("/v1/cases/{case_id}/parties", permission="cases.read_parties")
async def list_parties(
    case_id: UUID, read: Read, caller: Caller, vault: Vaulted, response: Response
) -> Annotated[list[PartyOut], Field(max_length=50)]:
    """当事人。The parties of a case; a mediator sees those of their own cases."""
    etag(response, await _readable(read, caller, case_id))
    return [_party(party) for party in await parties_of(read, vault, case_id)]


@api.query("/v1/cases/{case_id}/volume", permission="cases.read_parties")
async def get_volume(case_id: UUID, read: Read, caller: Caller, vault: Vaulted, response: Response) -> VolumeOut:
    """卷宗文字：情况、协议内容、告知。What was written down about a case; a mediator sees that of their own cases."""
    etag(response, await _readable(read, caller, case_id))
    kept = await vault.get(read, case_id)
    return VolumeOut(
        case_id=case_id, account=kept.get("account"), agreement=kept.get("agreement"), advice=kept.get("advice")
    )


def new_party(work: UnitOfWork, body: PartyBody) -> NewParty:
    """A party as it was entered, under a fresh id."""
    identity = {"name": body.name, "phone": body.phone, "address": body.address}
    return NewParty(
        party_id=work.new_id(),
        role=body.role,
        identity={field: value for field, value in identity.items() if value is not None},
        volunteer_id=body.volunteer_id,
        relatives=tuple(body.relatives),
    )


async def _require_party(work: UnitOfWork, case_id: UUID, party_id: UUID) -> None:
    found = select(parties.c.party_id).where(parties.c.party_id == party_id, parties.c.case_id == case_id)
    if await work.connection.scalar(found) is None:
        raise NotFound("party")


async def _readable(read: Read, caller: Caller, case_id: UUID) -> int:
    """The version of a case whose parties the caller may read."""
    row = await row_of_caller(read, caller, cases.c.case_id, case_id, "case")
    having = select(case_mediators.c.mediator_id).where(
        case_mediators.c.case_id == case_id, case_mediators.c.recused_at.is_(None)
    )
    require_own(caller, frozenset(str(mediator) for mediator in (await read.scalars(having)).all()))
    version: int = row.version
    return version


def _party(party: KnownParty) -> PartyOut:
    return PartyOut(
        party_id=party.party_id,
        role=party.role,
        name=party.identity.get("name") or None,
        phone=party.identity.get("phone") or None,
        address=party.identity.get("address") or None,
        volunteer_id=party.volunteer_id,
        relatives=list(party.relatives),
        joined_at=party.joined_at,
        erased_at=party.erased_at,
    )


def _state(case: Case) -> CaseStateOut:
    assert case.id is not None, "a case that was changed exists"
    return CaseStateOut(case_id=case.id, stage=case.stage, mediators=list(case.mediators))
