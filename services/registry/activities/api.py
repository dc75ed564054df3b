"""Routes of an activity's life: published, signed up for, attended, completed, corrected or called off."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from sqlalchemy import select

from services.registry.activities import attendance, sign_ups
from services.registry.activities.assessing import Assess
from services.registry.activities.model import CheckedIn, CheckedOut, Correct, Entry
from services.registry.activities.planning import Change, Dating, Publish
from services.registry.activities.refusals import BeneficiaryAskedByOffice
from services.registry.activities.schemas import (
    ActivityStateOut,
    AssessmentBody,
    AttendancesBody,
    AttendanceWithdrawalBody,
    CancellationBody,
    ChangeBody,
    CheckInBody,
    CheckOutBody,
    CompletionBody,
    CorrectionBody,
    PublishBody,
    SignUpBody,
    WithdrawBody,
)
from services.registry.activities.state import Plan
from services.registry.activities.streams import ACTIVITIES
from services.registry.fields import Configured, own_id
from services.registry.organisation.views import require_community
from services.registry.settings import RegistrySettings
from services.registry.tables import teams
from services.registry.teams.model import TeamIsDissolved
from services.registry.volunteers.standing import Found, VolunteerUnknown, by_number, look_up, require_good
from shared.auth.actors import actor_id
from shared.auth.permissions import Role
from shared.auth.tokens import OutsideNode, Principal
from shared.contracts import Refusal, refuse_if
from shared.contracts.registry import AssessmentSide
from shared.unit_of_work import UnitOfWork
from shared.web import Api, Caller, Work
from shared.web.nodes import of_caller

api = Api(tags=["activities 活动"])


class TeamUnknown(Refusal):
    """The team is not one of the community's."""

    code = "team_unknown"
    status = 422


class VolunteerNotNamed(Refusal):
    """Staff have to say who signs up or withdraws."""

    code = "volunteer_not_named"
    status = 422


@api.command("/v1/activities", permission="activities.publish", status=201)
async def publish_activity(body: PublishBody, work: Work, caller: Caller, settings: Configured) -> ActivityStateOut:
    """发布活动，开放报名。Announce an activity; it is open for sign-up."""
    caller.require(body.community)
    await require_community(work.connection, body.community)
    plan = Plan(**body.model_dump(exclude={"community"}))
    await _require_team(work, body.community, plan)
    activity_id = work.new_id()
    command = Publish(activity_id, body.community, plan, dating(work, settings))
    return ActivityStateOut.of(work.create(ACTIVITIES, activity_id, command))


@api.command("/v1/activities/{activity_id}", permission="activities.publish", method="PATCH")
async def change_activity(
    activity_id: UUID, body: ChangeBody, work: Work, caller: Caller, settings: Configured
) -> ActivityStateOut:
    """变更还没有开始的活动：只写要改的字段；已报名的人仍在名单中，时间变了的请另行通知。

    Change an activity that has not begun, by the fields to change; whoever signed up remains signed up. Those who are
    signed up elsewhere at the new time are named, and nothing is changed.
    """
    activity = await of_caller(work, caller, ACTIVITIES, activity_id)
    plan = replace(activity.plan, **body.model_dump(exclude_unset=True))
    if plan.team_id != activity.plan.team_id:
        await _require_team(work, activity.community, plan)
    command = Change(plan, dating(work, settings), actor_id(work.vault, caller.subject))
    return ActivityStateOut.of(await sign_ups.change(work, activity_id, command))


@api.command("/v1/activities/{activity_id}/sign-ups", permission="activities.sign_up")
async def sign_up(
    activity_id: UUID, body: SignUpBody, work: Work, caller: Caller, settings: Configured
) -> ActivityStateOut:
    """报名；同一时间只能报一个活动。Sign up; for one activity at a time."""
    await of_caller(work, caller, ACTIVITIES, activity_id)
    who = _who(caller, body.volunteer)
    found = _own(caller, (await require_good(work.connection, [who]))[who])
    activity = await sign_ups.sign_up(
        work, activity_id, found.id, body.signed_up_at or work.now, dating(work, settings)
    )
    return ActivityStateOut.of(activity)


@api.command("/v1/activities/{activity_id}/sign-up-withdrawals", permission="activities.sign_up")
async def withdraw_sign_up(
    activity_id: UUID, body: WithdrawBody, work: Work, caller: Caller, settings: Configured
) -> ActivityStateOut:
    """退出报名。Take a sign-up back."""
    await of_caller(work, caller, ACTIVITIES, activity_id)
    who = _who(caller, body.volunteer)
    found = _own(caller, _all_known(await look_up(work.connection, [who]), [who])[0])
    activity = await sign_ups.withdraw(
        work, activity_id, found.id, body.withdrawn_at or work.now, dating(work, settings)
    )
    return ActivityStateOut.of(activity)


@api.command("/v1/activities/{activity_id}/check-ins", permission="activities.attend")
async def check_in(
    activity_id: UUID, body: CheckInBody, work: Work, caller: Caller, settings: Configured
) -> ActivityStateOut:
    """签到，可一次多人；一个人不能同时在两个活动。Check in one or many; nobody is at two activities at once."""
    await of_caller(work, caller, ACTIVITIES, activity_id)
    found = await require_good(work.connection, body.volunteers)
    at = body.checked_in_at or work.now
    entries = [CheckedIn(found[reference].id, at) for reference in body.volunteers]
    with by_number(found):
        return ActivityStateOut.of(await attendance.record(work, activity_id, entries, dating(work, settings)))


@api.command("/v1/activities/{activity_id}/check-outs", permission="activities.attend")
async def check_out(
    activity_id: UUID, body: CheckOutBody, work: Work, caller: Caller, settings: Configured
) -> ActivityStateOut:
    """签退，可一次多人。Check out one or many; also somebody who withdrew consent while on site."""
    await of_caller(work, caller, ACTIVITIES, activity_id)
    found = await look_up(work.connection, body.volunteers)
    known = _all_known(found, body.volunteers)
    at = body.checked_out_at or work.now
    entries = [CheckedOut(volunteer.id, at) for volunteer in known]
    with by_number(found):
        return ActivityStateOut.of(await attendance.record(work, activity_id, entries, dating(work, settings)))


@api.command("/v1/activities/{activity_id}/attendances", permission="activities.attend")
async def record_attendances(
    activity_id: UUID, body: AttendancesBody, work: Work, caller: Caller, settings: Configured
) -> ActivityStateOut:
    """一次提交多人的签到签退或补录。Attendances of many at once: scanned ones with times, or backfilled minutes."""
    activity = await of_caller(work, caller, ACTIVITIES, activity_id)
    found = await require_good(work.connection, [entry.volunteer for entry in body.entries])
    entries: list[Entry] = [
        entry.entry(found[entry.volunteer].id, activity.plan.planned_start) for entry in body.entries
    ]
    with by_number(found):
        return ActivityStateOut.of(await attendance.record(work, activity_id, entries, dating(work, settings)))


@api.command("/v1/activities/{activity_id}/attendance-withdrawals", permission="activities.attend")
async def withdraw_attendance(
    activity_id: UUID, body: AttendanceWithdrawalBody, work: Work, caller: Caller
) -> ActivityStateOut:
    """撤回误记的签到或补录，确认完成前可办，之后可重新登记。

    Take back an attendance entered by mistake, while the activity is not confirmed; it can then be entered anew.
    """
    await of_caller(work, caller, ACTIVITIES, activity_id)
    found = await look_up(work.connection, [body.volunteer])
    (volunteer,) = _all_known(found, [body.volunteer])
    with by_number(found):
        return ActivityStateOut.of(await attendance.withdraw(work, activity_id, volunteer.id))


@api.command("/v1/activities/{activity_id}/completion", permission="activities.complete")
async def complete_activity(
    activity_id: UUID, body: CompletionBody, work: Work, caller: Caller, settings: Configured
) -> ActivityStateOut:
    """确认完成，服务记录生效；忘记签退的按计划结束时间计并标记。

    Confirm every attendance. A forgotten check-out is closed at the planned end and flagged.
    """
    await of_caller(work, caller, ACTIVITIES, activity_id)
    by = actor_id(work.vault, caller.subject)
    activity = await attendance.complete(work, activity_id, body.completed_at or work.now, dating(work, settings), by)
    return ActivityStateOut.of(activity)


@api.command("/v1/activities/{activity_id}/corrections", permission="activities.correct")
async def correct_attendance(
    activity_id: UUID, body: CorrectionBody, work: Work, caller: Caller, settings: Configured
) -> ActivityStateOut:
    """更正已确认的服务记录，或补上遗漏的人。Correct a confirmed record, or add somebody who was left out."""
    activity = await of_caller(work, caller, ACTIVITIES, activity_id)
    found = await look_up(work.connection, [body.volunteer])
    (who,) = _all_known(found, [body.volunteer])
    if who.id not in activity.attended:
        who.require_good()
    by = actor_id(work.vault, caller.subject)
    command = Correct(who.id, body.minutes, body.evidence, body.reason, body.started_at, dating(work, settings), by)
    with by_number(found):
        return ActivityStateOut.of(await attendance.correct(work, activity_id, command))


@api.command("/v1/activities/{activity_id}/assessments", permission="activities.assess")
async def assess_service(activity_id: UUID, body: AssessmentBody, work: Work, caller: Caller) -> ActivityStateOut:
    """评价服务质量：组织者的评价，或回访服务对象得到的评价；再次评价以最后一次为准。

    How well somebody served, by the organiser or as whom it was for said in a follow-up; the last one counts. What the
    latter said, the office enters, not the leader of a team.
    """
    await of_caller(work, caller, ACTIVITIES, activity_id)
    refuse_if(caller.role is Role.TEAM_LEADER and body.side is AssessmentSide.BENEFICIARY, BeneficiaryAskedByOffice)
    found = _all_known(await look_up(work.connection, [body.volunteer]), [body.volunteer])[0]
    by = actor_id(work.vault, caller.subject)
    command = Assess(found.id, body.side, body.quality, by, work.now)
    return ActivityStateOut.of(await work.execute(ACTIVITIES, activity_id, command))


@api.command("/v1/activities/{activity_id}/cancellation", permission="activities.publish")
async def cancel_activity(activity_id: UUID, body: CancellationBody, work: Work, caller: Caller) -> ActivityStateOut:
    """取消活动；已有服务记录的不能取消。Call the activity off, unless service was recorded."""
    await of_caller(work, caller, ACTIVITIES, activity_id)
    return ActivityStateOut.of(await attendance.cancel(work, activity_id, body.reason))


def dating(work: UnitOfWork, settings: RegistrySettings) -> Dating:
    """The bounds of what may be entered now."""
    return Dating(
        now=work.now,
        earliest=work.now - timedelta(days=settings.backdating_max_days),
        tolerance=timedelta(minutes=settings.activity_tolerance_minutes),
    )


async def _require_team(work: UnitOfWork, community: str, plan: Plan) -> None:
    """That the team, if there is one, is the community's and not dissolved."""
    if plan.team_id is None:
        return
    of_team = select(teams.c.community, teams.c.dissolved_on).where(teams.c.id == plan.team_id)
    team = (await work.connection.execute(of_team)).first()
    if team is None or team.community != community:
        raise TeamUnknown
    refuse_if(team.dissolved_on is not None, TeamIsDissolved)


def _who(caller: Principal, named: UUID | str | None) -> UUID | str:
    own = own_id(caller)
    if named is not None:
        return named
    if own is None:
        raise VolunteerNotNamed
    return own


def _own(caller: Principal, found: Found) -> Found:
    """A volunteer signs up for nobody else, whether named by id or by number."""
    own = own_id(caller)
    if own is not None and found.id != own:
        raise OutsideNode
    return found


def _all_known(found: Mapping[UUID | str, Found], references: Iterable[UUID | str]) -> list[Found]:
    known = []
    for reference in references:
        if reference not in found:
            raise VolunteerUnknown(volunteer=str(reference))
        known.append(found[reference])
    return known
