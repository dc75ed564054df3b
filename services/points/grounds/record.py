"""The record of service behind a star or a certificate, line by line, as far as it is in sight."""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.points.earning.kinds import KIND_NUMBERS
from services.points.explain.facts import line_of
from services.points.explain.known import Line
from services.points.grounds.corrections import Correction, Restated, corrections, taken_since_it_bore
from services.points.ledger import holders
from services.points.ledger.clauses import CUTS
from services.points.ledger.reading import EVERYTHING, Sight, statement
from services.points.tables import accounts, restatements
from services.points.units import Unit
from shared.contracts.honours import CorrectingEvent


class Record(NamedTuple):
    """The lines of a record, in no order, and when days were priced anew."""

    account: int | None
    """Its account; None for somebody who never served."""
    lines: Sequence[Line]
    restated: Restated

    def corrections(self) -> list[Correction]:
        """Every correction, in the order in which they became known."""
        return corrections(self.lines, self.restated)

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
    mine = a.holder == holders.volunteer(volunteer_id), a.unit == int(Unit.SERVICE_MINUTE)
    account = await connection.scalar(select(a.id).where(*mine))
    if account is None:
        return Record(None, [], {})
    query, _, params = statement(account, sight)
    lines = [line_of(row) for row in await connection.execute(query, params)]
    moments = await connection.execute(select(restatements.c.restated_at, restatements.c.event_id))
    return Record(account, lines, {row.restated_at: row.event_id for row in moments})


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
    causes = {cause.event_id: cause for cause in taken_since_it_bore(record.lines, minutes, record.restated)}
    for kind, wanted in of_kinds.items():
        for cause in taken_since_it_bore(record.of_kind(kind), wanted, record.restated):
            causes.setdefault(cause.event_id, cause)
    return tuple(sorted(causes.values(), key=lambda cause: (cause.told_at, cause.event_id.bytes)))
