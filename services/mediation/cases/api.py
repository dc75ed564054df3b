"""Routes that change a case: file, parties, mediators, sessions, the end, corrections."""

from uuid import UUID

from services.mediation.cases.access import load, require_own
from services.mediation.cases.bodies import (
    CaseBody,
    CaseEndedOut,
    CaseStateOut,
    ClassificationBody,
    CorrectionBody,
    DeclineBody,
    FailureBody,
    MediatorBody,
    RecordOut,
    RecusalBody,
    ResolutionBody,
    SessionBody,
    SessionHeldOut,
    WithdrawalBody,
)
from services.mediation.cases.correcting import CorrectService, Missing
from services.mediation.cases.model import (
    AssignMediator,
    Case,
    Classify,
    Decline,
    Fail,
    FileCase,
    HoldSession,
    RecuseMediator,
    Resolve,
    Withdraw,
)
from services.mediation.cases.parties import involved_in, keep, lock
from services.mediation.cases.party_api import new_party
from services.mediation.cases.streams import CASES
from services.mediation.fields import Configured, dated
from shared.auth.actors import actor_id
from shared.volunteers import require_good
from shared.web import Api, Caller, Work

api = Api(tags=["cases 调解案件"])


@api.command("/v1/cases", permission="cases.file", status=201)
async def file_case(body: CaseBody, work: Work, caller: Caller, settings: Configured) -> CaseStateOut:
    """立案。File a case; who the parties are is kept encrypted."""
    caller.require(body.community)
    case_id = work.new_id()
    case = work.create(
        CASES,
        case_id,
        FileCase(
            case_id=case_id,
            community=body.community,
            kind=body.kind,
            risk=body.risk,
            origin=body.origin,
            parties_count=len(body.parties),
            filed=dated(work, settings, body.filed_at),
        ),
    )
    await keep(work, case_id, [new_party(work, party) for party in body.parties], settings.volunteer_wait_max_ms)
    if body.account is not None:
        await work.vault.put(work.connection, case_id, {"account": body.account})
    return _state(case)


@api.command("/v1/cases/{case_id}/classification", permission="cases.handle")
async def classify_case(case_id: UUID, body: ClassificationBody, work: Work, caller: Caller) -> CaseStateOut:
    """重新确定类型和风险。Set kind and risk anew."""
    await load(work, caller, case_id)
    return _state(await work.execute(CASES, case_id, Classify(body.kind, body.risk)))


@api.command("/v1/cases/{case_id}/decline", permission="cases.handle")
async def decline_case(
    case_id: UUID, body: DeclineBody, work: Work, caller: Caller, settings: Configured
) -> CaseStateOut:
    """不予受理，或一方拒绝调解。The case is not taken, or a party refuses."""
    await load(work, caller, case_id)
    declined = dated(work, settings, body.declined_at)
    return _state(await work.execute(CASES, case_id, Decline(body.reason, declined)))


@api.command("/v1/cases/{case_id}/mediators", permission="cases.assign")
async def assign_mediator(
    case_id: UUID, body: MediatorBody, work: Work, caller: Caller, settings: Configured
) -> CaseStateOut:
    """指派调解员；当事人或其近亲属应当回避。Assign a mediator who is neither a party nor a declared relative."""
    await load(work, caller, case_id)
    await require_good(work.connection, [body.mediator_id], settings.volunteer_wait_max_ms)
    await lock(work.connection, case_id)
    command = AssignMediator(
        mediator_id=body.mediator_id,
        involved=await involved_in(work.connection, case_id),
        assigned=dated(work, settings, body.assigned_at),
    )
    return _state(await work.execute(CASES, case_id, command))


@api.command("/v1/cases/{case_id}/mediators/{mediator_id}/recusal", permission="cases.handle")
async def recuse_mediator(
    case_id: UUID, mediator_id: UUID, body: RecusalBody, work: Work, caller: Caller, settings: Configured
) -> CaseStateOut:
    """回避或退出。A mediator steps back; others can be recused by the office only."""
    await load(work, caller, case_id)
    require_own(caller, frozenset({str(mediator_id)}))
    recused = dated(work, settings, body.recused_at)
    return _state(await work.execute(CASES, case_id, RecuseMediator(mediator_id, recused)))


@api.command("/v1/cases/{case_id}/sessions", permission="cases.handle", status=201)
async def hold_session(
    case_id: UUID, body: SessionBody, work: Work, caller: Caller, settings: Configured
) -> SessionHeldOut:
    """登记一次调解。Enter a session that was held."""
    await load(work, caller, case_id)
    session_id = work.new_id()
    mediators = None if body.mediators is None else tuple(body.mediators)
    command = HoldSession(
        session_id=session_id,
        started=dated(work, settings, body.started_at),
        minutes=body.minutes,
        mediators=mediators,
        record_signed=body.record_signed,
    )
    case = await work.execute(CASES, case_id, command)
    await require_good(work.connection, case.sessions[-1].mediators)
    return SessionHeldOut(**_state(case).model_dump(), session_id=session_id)


@api.command("/v1/cases/{case_id}/resolution", permission="cases.handle")
async def resolve_case(
    case_id: UUID, body: ResolutionBody, work: Work, caller: Caller, settings: Configured
) -> CaseEndedOut:
    """达成协议（书面或口头）。The parties agreed, in writing or orally."""
    await load(work, caller, case_id)
    resolved, by = dated(work, settings, body.resolved_at), actor_id(work.vault, caller.subject)
    case = await work.execute(CASES, case_id, Resolve(body.agreement, resolved, by))
    if body.content is not None:
        await work.vault.put(work.connection, case_id, {"agreement": body.content})
    return _ended(case)


@api.command("/v1/cases/{case_id}/failure", permission="cases.handle")
async def fail_case(case_id: UUID, body: FailureBody, work: Work, caller: Caller, settings: Configured) -> CaseEndedOut:
    """调解不成，告知其他途径。There was no agreement; the parties were told of other remedies (人民调解法 26)."""
    await load(work, caller, case_id)
    ended, by = dated(work, settings, body.ended_at), actor_id(work.vault, caller.subject)
    case = await work.execute(CASES, case_id, Fail(tuple(body.remedies), ended, by))
    if body.advice is not None:
        await work.vault.put(work.connection, case_id, {"advice": body.advice})
    return _ended(case)


@api.command("/v1/cases/{case_id}/withdrawal", permission="cases.handle")
async def withdraw_case(
    case_id: UUID, body: WithdrawalBody, work: Work, caller: Caller, settings: Configured
) -> CaseEndedOut:
    """当事人要求终止，任何时候都可以。The parties stop, which they may at any time (人民调解法 23)."""
    await load(work, caller, case_id)
    withdrawn, by = dated(work, settings, body.withdrawn_at), actor_id(work.vault, caller.subject)
    return _ended(await work.execute(CASES, case_id, Withdraw(withdrawn, by)))


@api.command("/v1/cases/{case_id}/corrections", permission="cases.correct")
async def correct_service(
    case_id: UUID, body: CorrectionBody, work: Work, caller: Caller, settings: Configured
) -> CaseEndedOut:
    """更正已结案件中调解员一天的服务记录，或补上遗漏的；积分、时间随之更正。

    Correct a mediator's service of one day in an ended case, or add what is missing; points and minutes follow.
    """
    await load(work, caller, case_id)
    record: UUID | Missing | None = body.record_id
    if record is None:
        assert body.mediator_id is not None, "a correction names the record or whose is missing"
        await require_good(work.connection, [body.mediator_id])
        record = Missing(body.mediator_id, dated(work, settings, body.started_at))
    by = actor_id(work.vault, caller.subject)
    command = CorrectService(record, body.minutes, body.evidence, body.reason, work.now, by)
    return _ended(await work.execute(CASES, case_id, command))


def _state(case: Case) -> CaseStateOut:
    assert case.id is not None, "a case that was changed exists"
    return CaseStateOut(case_id=case.id, stage=case.stage, mediators=list(case.mediators))


def _ended(case: Case) -> CaseEndedOut:
    service = [
        RecordOut(
            record_id=record_id,
            volunteer_id=record.mediator_id,
            started_at=record.started_at,
            minutes=record.minutes,
            evidence=record.evidence,
            revision=record.revision,
        )
        for record_id, record in case.records.items()
    ]
    return CaseEndedOut(**_state(case).model_dump(), service=service)
