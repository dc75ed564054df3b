"""Flags as a table, and the way from a record to the flags that it is evidence of."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.points.anomalies.model import OPEN, Flag, Stage, decide, evolve
from services.points.tables import anomaly_flags, anomaly_records
from shared.aggregate import Aggregate
from shared.contracts.anomalies import (
    AnomalyDismissed,
    AnomalyEvidenceChanged,
    AnomalyEvidenceContinued,
    AnomalyFlagged,
    AnomalyPointsHeld,
    AnomalyPointsReleased,
    AnomalyTakenUp,
    AnomalyUpheld,
    SuspectRecord,
)
from shared.eventstore import Recorded
from shared.views import Views

FLAGS = Aggregate("flag", initial=Flag(), decide=decide, evolve=evolve)

_SUSPECT = ("volunteer_id", "event_id", "started_at", "minutes")

OPEN_STAGES = tuple(sorted(stage.value for stage in OPEN))

views = Views(tables=[anomaly_flags, anomaly_records])


@views.on(AnomalyFlagged)
async def flag(connection: AsyncConnection, event: AnomalyFlagged, recorded: Recorded) -> None:
    """A new row, and its records."""
    await connection.execute(
        insert(anomaly_flags).values(
            id=event.flag_id,
            community=event.community,
            sign=event.evidence.sign.value,
            stage=Stage.RAISED.value,
            evidence=event.evidence.model_dump(mode="json"),
            flagged_at=event.flagged_at,
            version=recorded.version,
        )
    )
    await _note_records(connection, event.flag_id, event.evidence.records)


@views.on(AnomalyEvidenceChanged)
async def change(connection: AsyncConnection, event: AnomalyEvidenceChanged, recorded: Recorded) -> None:
    """Other evidence; one that was decided is open again."""
    row = anomaly_flags.c
    await connection.execute(
        update(anomaly_flags)
        .where(row.id == event.flag_id, row.stage.not_in(OPEN_STAGES))
        .values(stage=Stage.RAISED.value, reason=None, decided_by=None, decided_at=None)
    )
    await _set(connection, event.flag_id, recorded, evidence=event.evidence.model_dump(mode="json"))
    # While the flag holds points, what it holds them for stays: another flag asks here whether a record is held.
    holds = select(row.id).where(row.id == event.flag_id, row.hold_id.is_not(None)).exists()
    of_flag = anomaly_records.c.flag_id == event.flag_id
    await connection.execute(delete(anomaly_records).where(of_flag, ~holds))
    await connection.execute(update(anomaly_records).where(of_flag).values(dict.fromkeys(_SUSPECT)))
    await _note_records(connection, event.flag_id, event.evidence.records)


@views.on(AnomalyEvidenceContinued)
async def go_on(connection: AsyncConnection, event: AnomalyEvidenceContinued, recorded: Recorded) -> None:
    """More of its records."""
    await _set(connection, event.flag_id, recorded)
    await _note_records(connection, event.flag_id, event.records)


@views.on(AnomalyTakenUp)
async def take_up(connection: AsyncConnection, event: AnomalyTakenUp, recorded: Recorded) -> None:
    """Somebody looks into it."""
    stage = Stage.UNDER_REVIEW.value
    await _set(connection, event.flag_id, recorded, stage=stage, taken_up_by=event.taken_up_by)


@views.on(AnomalyPointsHeld)
async def hold(connection: AsyncConnection, event: AnomalyPointsHeld, recorded: Recorded) -> None:
    """Its points are held."""
    row = anomaly_flags.c
    before = await connection.scalar(select(row.held).where(row.id == event.flag_id, row.hold_id.is_not(None)))
    held = {one["volunteer_id"]: one for one in before or ()}
    for one in event.held:
        more, known = one.model_dump(mode="json"), held.get(str(one.volunteer_id))
        if known is not None:
            more |= {what: more[what] + known[what] for what in ("worth", "points")}
        held[str(one.volunteer_id)] = more
    await _set(connection, event.flag_id, recorded, hold_id=event.hold_id, held=list(held.values()))


@views.on(AnomalyPointsReleased)
async def release(connection: AsyncConnection, event: AnomalyPointsReleased, recorded: Recorded) -> None:
    """They are free again; what was held is kept for whoever asks."""
    await _set(connection, event.flag_id, recorded, hold_id=None)


@views.on(AnomalyDismissed)
async def dismiss(connection: AsyncConnection, event: AnomalyDismissed, recorded: Recorded) -> None:
    """It means nothing."""
    decided = {"decided_by": event.dismissed_by, "decided_at": event.dismissed_at, "reason": event.reason.value}
    await _set(connection, event.flag_id, recorded, stage=Stage.DISMISSED.value, **decided)


@views.on(AnomalyUpheld)
async def uphold(connection: AsyncConnection, event: AnomalyUpheld, recorded: Recorded) -> None:
    """The hours were invented."""
    decided = {"decided_by": event.upheld_by, "decided_at": event.upheld_at, "reason": event.reason.value}
    await _set(connection, event.flag_id, recorded, stage=Stage.UPHELD.value, **decided)


async def _note_records(connection: AsyncConnection, flag_id: UUID, records: Sequence[SuspectRecord]) -> None:
    rows = [{"flag_id": flag_id, **record.model_dump()} for record in records]
    noted = insert(anomaly_records)
    noted = noted.on_conflict_do_update(
        index_elements=["record_id", "flag_id"], set_={name: noted.excluded[name] for name in _SUSPECT}
    )
    if rows:
        await connection.execute(noted, rows)


async def _set(connection: AsyncConnection, flag_id: UUID, recorded: Recorded, **values: Any) -> None:
    changed = {**values, "version": recorded.version}
    await connection.execute(update(anomaly_flags).where(anomaly_flags.c.id == flag_id).values(changed))
