"""The record of service behind a star or a certificate, line by line, as far as it is in sight."""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.points.earning.kinds import KIND_NUMBERS
from services.points.explain.facts import line_of
from services.points.explain.known import Line
from services.points.grounds.corrections import (
    RESTATED,
    Correction,
    Decided,
    Decision,
    corrections,
    taken_since_it_bore,
)
from services.points.ledger import holders
from services.points.ledger.clauses import CUTS
from services.points.ledger.reading import EVERYTHING, Sight, statement
from services.points.tables import accounts, day_approvals, restatements
from services.points.units import Unit
from shared.contracts import wire_type
from shared.contracts.honours import CorrectingEvent
from shared.contracts.points import LongDayApprovalWithdrawn, LongDayApproved

_APPROVED, _WITHDRAWN = wire_type(LongDayApproved), wire_type(LongDayApprovalWithdrawn)


class Record(NamedTuple):
    """The lines of a record, in no order, and what was decided of how much of it counts."""

    account: int | None
    """Its account; None for somebody who never served."""
    lines: Sequence[Line]
    decided: Decided

    def corrections(self) -> list[Correction]:
        """Every correction, in the order in which they became known."""
        return corrections(self.lines, self.decided)

    def of_kind(self, kind: str | None) -> Sequence[Line]:
        """The lines of one kind of service, but for what the cap of a day took."""
        records = self.of_kinds({kind})
        return [line for line in self.lines if line.clause not in CUTS and line.record_id in records]

    def of_kinds(self, kinds: Collection[str | None]) -> set[UUID]:
        """The service records of some kinds. What a cap took does not repeat the kind, another line of it says it."""
        numbers: dict[UUID, int] = {}
        for line in self.lines:
            if line.kind is not None:
                numbers[line.record_id] = max(line.kind, numbers.get(line.record_id, line.kind))
        wanted = {None if kind is None else KIND_NUMBERS[kind] for kind in kinds}
        return {line.record_id for line in self.lines if numbers.get(line.record_id) in wanted}


async def record_of(connection: AsyncConnection, volunteer_id: UUID, sight: Sight = EVERYTHING) -> Record:
    """A volunteer's."""
    a = accounts.c
    holder = holders.volunteer(volunteer_id)
    account = await connection.scalar(select(a.id).where(a.holder == holder, a.unit == int(Unit.SERVICE_MINUTE)))
    if account is None:
        return Record(None, [], {})
    query, _, params = statement(account, sight)
    lines = [line_of(row) for row in await connection.execute(query, params)]
    return Record(account, lines, await _decided(connection, holder))


async def _decided(connection: AsyncConnection, holder: str) -> Decided:
    """Everybody's days priced anew, and the holder's that offices said something of."""
    anew, said = restatements.c, day_approvals.c
    moments = await connection.execute(select(anew.restated_at, anew.event_id))
    decided = {row.restated_at: Decision(row.event_id, RESTATED) for row in moments}
    of_days = select(said.approved_at, said.event_id, said.minutes).where(said.holder == holder)
    for at, event_id, minutes in await connection.execute(of_days):
        decided[at] = Decision(event_id, _WITHDRAWN if minutes is None else _APPROVED)
    return decided


async def taken(
    connection: AsyncConnection,
    volunteer_id: UUID,
    minutes: int,
    sight: Sight = EVERYTHING,
    of_kinds: Mapping[str | None, int] = {},
) -> tuple[CorrectingEvent, ...]:
    """What took from a volunteer's record since it last had so many minutes (`taken_since_it_bore`), and so many of
    each of some kinds, before the cap of a day.
    """
    record = await record_of(connection, volunteer_id, sight)
    causes = {cause.event_id: cause for cause in taken_since_it_bore(record.lines, minutes, record.decided)}
    for kind, wanted in of_kinds.items():
        for cause in taken_since_it_bore(record.of_kind(kind), wanted, record.decided):
            causes.setdefault(cause.event_id, cause)
    return tuple(sorted(causes.values(), key=lambda cause: (cause.told_at, cause.event_id.bytes)))
