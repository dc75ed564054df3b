"""Cases, their mediators and sessions as tables. Who the parties are is not in them."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import case as sql_case
from sqlalchemy import func, insert, literal, or_, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.mediation.cases.sitting import leave, sit
from services.mediation.cases.state import Stage
from services.mediation.tables import case_mediators, cases, mediator_times, service_records, sessions
from shared.clock import day_start, local_day
from shared.contracts import ServiceRecord
from shared.contracts.mediation import (
    AccountWritten,
    CaseClassified,
    CaseDeclined,
    CaseFiled,
    CaseWithdrawn,
    DisputeResolved,
    MediationFailed,
    MediationServiceCorrected,
    MediatorAssigned,
    MediatorRecused,
    PartyDetailsChanged,
    PartyErased,
    PartyJoined,
    SessionHeld,
)
from shared.eventstore import Recorded
from shared.views import Views

views = Views([cases, case_mediators, sessions, mediator_times, service_records])


@views.on(CaseFiled)
async def file(connection: AsyncConnection, event: CaseFiled, recorded: Recorded) -> None:
    """A new case."""
    await connection.execute(
        insert(cases).values(
            case_id=event.case_id,
            community=event.community,
            kind=event.kind.value,
            risk=event.risk.value,
            origin=event.origin.value,
            finding_id=event.finding_id,
            stage=Stage.FILED.value,
            parties_count=event.parties_count,
            sessions_count=0,
            session_minutes=0,
            filed_at=event.filed_at,
            version=recorded.version,
        )
    )


@views.on(PartyJoined)
async def join(connection: AsyncConnection, event: PartyJoined, recorded: Recorded) -> None:
    """There is a further party."""
    await _set(connection, event.case_id, recorded, parties_count=event.parties_count)


@views.on(PartyDetailsChanged)
async def put_right(connection: AsyncConnection, event: PartyDetailsChanged, recorded: Recorded) -> None:
    """Who a party is reads otherwise now."""
    await _set(connection, event.case_id, recorded)


@views.on(PartyErased)
async def erase(connection: AsyncConnection, event: PartyErased, recorded: Recorded) -> None:
    """Nobody knows any more who a party is."""
    await _set(connection, event.case_id, recorded)


@views.on(CaseClassified)
async def classify(connection: AsyncConnection, event: CaseClassified, recorded: Recorded) -> None:
    """Kind and risk were set anew."""
    await _set(connection, event.case_id, recorded, kind=event.kind.value, risk=event.risk.value)


@views.on(AccountWritten)
async def account(connection: AsyncConnection, event: AccountWritten, recorded: Recorded) -> None:
    """The case volume says something else now."""
    await _set(connection, event.case_id, recorded)


@views.on(MediatorAssigned)
async def assign(connection: AsyncConnection, event: MediatorAssigned, recorded: Recorded) -> None:
    """A mediator took the case."""
    await connection.execute(
        insert(case_mediators).values(
            case_id=event.case_id, mediator_id=event.mediator_id, assigned_at=event.assigned_at
        )
    )
    await _set(connection, event.case_id, recorded, stage=_open_stage(Stage.ASSIGNED))


@views.on(MediatorRecused)
async def recuse(connection: AsyncConnection, event: MediatorRecused, recorded: Recorded) -> None:
    """A mediator stepped back; without any, a case that was not sat on waits again."""
    await connection.execute(
        update(case_mediators)
        .where(case_mediators.c.case_id == event.case_id, case_mediators.c.mediator_id == event.mediator_id)
        .values(recused_at=event.recused_at)
    )
    left = select(func.count()).where(case_mediators.c.case_id == event.case_id, case_mediators.c.recused_at.is_(None))
    remaining: int = (await connection.execute(left)).scalar_one()
    stage = Stage.ASSIGNED if remaining else Stage.FILED
    await _set(connection, event.case_id, recorded, stage=_open_stage(stage))


@views.on(SessionHeld)
async def hold(connection: AsyncConnection, event: SessionHeld, recorded: Recorded) -> None:
    """The mediators sat with the parties."""
    await connection.execute(
        insert(sessions).values(
            session_id=event.session_id,
            case_id=event.case_id,
            started_at=event.started_at,
            minutes=event.minutes,
            mediators=list(event.mediators),
            record_signed=event.record_signed,
        )
    )
    await sit(
        connection,
        case_id=event.case_id,
        session_id=event.session_id,
        mediators=event.mediators,
        start=event.started_at,
        end=event.started_at + timedelta(minutes=event.minutes),
    )
    await _set(
        connection,
        event.case_id,
        recorded,
        stage=Stage.IN_SESSION.value,
        sessions_count=cases.c.sessions_count + 1,
        session_minutes=cases.c.session_minutes + event.minutes,
    )


@views.on(CaseDeclined)
async def decline(connection: AsyncConnection, event: CaseDeclined, recorded: Recorded) -> None:
    """The case is not mediated."""
    await _end(connection, event.case_id, recorded, Stage.DECLINED, event.declined_at, decline_reason=event.reason)


@views.on(DisputeResolved)
async def resolve(connection: AsyncConnection, event: DisputeResolved, recorded: Recorded) -> None:
    """The parties agreed."""
    agreement = event.agreement.value
    await _end(connection, event.case_id, recorded, Stage.RESOLVED, event.resolved_at, agreement=agreement)
    await _serve(connection, event.case_id, event.mediators)


@views.on(MediationFailed)
async def fail(connection: AsyncConnection, event: MediationFailed, recorded: Recorded) -> None:
    """There was no agreement."""
    remedies = [remedy.value for remedy in event.remedies]
    await _end(connection, event.case_id, recorded, Stage.FAILED, event.ended_at, remedies=remedies)
    await _serve(connection, event.case_id, event.mediators)


@views.on(CaseWithdrawn)
async def withdraw(connection: AsyncConnection, event: CaseWithdrawn, recorded: Recorded) -> None:
    """The parties stopped."""
    await _end(connection, event.case_id, recorded, Stage.WITHDRAWN, event.withdrawn_at)
    await _serve(connection, event.case_id, event.mediators)


@views.on(MediationServiceCorrected)
async def correct(connection: AsyncConnection, event: MediationServiceCorrected, recorded: Recorded) -> None:
    """What now counts of a mediator's day, who sat with the parties on it, or did not."""
    says = {"minutes": event.minutes, "evidence": event.evidence.value, "revision": event.revision}
    await connection.execute(
        upsert(service_records)
        .values(
            record_id=event.record_id,
            case_id=event.case_id,
            volunteer_id=event.volunteer_id,
            started_at=event.started_at,
            **says,
        )
        .on_conflict_do_update(index_elements=["record_id"], set_=says)
    )
    await _set(connection, event.case_id, recorded)
    await _sit_anew(connection, event)


async def _sit_anew(connection: AsyncConnection, event: MediationServiceCorrected) -> None:
    """Whoever did not serve on the day may have sat elsewhere; whoever did sat in the sessions that were entered."""
    day, of = local_day(event.started_at), service_records.c
    first, last = day_start(day), day_start(day + timedelta(days=1))
    minutes = select(func.sum(of.minutes)).where(
        of.case_id == event.case_id, of.volunteer_id == event.volunteer_id, of.started_at >= first, of.started_at < last
    )
    s = sessions.c
    sat = (s.started_at >= first) & (s.started_at < last) & s.mediators.contains([event.volunteer_id])
    ended_at = s.started_at + s.minutes * literal(timedelta(minutes=1))
    began_in_it = (s.started_at <= event.started_at) & (event.started_at < ended_at)
    held = await connection.execute(
        select(s.session_id, s.started_at, s.minutes).where(s.case_id == event.case_id, or_(sat, began_in_it))
    )
    of_the_day = held.all()
    await leave(connection, [session.session_id for session in of_the_day], event.volunteer_id)
    if (await connection.execute(minutes)).scalar_one():
        for session in of_the_day:
            await sit(
                connection,
                case_id=event.case_id,
                session_id=session.session_id,
                mediators=[event.volunteer_id],
                start=session.started_at,
                end=session.started_at + timedelta(minutes=session.minutes),
            )


async def _serve(connection: AsyncConnection, case_id: UUID, served: Iterable[ServiceRecord]) -> None:
    rows = [
        {
            "record_id": record.record_id,
            "case_id": case_id,
            "volunteer_id": record.volunteer_id,
            "started_at": record.started_at,
            "minutes": record.minutes,
            "evidence": record.evidence.value,
            "revision": 0,
        }
        for record in served
    ]
    if rows:
        await connection.execute(insert(service_records), rows)


def _open_stage(without_sessions: Stage) -> Any:
    held = cases.c.sessions_count > 0
    return sql_case((held, literal(Stage.IN_SESSION.value)), else_=literal(without_sessions.value))


async def _end(
    connection: AsyncConnection, case_id: UUID, recorded: Recorded, stage: Stage, at: datetime, **values: Any
) -> None:
    await _set(connection, case_id, recorded, stage=stage.value, ended_at=at, **values)


async def _set(connection: AsyncConnection, case_id: UUID, recorded: Recorded, **values: Any) -> None:
    await connection.execute(update(cases).where(cases.c.case_id == case_id).values(version=recorded.version, **values))
