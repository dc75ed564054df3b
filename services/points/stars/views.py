"""Applications for stars as a table, with what became of each, and the reports that went upwards."""

from datetime import date
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Uuid, and_, func, insert, literal, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from services.points.stars.held import Stars
from services.points.stars.model import decide, evolve
from services.points.stars.report import GRADE_MIN, Report, decide_report, evolve_report
from services.points.tables import star_applications, star_report_rows, star_reports
from shared.aggregate import Aggregate
from shared.contracts.honours import (
    StarApplicationUndecided,
    StarApplied,
    StarBorneAgain,
    StarConfirmed,
    StarDeclined,
    StarFlagged,
    StarGranted,
    StarQualityAssessed,
    StarReportIssued,
    StarReviewed,
    StarUndecided,
    StarWithdrawn,
)
from shared.eventstore import Recorded
from shared.views import Views

STARS = Aggregate("stars", initial=Stars(), decide=decide, evolve=evolve)
"""One stream for each volunteer."""
REPORTS = Aggregate("report", initial=Report(), decide=decide_report, evolve=evolve_report)

views = Views(tables=[star_applications, star_reports, star_report_rows])


class Stage(StrEnum):
    """Where an application stands."""

    APPLIED = "applied"
    ASSESSED = "assessed"
    GRANTED = "granted"
    """In force."""
    FLAGGED = "flagged"
    """In force, and to be looked at: the hours, or the assessments, no longer hold."""
    SUPERSEDED = "superseded"
    """A higher grade is in force."""
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"


OPEN: Final = (Stage.APPLIED.value, Stage.ASSESSED.value)
IN_FORCE: Final = (Stage.GRANTED.value, Stage.FLAGGED.value)
_DECIDED: Final = {"flagged_on": None, "waits_since": None, "remind_on": None, "reminders": 0}


def reported(node: str, since: date, until: date) -> ColumnElement[bool]:
    """The applications that a report lists: of three stars and above at a node and below, granted in a period, both
    days included, and not withdrawn since.
    """
    a = star_applications.c
    return and_(
        a.grade >= GRADE_MIN,
        a.granted_on.between(since, until),
        a.community.startswith(node),
        a.stage.in_([*IN_FORCE, Stage.SUPERSEDED.value]),
    )


@views.on(StarApplied)
async def apply(connection: AsyncConnection, event: StarApplied, recorded: Recorded) -> None:
    """A new application."""
    await connection.execute(
        insert(star_applications).values(
            id=event.application_id,
            volunteer_id=event.volunteer_id,
            community=event.community,
            grade=event.grade,
            stage=Stage.APPLIED.value,
            minutes=event.minutes,
            threshold_minutes=event.threshold_minutes,
            floor_minutes=event.threshold_minutes,
            granted_by=event.granted_by.value,
            policy_version=event.policy_version,
            applied_on=event.applied_on,
            waits_since=event.applied_on,
            reminders=0,
            version=recorded.version,
        )
    )


@views.on(StarQualityAssessed)
async def assess(connection: AsyncConnection, event: StarQualityAssessed, recorded: Recorded) -> None:
    """The quality was judged."""
    await _set(
        connection,
        event.application_id,
        recorded,
        stage=Stage.ASSESSED.value,
        quality=event.quality.value,
        quality_reason=None if event.reason is None else event.reason.value,
    )


@views.on(StarGranted)
async def grant(connection: AsyncConnection, event: StarGranted, recorded: Recorded) -> None:
    """In force; the grade before it is superseded."""
    await connection.execute(
        update(star_applications)
        .where(star_applications.c.volunteer_id == event.volunteer_id, star_applications.c.stage.in_(IN_FORCE))
        .values(stage=Stage.SUPERSEDED.value, review_on=None, **_DECIDED)
    )
    await _set(
        connection,
        event.application_id,
        recorded,
        stage=Stage.GRANTED.value,
        minutes=event.minutes,
        granted_on=event.granted_on,
        review_on=event.review_on,
        **_DECIDED,
    )


@views.on(StarDeclined)
async def decline(connection: AsyncConnection, event: StarDeclined, recorded: Recorded) -> None:
    """Not granted."""
    await _end(connection, event.application_id, recorded, Stage.DECLINED, event.declined_on, event.reason.value)


@views.on(StarReviewed)
async def review(connection: AsyncConnection, event: StarReviewed, recorded: Recorded) -> None:
    """Looked at again."""
    await _set(connection, event.application_id, recorded, minutes=event.minutes, review_on=event.review_on)


@views.on(StarFlagged)
async def flag(connection: AsyncConnection, event: StarFlagged, recorded: Recorded) -> None:
    """May no longer hold."""
    await _set(
        connection,
        event.application_id,
        recorded,
        stage=Stage.FLAGGED.value,
        minutes=event.minutes,
        flagged_on=event.flagged_on,
        waits_since=func.coalesce(star_applications.c.waits_since, event.flagged_on),
    )


@views.on(StarBorneAgain)
async def bear_again(connection: AsyncConnection, event: StarBorneAgain, recorded: Recorded) -> None:
    """The hours are there again; somebody is still to look at it."""
    await _set(connection, event.application_id, recorded, minutes=event.minutes)


@views.on(StarUndecided)
async def remind(connection: AsyncConnection, event: StarUndecided, recorded: Recorded) -> None:
    """Nobody has decided on it."""
    await _remind(connection, event, recorded)


@views.on(StarApplicationUndecided)
async def remind_of_application(
    connection: AsyncConnection, event: StarApplicationUndecided, recorded: Recorded
) -> None:
    """Nor on this."""
    await _remind(connection, event, recorded)


async def _remind(
    connection: AsyncConnection, event: StarUndecided | StarApplicationUndecided, recorded: Recorded
) -> None:
    await _set(connection, event.application_id, recorded, reminders=event.reminder, remind_on=event.remind_on)


@views.on(StarConfirmed)
async def confirm(connection: AsyncConnection, event: StarConfirmed, recorded: Recorded) -> None:
    """Stands, with the hours that there are."""
    await _set(
        connection,
        event.application_id,
        recorded,
        stage=Stage.GRANTED.value,
        minutes=event.minutes,
        floor_minutes=func.least(star_applications.c.threshold_minutes, event.minutes),
        **_DECIDED,
    )


@views.on(StarWithdrawn)
async def withdraw(connection: AsyncConnection, event: StarWithdrawn, recorded: Recorded) -> None:
    """Taken back; the grade before it is in force again."""
    await _end(connection, event.application_id, recorded, Stage.WITHDRAWN, event.withdrawn_on, event.reason.value)
    earlier = (
        select(star_applications.c.id)
        .where(
            star_applications.c.volunteer_id == event.volunteer_id,
            star_applications.c.stage == Stage.SUPERSEDED.value,
        )
        .order_by(star_applications.c.grade.desc())
        .limit(1)
    )
    await connection.execute(
        update(star_applications)
        .where(star_applications.c.id == earlier.scalar_subquery())
        .values(stage=Stage.GRANTED.value, version=recorded.version)
    )


@views.on(StarReportIssued)
async def report(connection: AsyncConnection, event: StarReportIssued, recorded: Recorded) -> None:
    """A report went upwards, and keeps its rows: they are withdrawn, and their minutes change."""
    await connection.execute(
        insert(star_reports).values(
            id=event.report_id,
            node=event.node,
            since=event.since,
            until=event.until,
            rows_count=event.rows_count,
            rows_sha256=event.rows_sha256,
            issued_at=event.issued_at,
            version=recorded.version,
        )
    )
    a = star_applications.c
    listed = [a.community, a.volunteer_id, a.grade, a.minutes, a.granted_on, a.policy_version]
    rows = select(literal(event.report_id, Uuid), a.id, *listed).where(reported(event.node, event.since, event.until))
    columns = ["report_id", "application_id", *(str(column.key) for column in listed)]
    await connection.execute(insert(star_report_rows).from_select(columns, rows))


async def _end(
    connection: AsyncConnection, application_id: UUID, recorded: Recorded, stage: Stage, day: date, reason: str
) -> None:
    values = {"stage": stage.value, "ended_on": day, "reason": reason, "review_on": None, **_DECIDED}
    await _set(connection, application_id, recorded, **values)


async def _set(connection: AsyncConnection, application_id: UUID, recorded: Recorded, **values: Any) -> None:
    await connection.execute(
        update(star_applications)
        .where(star_applications.c.id == application_id)
        .values(version=recorded.version, **values)
    )
