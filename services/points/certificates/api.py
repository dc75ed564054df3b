"""Routes that change certificates: issue, object, settle, void; and the timer that ends publicity."""

from datetime import timedelta
from uuid import UUID

from sqlalchemy import select

from services.points.certificates.bodies import IssueBody, IssuedOut, ObjectionBody, SettlementBody, StateOut, VoidBody
from services.points.certificates.identity import FIELDS
from services.points.certificates.model import (
    Certificate,
    Command,
    EndPublicity,
    Issue,
    Object,
    SettleObjection,
    Stage,
    Void,
)
from services.points.certificates.numbers import next_number
from services.points.certificates.record import overlapping, services_between
from services.points.certificates.views import CERTIFICATES
from services.points.papers import Paper, check_code
from services.points.policy.in_force import InForce
from services.points.tables import members
from shared.auth.actors import actor_id
from shared.auth.tokens import Principal
from shared.clock import day_start, local_day
from shared.timers import Timers
from shared.unit_of_work import UnitOfWork
from shared.web import Api, Caller, NotFound, Work
from shared.web.nodes import of_caller

api = Api(tags=["certificates 志愿服务记录证明"])
timers = Timers()

_PUBLICITY = "certificate.publicity"
"""Timer: the days of publicity are over."""


@api.command("/v1/certificates", permission="certificates.issue", status=201)
async def issue(body: IssueBody, work: Work, caller: Caller, policies: InForce) -> IssuedOut:
    """出具证明，免费；时长取自账本，先公示后生效。Make a certificate out: free, hours from the ledger.

    Hours of one day can stand on several certificates only where somebody says why: `overlap_reason`.
    """
    # Held until the commit: somebody forgotten in this moment is forgotten afterwards, and then the identity, too.
    query = select(members).where(members.c.volunteer_id == body.volunteer_id).with_for_update(read=True)
    who = (await work.connection.execute(query)).first()
    if who is None or who.community is None:
        raise NotFound("volunteer")
    caller.require(who.community)
    today = local_day(work.now)
    terms = await policies.terms(work.connection, who.community, today)
    publicity = terms.certificates.publicity_days
    certificate_id = work.new_id()
    # Two of one moment wait here for each other, so the second sees the first.
    number = await next_number(work.connection, who.community, today.year)
    command = Issue(
        certificate_id=certificate_id,
        community=who.community,
        volunteer_id=body.volunteer_id,
        number=number,
        since=body.since,
        until=body.until,
        services=await services_between(work.connection, body.volunteer_id, body.since, body.until),
        publicity_days=publicity.value,
        policy_version=publicity.version,
        forgotten=who.forgotten_at is not None,
        day=today,
        overlaps=await overlapping(work.connection, body.volunteer_id, body.since, body.until),
        overlap_reason=body.overlap_reason,
    )
    certificate = work.create(CERTIFICATES, certificate_id, command)
    identity = {field: value for field in FIELDS if (value := getattr(body, field)) is not None}
    await work.vault.put(work.connection, certificate_id, identity)
    if certificate.stage is Stage.PUBLIC:
        await_end_of_publicity(work, certificate_id, certificate)
    return IssuedOut(
        **_state(certificate).model_dump(),
        certificate_number=number,
        check_code=check_code(work.vault, Paper.CERTIFICATE, number),
        minutes=certificate.minutes,
        public_until=certificate.public_until,
    )


@api.command("/v1/certificates/{certificate_id}/objection", permission="certificates.issue")
async def object_(certificate_id: UUID, body: ObjectionBody, work: Work, caller: Caller) -> StateOut:
    """登记公示异议。Somebody objects during publicity; it takes no effect until that is settled."""
    by = actor_id(work.vault, caller.subject)
    return await _execute(work, caller, certificate_id, Object(body.reason, local_day(work.now), by))


@api.command("/v1/certificates/{certificate_id}/settlement", permission="certificates.issue")
async def settle(certificate_id: UUID, body: SettlementBody, work: Work, caller: Caller) -> StateOut:
    """处理异议：成立则不生效；不成立则继续公示，期满（或已满）即生效。须由登记异议以外的人办理。

    Settle the objection: somebody else than who entered it. Without ground, publicity goes on to its last day; where
    that is over, it takes effect.
    """
    by = actor_id(work.vault, caller.subject)
    return await _execute(work, caller, certificate_id, SettleObjection(body.upheld, local_day(work.now), by))


@api.command("/v1/certificates/{certificate_id}/voiding", permission="certificates.issue")
async def void(certificate_id: UUID, body: VoidBody, work: Work, caller: Caller) -> StateOut:
    """作废。Declare it void; it shows wherever it is verified or printed."""
    return await _execute(work, caller, certificate_id, Void(body.reason, local_day(work.now)))


def await_end_of_publicity(work: UnitOfWork, certificate_id: UUID, certificate: Certificate) -> None:
    """Set the timer to the end of the last day of publicity. Where that is over, the timer is due at once."""
    work.schedule(_PUBLICITY, certificate_id, day_start(certificate.public_until + timedelta(days=1)))


@timers.on(_PUBLICITY)
async def end_publicity(work: UnitOfWork, certificate_id: UUID) -> None:
    """Nobody objected in time."""
    await work.execute(CERTIFICATES, certificate_id, EndPublicity(local_day(work.now)))


async def _execute(work: UnitOfWork, caller: Principal, certificate_id: UUID, command: Command) -> StateOut:
    await of_caller(work, caller, CERTIFICATES, certificate_id)
    return _state(await work.execute(CERTIFICATES, certificate_id, command))


def _state(certificate: Certificate) -> StateOut:
    assert certificate.id is not None
    return StateOut(certificate_id=certificate.id, stage=certificate.stage, flagged=certificate.flagged)
