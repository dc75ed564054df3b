"""Routes that change a shift: plan, start, scan, log, correct, cancel."""

from uuid import UUID

from sqlalchemy import func, select, text

from services.grid_patrol.cells.views import known_cells
from services.grid_patrol.fields import Configured, earliest
from services.grid_patrol.settings import GridPatrolSettings
from services.grid_patrol.shifts.bodies import (
    CancellationBody,
    CorrectionBody,
    LogBody,
    LoggedOut,
    RecordOut,
    ScanOut,
    ScansBody,
    ScansOut,
    ShiftBody,
    ShiftStateOut,
    StartBody,
    StartedOut,
)
from services.grid_patrol.shifts.model import (
    CancelShift,
    CorrectService,
    CrewOnDuty,
    Dating,
    LogShift,
    PlanShift,
    RecordScans,
    Scan,
    Served,
    Shift,
    StartShift,
    record_id,
)
from services.grid_patrol.shifts.streams import SHIFTS
from services.grid_patrol.shifts.timers import GRACE, missed_at
from services.grid_patrol.tables import crew_members, findings
from shared.auth.actors import actor_id
from shared.contracts.grid_patrol import CrewKind
from shared.unit_of_work import UnitOfWork
from shared.volunteers import require_good, unavailable
from shared.web import Api, Caller, NotFound, Work
from shared.web.nodes import of_caller

api = Api(tags=["shifts 班次"])


@api.command("/v1/shifts", permission="shifts.plan", status=201)
async def plan_shift(body: ShiftBody, work: Work, caller: Caller, settings: Configured) -> ShiftStateOut:
    """安排班次。Plan a shift. One that nobody starts in time is marked as missed."""
    crew, community = await _crew(work, caller, body)
    await require_good(work.connection, body.members)
    shift_id = work.new_id()
    shift = work.create(
        SHIFTS,
        shift_id,
        PlanShift(
            shift_id=shift_id,
            community=community,
            crew=crew,
            cells=tuple(body.cells),
            known_cells=await known_cells(work.connection, community, body.cells),
            members=tuple(body.members),
            planned_start=body.planned_start,
            planned_end=body.planned_end,
            dating=_dating(work, settings),
        ),
    )
    work.schedule(GRACE, shift_id, missed_at(shift, settings.graces, work.now))
    return _state(shift)


@api.command("/v1/shifts/{shift_id}/start", permission="shifts.run")
async def start_shift(shift_id: UUID, body: StartBody, work: Work, caller: Caller, settings: Configured) -> StartedOut:
    """出发。The crew sets out; each of it can be out on one shift at a time."""
    await of_caller(work, caller, SHIFTS, shift_id)
    started_at = body.started_at or work.now
    shift = await work.execute(SHIFTS, shift_id, StartShift(started_at, settings.graces, _dating(work, settings)))
    await work.cancel_timer(GRACE, shift_id)
    return StartedOut(shift_id=shift_id, stage=shift.stage, started_at=started_at, late_minutes=shift.late_minutes)


@api.command("/v1/shifts/{shift_id}/scans", permission="shifts.scan")
async def record_scans(shift_id: UUID, body: ScansBody, work: Work, caller: Caller) -> ScansOut:
    """上传扫码，可乱序、迟到、重复；疑点只作标记。Scans in any order, late and twice; oddities are marked only."""
    before = await of_caller(work, caller, SHIFTS, shift_id)
    for scanned in body.scans:
        caller.require_self(scanned.volunteer_id)
    # What a phone calls itself may identify its owner: a digest tells devices apart just as well.
    scans = [
        Scan(s.cell, s.volunteer_id, work.vault.digest("device", s.device_id).hex()[:32], s.device_time)
        for s in body.scans
    ]
    known = await known_cells(work.connection, before.community, [scan.cell for scan in scans])
    shift = await work.execute(SHIFTS, shift_id, RecordScans(tuple(scans), known, work.now))
    out, seen = [], set(before.scans)
    for scan in scans:
        key = (scan.device_id, scan.device_time)
        out.append(ScanOut(duplicate=key in seen, marks=list(shift.scans[key])))
        seen.add(key)
    accepted = len(shift.scans) - len(before.scans)
    return ScansOut(accepted=accepted, duplicates=len(scans) - accepted, scans=out)


@api.command("/v1/shifts/{shift_id}/log", permission="shifts.run")
async def log_shift(shift_id: UUID, body: LogBody, work: Work, caller: Caller, settings: Configured) -> LoggedOut:
    """登记完成：扫过码的队员为 scanned，其余为 backfilled。Close the shift with the service of each member."""
    before = await of_caller(work, caller, SHIFTS, shift_id)
    served = None
    if body.served is not None:
        served = tuple(Served(entry.volunteer_id, entry.minutes) for entry in body.served)
        await require_good(work.connection, [entry.volunteer_id for entry in served])
    found = select(func.count()).where(findings.c.shift_id == shift_id)
    ended_at = body.ended_at or work.now
    shift = await work.execute(
        SHIFTS,
        shift_id,
        LogShift(
            ended_at=ended_at,
            served=served,
            unavailable=await unavailable(work.connection, before.members) if served is None else frozenset(),
            findings_count=(await work.connection.execute(found)).scalar_one(),
            dating=_dating(work, settings),
            by=actor_id(work.vault, caller.subject),
        ),
    )
    return _logged(shift)


@api.command("/v1/shifts/{shift_id}/corrections", permission="shifts.correct")
async def correct_service(
    shift_id: UUID, body: CorrectionBody, work: Work, caller: Caller, settings: Configured
) -> LoggedOut:
    """更正已登记班次上一名队员的服务记录，或补上遗漏的队员；积分、时间随之更正。

    Correct what was logged of one person, or add somebody whom the log left out; points and minutes follow.
    """
    before = await of_caller(work, caller, SHIFTS, shift_id)
    if body.volunteer_id not in before.records:
        await require_good(work.connection, [body.volunteer_id])
    by = actor_id(work.vault, caller.subject)
    dating = _dating(work, settings)
    command = CorrectService(body.volunteer_id, body.minutes, body.evidence, body.reason, dating, by)
    return _logged(await work.execute(SHIFTS, shift_id, command))


@api.command("/v1/shifts/{shift_id}/cancellation", permission="shifts.plan")
async def cancel_shift(shift_id: UUID, body: CancellationBody, work: Work, caller: Caller) -> ShiftStateOut:
    """取消班次，出发后也可取消，不产生服务记录。Call a shift off, even under way; no service comes of it."""
    await of_caller(work, caller, SHIFTS, shift_id)
    shift = await work.execute(SHIFTS, shift_id, CancelShift(body.reason))
    await work.cancel_timer(GRACE, shift_id)
    return _state(shift)


async def _crew(work: UnitOfWork, caller: Caller, body: ShiftBody) -> tuple[CrewOnDuty, str]:
    """The crew whose shift it is and its community; read from the tables, since a crew has a long history."""
    # Disbanding locks the same row: either it sees this shift, or the disbanding is seen here.
    row = (
        await work.connection.execute(
            text("SELECT community, kind, disbanded FROM crews WHERE crew_id = :id FOR SHARE"), {"id": body.crew_id}
        )
    ).first()
    if row is None:
        raise NotFound("crew")
    caller.require(row.community)
    members = await work.connection.scalars(
        select(crew_members.c.volunteer_id).where(
            crew_members.c.crew_id == body.crew_id, crew_members.c.volunteer_id.in_(body.members)
        )
    )
    crew = CrewOnDuty(body.crew_id, CrewKind(row.kind), frozenset(members.all()), row.disbanded)
    return crew, row.community


def _dating(work: UnitOfWork, settings: GridPatrolSettings) -> Dating:
    return Dating(now=work.now, earliest=earliest(work.now, settings))


def _logged(shift: Shift) -> LoggedOut:
    assert shift.id is not None, "a shift that was changed exists"
    assert shift.logged is not None, "a shift that was logged has its log"
    return LoggedOut(
        shift_id=shift.id,
        stage=shift.stage,
        night=shift.logged.night,
        covered_cells=list(shift.logged.covered_cells),
        findings_count=shift.logged.findings_count,
        members=[
            RecordOut(
                record_id=record_id(shift.id, who),
                volunteer_id=who,
                minutes=record.minutes,
                evidence=record.evidence,
                revision=record.revision,
            )
            for who, record in shift.records.items()
        ],
    )


def _state(shift: Shift) -> ShiftStateOut:
    assert shift.id is not None, "a shift that was changed exists"
    return ShiftStateOut(shift_id=shift.id, stage=shift.stage)
