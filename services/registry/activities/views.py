"""Activities, and who took part in them how, as tables."""

from collections.abc import Sequence
from typing import Any, TypeVar

from sqlalchemy import insert, text
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.registry.activities.model import Stage
from services.registry.tables import activities, activity_plans, assessments, participations
from shared.contracts import Event
from shared.contracts.registry import (
    ActivityCancelled,
    ActivityChanged,
    ActivityCompleted,
    ActivityPublished,
    AttendanceBackfilled,
    AttendanceCorrected,
    AttendanceWithdrawn,
    ServiceAssessed,
    SignUpWithdrawn,
    VolunteerCheckedIn,
    VolunteerCheckedOut,
    VolunteerSignedUp,
)
from shared.eventstore import Recorded
from shared.views import Views

views = Views([activities, activity_plans, participations, assessments])

E = TypeVar("E", bound=Event)

# Within one run nobody appears twice in an activity: a second sign-up needs a withdrawal before it, and so
# does a second attendance. So one statement can take a run, and counts the activity's row along with it.
_TOUCH = (
    " UPDATE activities SET {count} version = last FROM"
    " (SELECT activity_id, count(*) AS n, max(version) AS last FROM run GROUP BY activity_id) AS c"
    " WHERE activities.id = c.activity_id"
)
_RUN = (
    "WITH run AS (SELECT * FROM unnest(cast(:activities AS uuid[]), cast(:versions AS int[]),"
    " cast(:volunteers AS uuid[]), cast(:moments AS timestamptz[]), cast(:minutes AS int[]))"
    " AS r(activity_id, version, volunteer_id, moment, minutes)), changed AS ("
)
_ARRIVAL = (
    "INSERT INTO participations (activity_id, volunteer_id, started_at, minutes, evidence, revision,"
    " closed_at_planned_end, confirmed)"
    " SELECT activity_id, volunteer_id, moment, minutes, :evidence, 0, false, false FROM run"
    " ON CONFLICT (activity_id, volunteer_id) DO UPDATE SET started_at = excluded.started_at,"
    " minutes = excluded.minutes, evidence = excluded.evidence"
)
_SIGN_UP = (
    "INSERT INTO participations (activity_id, volunteer_id, signed_up_at, revision, closed_at_planned_end, confirmed)"
    " SELECT activity_id, volunteer_id, moment, 0, false, false FROM run"
    " ON CONFLICT (activity_id, volunteer_id) DO UPDATE SET signed_up_at = excluded.signed_up_at, withdrawn_at = NULL"
)
_WITHDRAWAL = (
    "UPDATE participations p SET withdrawn_at = run.moment FROM run"
    " WHERE p.activity_id = run.activity_id AND p.volunteer_id = run.volunteer_id"
)
_DEPARTURE = (
    "UPDATE participations p SET minutes = floor(extract(epoch FROM run.moment - p.started_at) / 60)"
    " FROM run WHERE p.activity_id = run.activity_id AND p.volunteer_id = run.volunteer_id"
)


@views.on_run(ActivityPublished)
async def publish(connection: AsyncConnection, run: Sequence[Recorded]) -> None:
    """New activities."""
    rows = [
        {
            "id": event.activity_id,
            "community": event.community,
            "team_id": event.team_id,
            "title": event.title,
            "category": event.category.value,
            "planned_start": event.planned_start,
            "planned_end": event.planned_end,
            "places": event.places,
            "meeting_place": event.meeting_place,
            "stage": Stage.PUBLISHED.value,
            "signed_up_count": 0,
            "attended_count": 0,
            "confirmed_minutes": 0,
            "version": version,
        }
        for event, version in _typed(ActivityPublished, run)
    ]
    await connection.execute(insert(activities), rows)


@views.on(ActivityChanged)
async def change(connection: AsyncConnection, event: ActivityChanged, recorded: Recorded) -> None:
    """What is announced now; what was before is kept, as both parts of the statement see the row as it was."""
    await connection.execute(
        text(
            "WITH kept AS (INSERT INTO activity_plans (activity_id, changed_version, until, team_id, title, category,"
            " planned_start, planned_end, places, meeting_place)"
            " SELECT id, :version, :changed_at, team_id, title, category, planned_start, planned_end, places,"
            " meeting_place FROM activities WHERE id = :id)"
            " UPDATE activities SET team_id = :team_id, title = :title, category = :category,"
            " planned_start = :planned_start, planned_end = :planned_end, places = :places,"
            " meeting_place = :meeting_place, changed_at = :changed_at, version = :version WHERE id = :id"
        ),
        {
            "id": event.activity_id,
            "version": recorded.version,
            "changed_at": event.changed_at,
            "team_id": event.team_id,
            "title": event.title,
            "category": event.category.value,
            "planned_start": event.planned_start,
            "planned_end": event.planned_end,
            "places": event.places,
            "meeting_place": event.meeting_place,
        },
    )


@views.on_run(VolunteerSignedUp)
async def sign_up(connection: AsyncConnection, run: Sequence[Recorded]) -> None:
    """One more is expected."""
    entries = [(e.activity_id, v, e.volunteer_id, e.signed_up_at, None) for e, v in _typed(VolunteerSignedUp, run)]
    await _apply(connection, _SIGN_UP, "signed_up_count = signed_up_count + n,", entries)


@views.on_run(SignUpWithdrawn)
async def withdraw(connection: AsyncConnection, run: Sequence[Recorded]) -> None:
    """One fewer is expected."""
    entries = [(e.activity_id, v, e.volunteer_id, e.withdrawn_at, None) for e, v in _typed(SignUpWithdrawn, run)]
    await _apply(connection, _WITHDRAWAL, "signed_up_count = signed_up_count - n,", entries)


@views.on_run(VolunteerCheckedIn)
async def check_in(connection: AsyncConnection, run: Sequence[Recorded]) -> None:
    """On site: the minutes are open."""
    entries = [(e.activity_id, v, e.volunteer_id, e.checked_in_at, None) for e, v in _typed(VolunteerCheckedIn, run)]
    await _apply(connection, _ARRIVAL, "attended_count = attended_count + n,", entries, evidence="scanned")


@views.on_run(VolunteerCheckedOut)
async def check_out(connection: AsyncConnection, run: Sequence[Recorded]) -> None:
    """The minutes are known: full ones, as the model counts them."""
    entries = [(e.activity_id, v, e.volunteer_id, e.checked_out_at, None) for e, v in _typed(VolunteerCheckedOut, run)]
    await _apply(connection, _DEPARTURE, "", entries)


@views.on_run(AttendanceBackfilled)
async def backfill(connection: AsyncConnection, run: Sequence[Recorded]) -> None:
    """Entered afterwards."""
    entries = [
        (e.activity_id, v, e.volunteer_id, e.started_at, e.minutes) for e, v in _typed(AttendanceBackfilled, run)
    ]
    await _apply(connection, _ARRIVAL, "attended_count = attended_count + n,", entries, evidence="backfilled")


@views.on(AttendanceWithdrawn)
async def strike(connection: AsyncConnection, event: AttendanceWithdrawn, recorded: Recorded) -> None:
    """As if it had never been entered: a sign-up stays, somebody who only turned up is gone."""
    await connection.execute(
        text(
            "WITH gone AS (DELETE FROM participations"
            " WHERE activity_id = :id AND volunteer_id = :volunteer_id AND signed_up_at IS NULL),"
            " open AS (UPDATE participations SET started_at = NULL, minutes = NULL, evidence = NULL"
            " WHERE activity_id = :id AND volunteer_id = :volunteer_id AND signed_up_at IS NOT NULL)"
            " UPDATE activities SET attended_count = attended_count - 1, version = :version WHERE id = :id"
        ),
        {"id": event.activity_id, "volunteer_id": event.volunteer_id, "version": recorded.version},
    )


@views.on(ActivityCompleted)
async def complete(connection: AsyncConnection, event: ActivityCompleted, recorded: Recorded) -> None:
    """Every attendance of the event is confirmed; one that it leaves out stays unconfirmed."""
    await connection.execute(
        text(
            "WITH changed AS (UPDATE participations p SET minutes = a.minutes, evidence = a.evidence,"
            " record_id = a.record_id, closed_at_planned_end = a.closed, confirmed = true"
            " FROM unnest(cast(:volunteers AS uuid[]), cast(:minutes AS int[]), cast(:evidence AS text[]),"
            " cast(:records AS uuid[]), cast(:closed AS boolean[]))"
            " AS a(volunteer_id, minutes, evidence, record_id, closed)"
            " WHERE p.activity_id = :id AND p.volunteer_id = a.volunteer_id)"
            " UPDATE activities SET stage = :stage, completed_at = :completed_at, attended_count = :count,"
            " confirmed_minutes = :total, version = :version WHERE id = :id"
        ),
        {
            "id": event.activity_id,
            "volunteers": [a.volunteer_id for a in event.attendances],
            "minutes": [a.minutes for a in event.attendances],
            "evidence": [a.evidence.value for a in event.attendances],
            "records": [a.record_id for a in event.attendances],
            "closed": [a.closed_at_planned_end for a in event.attendances],
            "stage": Stage.COMPLETED.value,
            "completed_at": event.completed_at,
            "count": sum(a.minutes > 0 for a in event.attendances),
            "total": sum(a.minutes for a in event.attendances),
            "version": recorded.version,
        },
    )


@views.on(AttendanceCorrected)
async def correct(connection: AsyncConnection, event: AttendanceCorrected, recorded: Recorded) -> None:
    """What now counts; a record that was missing is added, a void one counts nothing."""
    await connection.execute(
        text(
            "INSERT INTO participations (activity_id, volunteer_id, started_at, minutes, evidence, record_id, revision,"
            " closed_at_planned_end, confirmed) VALUES (:id, :volunteer_id, :started_at, :minutes, :evidence,"
            " :record_id, :revision, false, true) ON CONFLICT (activity_id, volunteer_id) DO UPDATE SET"
            " started_at = excluded.started_at, minutes = excluded.minutes, evidence = excluded.evidence,"
            " record_id = excluded.record_id, revision = excluded.revision, closed_at_planned_end = false,"
            " confirmed = true"
        ),
        {
            "id": event.activity_id,
            "volunteer_id": event.volunteer_id,
            "started_at": event.started_at,
            "minutes": event.minutes,
            "evidence": event.evidence.value,
            "record_id": event.record_id,
            "revision": event.revision,
        },
    )
    await connection.execute(
        text(
            "UPDATE activities SET version = :version, confirmed_minutes = confirmed_minutes + :change,"
            " attended_count = attended_count + :people WHERE id = :id"
        ),
        {
            "id": event.activity_id,
            "version": recorded.version,
            "change": event.minutes - event.minutes_before,
            "people": (event.minutes > 0) - (event.minutes_before > 0),
        },
    )


@views.on(ServiceAssessed)
async def assess(connection: AsyncConnection, event: ServiceAssessed, recorded: Recorded) -> None:
    """The last one of a side counts; the activity has a new version."""
    said = {
        "quality": event.quality.value,
        "assessed_by": event.assessed_by,
        "assessed_at": event.assessed_at,
    }
    await connection.execute(
        upsert(assessments)
        .values(activity_id=event.activity_id, volunteer_id=event.volunteer_id, side=event.side.value, **said)
        .on_conflict_do_update(constraint="assessments_pkey", set_=said)
    )
    await connection.execute(
        text("UPDATE activities SET version = :version WHERE id = :id"),
        {"id": event.activity_id, "version": recorded.version},
    )


@views.on(ActivityCancelled)
async def cancel(connection: AsyncConnection, event: ActivityCancelled, recorded: Recorded) -> None:
    """Called off."""
    await connection.execute(
        text("UPDATE activities SET stage = :stage, cancel_reason = :reason, version = :version WHERE id = :id"),
        {
            "id": event.activity_id,
            "stage": Stage.CANCELLED.value,
            "reason": event.reason,
            "version": recorded.version,
        },
    )


def _typed(event_type: type[E], run: Sequence[Recorded]) -> list[tuple[E, int]]:
    return [(item.event, item.version) for item in run if isinstance(item.event, event_type)]


async def _apply(
    connection: AsyncConnection, change: str, count: str, entries: Sequence[tuple[Any, ...]], **params: str
) -> None:
    names = ("activities", "versions", "volunteers", "moments", "minutes")
    columns = {name: [entry[place] for entry in entries] for place, name in enumerate(names)}
    statement = _RUN + change + ")" + _TOUCH.format(count=count)
    await connection.execute(text(statement), {**columns, **params})
