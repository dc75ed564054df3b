"""Shifts, who was on them, and their scans, as tables."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from services.grid_patrol.shifts.duty import occupy, release
from services.grid_patrol.shifts.state import Stage
from services.grid_patrol.tables import scans, shift_members, shift_times, shifts
from shared.contracts.grid_patrol import (
    CheckpointScanned,
    PatrolFindingReported,
    PatrolServiceCorrected,
    PatrolShiftLogged,
    ShiftCancelled,
    ShiftMissed,
    ShiftPlanned,
    ShiftStarted,
)
from shared.eventstore import Recorded
from shared.views import Views

views = Views([shifts, shift_members, scans, shift_times])


@views.on(ShiftPlanned)
async def plan(connection: AsyncConnection, event: ShiftPlanned, recorded: Recorded) -> None:
    """A shift lies ahead."""
    await connection.execute(
        insert(shifts).values(
            shift_id=event.shift_id,
            community=event.community,
            crew_id=event.crew_id,
            crew_kind=event.crew_kind.value,
            stage=Stage.PLANNED.value,
            cells=list(event.cells),
            planned_start=event.planned_start,
            planned_end=event.planned_end,
            findings_count=0,
            scans_count=0,
            marked_scans_count=0,
            version=recorded.version,
        )
    )
    rows = [
        {"shift_id": event.shift_id, "volunteer_id": member, "planned": True, "revision": 0} for member in event.members
    ]
    await connection.execute(insert(shift_members), rows)


@views.on(ShiftStarted)
async def start(connection: AsyncConnection, event: ShiftStarted, recorded: Recorded) -> None:
    """The crew is out; until the planned end nobody of it can be out on another shift."""
    members = select(shift_members.c.volunteer_id).where(shift_members.c.shift_id == event.shift_id)
    changed = await connection.execute(
        update(shifts)
        .where(shifts.c.shift_id == event.shift_id)
        .values(
            stage=Stage.RUNNING.value,
            started_at=event.started_at,
            late_minutes=event.late_minutes,
            version=recorded.version,
        )
        .returning(shifts.c.planned_end, func.array(members.scalar_subquery()).label("people"))
    )
    row = changed.one()
    await occupy(connection, event.shift_id, row.people, event.started_at, row.planned_end)


@views.on_run(CheckpointScanned)
async def scan(connection: AsyncConnection, run: Sequence[Recorded]) -> None:
    """Scans as a phone delivered them. Those of a person who was forgotten count and are not kept."""
    scanned = [(r.version, r.event) for r in run if isinstance(r.event, CheckpointScanned)]
    await connection.execute(
        text(
            "WITH run AS (SELECT * FROM unnest(cast(:shifts AS uuid[]), cast(:versions AS int[]),"
            " cast(:cells AS text[]), cast(:people AS uuid[]), cast(:devices AS text[]),"
            " cast(:times AS timestamptz[]), cast(:received AS timestamptz[]), cast(:marks AS text[]))"
            " AS r(shift_id, version, cell, volunteer_id, device_id, device_time, received_at, marks)),"
            " kept AS (INSERT INTO scans"
            " (shift_id, version, cell, volunteer_id, device_id, device_time, received_at, marks)"
            " SELECT shift_id, version, cell, volunteer_id, device_id, device_time, received_at,"
            " string_to_array(marks, ' ') FROM run WHERE NOT EXISTS (SELECT FROM known_volunteers k"
            " WHERE k.volunteer_id = run.volunteer_id AND k.standing = 'forgotten'))"
            " UPDATE shifts SET scans_count = scans_count + c.n,"
            " marked_scans_count = marked_scans_count + c.marked, version = c.version"
            " FROM (SELECT shift_id, count(*) AS n, count(*) FILTER (WHERE marks <> '') AS marked,"
            " max(version) AS version FROM run GROUP BY shift_id) AS c WHERE shifts.shift_id = c.shift_id"
        ),
        {
            "shifts": [event.shift_id for _, event in scanned],
            "versions": [version for version, _ in scanned],
            "cells": [event.cell for _, event in scanned],
            "people": [event.volunteer_id for _, event in scanned],
            "devices": [event.device_id for _, event in scanned],
            "times": [event.device_time for _, event in scanned],
            "received": [event.received_at for _, event in scanned],
            "marks": [" ".join(mark.value for mark in event.marks) for _, event in scanned],
        },
    )


@views.on(PatrolShiftLogged)
async def log(connection: AsyncConnection, event: PatrolShiftLogged, recorded: Recorded) -> None:
    """The shift is over, with the service of each."""
    covered_planned = set(event.covered_cells).intersection(event.planned_cells)
    await _set(
        connection,
        event.shift_id,
        stage=Stage.LOGGED.value,
        ended_at=event.ended_at,
        night=event.night,
        covered_cells=list(event.covered_cells),
        covered_planned_count=len(covered_planned),
        minutes=sum(record.minutes for record in event.members),
        version=recorded.version,
    )
    await connection.execute(
        text(
            "INSERT INTO shift_members (shift_id, volunteer_id, planned, minutes, evidence, record_id, revision)"
            " SELECT :shift, r.volunteer_id, false, r.minutes, r.evidence, r.record_id, 0 FROM"
            " unnest(cast(:people AS uuid[]), cast(:minutes AS int[]), cast(:evidence AS text[]),"
            " cast(:records AS uuid[])) AS r(volunteer_id, minutes, evidence, record_id)"
            " ON CONFLICT (shift_id, volunteer_id) DO UPDATE SET minutes = excluded.minutes,"
            " evidence = excluded.evidence, record_id = excluded.record_id"
        ),
        {
            "shift": event.shift_id,
            "people": [record.volunteer_id for record in event.members],
            "minutes": [record.minutes for record in event.members],
            "evidence": [record.evidence.value for record in event.members],
            "records": [record.record_id for record in event.members],
        },
    )
    served = [record.volunteer_id for record in event.members]
    await occupy(connection, event.shift_id, served, event.started_at, event.ended_at)


@views.on(PatrolServiceCorrected)
async def correct(connection: AsyncConnection, event: PatrolServiceCorrected, recorded: Recorded) -> None:
    """What now counts; a void record counts nothing, and its person may have been on another shift."""
    await connection.execute(
        text(
            "INSERT INTO shift_members (shift_id, volunteer_id, planned, minutes, evidence, record_id, revision)"
            " VALUES (:shift, :person, false, :minutes, :evidence, :record, :revision)"
            " ON CONFLICT (shift_id, volunteer_id) DO UPDATE SET minutes = excluded.minutes,"
            " evidence = excluded.evidence, record_id = excluded.record_id, revision = excluded.revision"
        ),
        {
            "shift": event.shift_id,
            "person": event.volunteer_id,
            "minutes": event.minutes,
            "evidence": event.evidence.value,
            "record": event.record_id,
            "revision": event.revision,
        },
    )
    change = event.minutes - event.minutes_before
    m = shift_members.c
    served = select(m.volunteer_id).where(m.shift_id == event.shift_id, m.minutes > 0)
    changed = await connection.execute(
        update(shifts)
        .where(shifts.c.shift_id == event.shift_id)
        .values(minutes=shifts.c.minutes + change, version=recorded.version)
        .returning(shifts.c.ended_at, func.array(served.scalar_subquery()).label("people"))
    )
    row = changed.one()
    await occupy(connection, event.shift_id, row.people, event.started_at, row.ended_at)


@views.on(PatrolFindingReported)
async def find(connection: AsyncConnection, event: PatrolFindingReported, _: Recorded) -> None:
    """Something was found on the shift."""
    await _set(connection, event.shift_id, findings_count=shifts.c.findings_count + 1)


@views.on(ShiftCancelled)
async def cancel(connection: AsyncConnection, event: ShiftCancelled, recorded: Recorded) -> None:
    """The shift was called off; nobody is out on it."""
    values = {"stage": Stage.CANCELLED.value, "cancel_reason": event.reason, "version": recorded.version}
    await _set(connection, event.shift_id, **values)
    await release(connection, event.shift_id)


@views.on(ShiftMissed)
async def miss(connection: AsyncConnection, event: ShiftMissed, recorded: Recorded) -> None:
    """Nobody set out in time."""
    await _set(connection, event.shift_id, stage=Stage.MISSED.value, version=recorded.version)


async def _set(connection: AsyncConnection, shift_id: UUID, **values: Any) -> None:
    await connection.execute(update(shifts).where(shifts.c.shift_id == shift_id).values(**values))
