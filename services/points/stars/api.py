"""Routes that change stars: apply, assess, grant, decline, confirm, withdraw, report; and the timer of the review."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select

from services.points.durations import months_later
from services.points.policy.in_force import InForce, PoliciesInForce
from services.points.stars.assessments import assessed
from services.points.stars.bodies import (
    ApplyBody,
    AssessBody,
    DecidedOut,
    DeclineBody,
    HeldOut,
    IssuedReportOut,
    ReportBody,
    WithdrawBody,
)
from services.points.stars.commands import Apply, AssessQuality, Confirm, Decline, Grant, Retract, Review, Withdraw
from services.points.stars.held import Stars
from services.points.stars.refusals import StarOwnApplication
from services.points.stars.report import IssueReport, canonical_hash
from services.points.stars.reporting import let_stars_stand_still, report_rows
from services.points.stars.standing import (
    asked_of_held,
    assessors,
    confirmed_minutes,
    member,
    requirement,
    taken_from,
)
from services.points.stars.views import REPORTS, STARS, Stage
from services.points.tables import star_applications
from shared.auth.actors import actor_id
from shared.auth.tokens import Principal
from shared.clock import day_start, local_day
from shared.contracts import refuse_if
from shared.recovery import READ_BACK
from shared.timers import Timers
from shared.unit_of_work import UnitOfWork
from shared.web import Api, Caller, NotFound, Work
from shared.web.nodes import of_caller

api = Api(tags=["stars 星级"])
timers = Timers()

REVIEW = "star.review"


@api.command("/v1/stars/applications", permission="stars.apply", status=201)
async def apply(body: ApplyBody, work: Work, caller: Caller, policies: InForce) -> DecidedOut:
    """申请星级；时长或注册时间不够时当场说明还差多少。Apply for a grade; what is missing is told at once."""
    who = await member(work.connection, body.volunteer_id)
    caller.require(who.community, body.volunteer_id)
    today = local_day(work.now)
    terms = await policies.terms(work.connection, who.community, today)
    application_id = work.new_id()
    command = Apply(
        application_id=application_id,
        volunteer_id=body.volunteer_id,
        community=who.community,
        grade=body.grade,
        minutes=await confirmed_minutes(work.connection, body.volunteer_id),
        requirement=requirement(terms, body.grade),
        member_since=who.registered_on,
        forgotten=who.forgotten,
        day=today,
        assessed=await assessed(work.connection, body.volunteer_id),
    )
    return _decided(await work.execute(STARS, body.volunteer_id, command), application_id, body.grade, Stage.APPLIED)


@api.command("/v1/stars/applications/{application_id}/assessment", permission="stars.assess")
async def assess(application_id: UUID, body: AssessBody, work: Work, caller: Caller) -> DecidedOut:
    """评定服务质量。Judge the quality of the service; may be judged anew until it is decided."""
    volunteer_id, grade, _ = await _applied(work, caller, application_id)
    command = AssessQuality(application_id, body.quality, body.reason, caller.node, local_day(work.now))
    return _decided(await work.execute(STARS, volunteer_id, command), application_id, grade, Stage.ASSESSED)


@api.command("/v1/stars/applications/{application_id}/grant", permission="stars.grant")
async def grant(application_id: UUID, work: Work, caller: Caller, policies: InForce) -> DecidedOut:
    """评定星级，由有权机关办理，质量评定人不得经办。Grant; by the authority for the grade, and not by who assessed."""
    volunteer_id, grade, applied_on = await _applied(work, caller, application_id)
    today = local_day(work.now)
    stars = (await work.load(STARS, volunteer_id)).state
    terms = await policies.terms(work.connection, stars.community, today)
    terms_then = await policies.terms(work.connection, stars.community, applied_on)
    judges = await assessors(work.connection, volunteer_id, application_id)
    command = Grant(
        application_id=application_id,
        minutes=await confirmed_minutes(work.connection, volunteer_id),
        authority=caller.node,
        granter=caller.subject,
        assessors=judges,
        judge_lost=READ_BACK in judges,
        review_months=terms.stars.review_months.value,
        forgotten=(await member(work.connection, volunteer_id)).forgotten,
        day=today,
        requirement=requirement(terms_then, grade),
        assessed=await assessed(work.connection, volunteer_id),
    )
    state = await work.execute(STARS, volunteer_id, command)
    await _next_review(work, volunteer_id, day_start(months_later(today, command.review_months)))
    return _decided(state, application_id, grade, Stage.GRANTED)


@api.command("/v1/stars/applications/{application_id}/decline", permission="stars.grant")
async def decline(application_id: UUID, body: DeclineBody, work: Work, caller: Caller) -> DecidedOut:
    """不予评定，并说明理由。Do not grant it, with a reason."""
    volunteer_id, grade, _ = await _applied(work, caller, application_id)
    command = Decline(application_id, body.reason, caller.node, local_day(work.now))
    return _decided(await work.execute(STARS, volunteer_id, command), application_id, grade, Stage.DECLINED)


@api.command("/v1/stars/applications/{application_id}/withdrawal", permission="stars.apply")
async def retract(application_id: UUID, work: Work, caller: Caller) -> DecidedOut:
    """撤回还没有办结的申请，本人或社区代办；撤回后可以另行申请。

    Withdraw an application that is not decided yet, as the volunteer or for them; another one can then be made.
    """
    row = await _application(work, application_id)
    caller.require(row.community, row.volunteer_id)
    command = Retract(application_id, caller.node, local_day(work.now))
    state = await work.execute(STARS, row.volunteer_id, command)
    return _decided(state, application_id, row.grade, Stage.DECLINED)


@api.command("/v1/stars/{volunteer_id}/confirmation", permission="stars.grant")
async def confirm(volunteer_id: UUID, work: Work, caller: Caller) -> HeldOut:
    """复核后保留存疑的星级。Let a flagged grade stand with the hours and assessments that there are."""
    await of_caller(work, caller, STARS, volunteer_id)
    _require_somebody_else(work, caller, volunteer_id)
    minutes, said = (
        await confirmed_minutes(work.connection, volunteer_id),
        await assessed(work.connection, volunteer_id),
    )
    command = Confirm(minutes, caller.node, local_day(work.now), said)
    return _held(await work.execute(STARS, volunteer_id, command))


@api.command("/v1/stars/{volunteer_id}/withdrawal", permission="stars.grant")
async def withdraw(volunteer_id: UUID, body: WithdrawBody, work: Work, caller: Caller) -> HeldOut:
    """撤销现有星级；之前较低的星级恢复，并随即复核。Take the grade back; an earlier one returns, and is looked at."""
    await of_caller(work, caller, STARS, volunteer_id)
    _require_somebody_else(work, caller, volunteer_id)
    state = await work.execute(STARS, volunteer_id, Withdraw(body.reason, caller.node, local_day(work.now)))
    if state.held:
        await _next_review(work, volunteer_id, work.now)
    else:
        await work.cancel_timer(REVIEW, volunteer_id)
    return _held(state)


@api.command("/v1/stars/reports", permission="stars.report", status=201)
async def issue_report(body: ReportBody, work: Work, caller: Caller) -> IssuedReportOut:
    """上报三星及以上志愿者，名单照原样留存，哈希写入事件。

    Report three stars and above upwards: the rows stay as they were, and their hash is in the event.
    """
    caller.require(body.node)
    await let_stars_stand_still(work.connection)
    rows = await report_rows(work.connection, body.node, body.since, body.until)
    report_id = work.new_id()
    command = IssueReport(report_id, body.node, body.since, body.until, len(rows), canonical_hash(rows), work.now)
    work.create(REPORTS, report_id, command)
    return IssuedReportOut(
        report_id=report_id,
        node=body.node,
        since=body.since,
        until=body.until,
        rows_count=command.rows_count,
        rows_sha256=command.rows_sha256,
        issued_at=work.now,
    )


@timers.on(REVIEW)
async def review(work: UnitOfWork, volunteer_id: UUID) -> None:
    """A grade is looked at again: kept where hours and assessments still hold, flagged where they do not."""
    stars = (await work.load(STARS, volunteer_id)).state
    if not stars.held:
        return
    today = local_day(work.now)
    terms = await PoliciesInForce().terms(work.connection, stars.community, today)
    months = terms.stars.review_months.value
    minutes = await confirmed_minutes(work.connection, volunteer_id)
    cause = await taken_from(work.connection, stars, minutes)
    asked, said = await asked_of_held(work.connection, stars), await assessed(work.connection, volunteer_id)
    await work.execute(STARS, volunteer_id, Review(minutes, months, today, cause, asked, said))
    await _next_review(work, volunteer_id, day_start(months_later(today, months)))


async def _next_review(work: UnitOfWork, volunteer_id: UUID, due_at: datetime) -> None:
    work.schedule(REVIEW, volunteer_id, due_at)


async def _applied(work: UnitOfWork, caller: Principal, application_id: UUID) -> tuple[UUID, int, date]:
    """Who applied, for which grade, and on which day."""
    row = await _application(work, application_id)
    caller.require(row.community)
    _require_somebody_else(work, caller, row.volunteer_id)
    return row.volunteer_id, row.grade, row.applied_on


async def _application(work: UnitOfWork, application_id: UUID) -> Any:
    query = select(star_applications).where(star_applications.c.id == application_id)
    row = (await work.connection.execute(query)).first()
    if row is None:
        raise NotFound("star_application")
    return row


def _require_somebody_else(work: UnitOfWork, caller: Principal, volunteer_id: UUID) -> None:
    refuse_if(actor_id(work.vault, caller.subject) == volunteer_id, StarOwnApplication)


def _decided(stars: Stars, application_id: UUID, grade: int, stage: Stage) -> DecidedOut:
    assert stars.volunteer_id is not None
    return DecidedOut(
        application_id=application_id,
        volunteer_id=stars.volunteer_id,
        grade=grade,
        grade_held=stars.grade,
        stage=stage,
    )


def _held(stars: Stars) -> HeldOut:
    assert stars.volunteer_id is not None
    flagged = stars.in_force is not None and stars.in_force.flagged
    return HeldOut(volunteer_id=stars.volunteer_id, grade=stars.grade, flagged=flagged)
