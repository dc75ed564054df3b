"""The service records of the last months, as they stand, read from the ledger person by person.

A person's records come in one statement and are therefore of one moment.
"""

from collections.abc import AsyncIterator, Sequence
from datetime import date, datetime, timedelta
from itertools import groupby
from operator import itemgetter
from uuid import UUID

from services.points.dry_run.bounded import BoundedReads
from services.points.earning.kinds import EVIDENCE, KINDS
from services.points.earning.valuation import Served
from services.points.ledger.clauses import Clause
from services.points.units import EARNED_UNITS, Unit
from shared.clock import SHANGHAI, day_start, local_day

_PEOPLE_AT_ONCE = 100
_DAYS_AT_ONCE = 500
_PAGE = 2000

_Span = tuple[str, datetime, datetime]
"""A holder, and a time from which all their records are wanted."""


class RecordsBelow:
    """Records of everyone who served below a node within a time, wherever else they served too."""

    def __init__(self, reads: BoundedReads, node: str, since: datetime, until: datetime) -> None:
        self._reads, self._node, self._since, self._until = reads, node, since, until
        self._community_of: dict[int, str] = {}
        self._approved: dict[tuple[str, date], int] = {}

    async def by_person(self) -> AsyncIterator[tuple[UUID, list[Served]]]:
        """Each person once, with all their records of the time. Raises `DryRunTooMuch`."""
        await self._know_issuers()
        days = [local_day(self._since), local_day(self._until)]
        self._approved = {(row[0], row[1]): row[2] for row in await self._reads.fetch(_APPROVED, *days)}
        async for holders in self._at_home():
            for start in range(0, len(holders), _PEOPLE_AT_ONCE):
                whole = [(holder, self._since, self._until) for holder in holders[start : start + _PEOPLE_AT_ONCE]]
                async for person in self._records(whole):
                    yield person
        async for spans in self._days_of_others():
            async for person in self._records(spans):
                yield person

    async def _at_home(self) -> AsyncIterator[list[str]]:
        """Those at home below the node, community by community."""
        span = (self._node, self._node + ":")  # ":" follows "9"
        for (community,) in await self._reads.fetch(_COMMUNITIES, *span):
            last = ""
            while page := await self._reads.fetch(_AT_HOME, community, last, _PAGE):
                yield [row[0] for row in page]
                last = page[-1][0]

    async def _days_of_others(self) -> AsyncIterator[list[_Span]]:
        """Those at home elsewhere, and the days on which they served below the node; a person's days in one piece."""
        span = (self._node, self._node + ":")
        if not await self._reads.fetch(_SOMEBODY_ELSEWHERE, *span):
            return
        issuers = [number for number, community in self._community_of.items() if community.startswith(self._node)]
        rows = await self._reads.fetch_records(_FROM_ELSEWHERE, issuers, self._since, self._until, *span)
        spans: list[_Span] = []
        for holder, days in groupby(rows, key=itemgetter(0)):
            spans += [(holder, day_start(day), day_start(day + timedelta(days=1))) for _, day in days]
            if len(spans) >= _DAYS_AT_ONCE:
                yield spans
                spans = []
        yield spans

    async def _records(self, spans: Sequence[_Span]) -> AsyncIterator[tuple[UUID, list[Served]]]:
        rows = await self._reads.fetch_records(_RECORDS, *map(list, zip(*spans, strict=True))) if spans else []
        self._reads.records_left -= len(rows)
        if any(row[1] not in self._community_of for row in rows):
            await self._know_issuers()  # a community that began to issue meanwhile, or a switch to rebuilt tables
        person, records = "", list[Served]()
        for holder, issuer, started_at, record_id, kind, evidence, minutes in rows:
            if holder != person:
                if records:
                    yield UUID(person), records
                person, records = holder, []
            day = local_day(started_at)
            records.append(
                Served(
                    record_id,
                    self._community_of[issuer],
                    KINDS[kind],
                    started_at,
                    day.toordinal(),
                    minutes,
                    EVIDENCE[evidence],
                    self._approved.get((holder, day)),
                )
            )
        if records:
            yield UUID(person), records

    async def _know_issuers(self) -> None:
        rows = await self._reads.fetch(_ISSUERS)
        self._community_of = {row[0]: row[1] for row in rows}


_EARNED = ", ".join(str(int(unit)) for unit in EARNED_UNITS)
_OF_PEOPLE = f"unit = {Unit.SERVICE_MINUTE:d} AND id > 0"
"""Everyone who ever served has an account of service minutes."""

_ISSUERS = "SELECT id, community FROM {schema}.accounts WHERE id < 0"

# Long days are few: all of the time are kept at hand. Of each, what was said last.
_APPROVED = """
    SELECT DISTINCT ON (holder, day) holder, day, minutes FROM {schema}.day_approvals
     WHERE day BETWEEN $1 AND $2 ORDER BY holder, day, sequence DESC
"""

_COMMUNITIES = f"""
    SELECT DISTINCT community FROM {{schema}}.accounts
     WHERE community >= $1 AND community < $2 AND {_OF_PEOPLE} ORDER BY community
"""

_AT_HOME = f"""
    SELECT holder FROM {{schema}}.accounts
     WHERE community = $1 AND {_OF_PEOPLE} AND holder > $2 ORDER BY holder LIMIT $3
"""

_SOMEBODY_ELSEWHERE = f"""
    SELECT FROM {{schema}}.accounts WHERE {_OF_PEOPLE} AND (community < $1 OR community >= $2) LIMIT 1
"""

# No index leads from an account of issue to its transfers; the one by time narrows it to the months.
_FROM_ELSEWHERE = f"""
    SELECT DISTINCT a.holder, (t.occurred_at AT TIME ZONE '{SHANGHAI.key}')::date AS day
      FROM {{schema}}.transfers AS t
      JOIN {{schema}}.accounts AS a ON a.id = t.credit_account
     WHERE t.debit_account = ANY($1::bigint[]) AND t.occurred_at >= $2 AND t.occurred_at < $3
       AND t.clause IN ({Clause.RATE:d}, {Clause.CORRECTION:d})
       AND (a.community < $4 OR a.community >= $5)
     ORDER BY a.holder, day
     LIMIT $6
"""

# A record's last word is that of its latest event. A correction that changed nothing in one unit did in another, so all
# of a person's accounts are asked.
_RECORDS = f"""
    SELECT DISTINCT ON (a.holder, t.record_id)
           a.holder, t.issuer, t.occurred_at, t.record_id, t.kind, t.evidence, t.minutes
      FROM unnest($1::text[], $2::timestamptz[], $3::timestamptz[]) AS k(holder, since, until)
      JOIN {{schema}}.accounts AS a ON a.holder = k.holder AND a.unit IN ({_EARNED})
     CROSS JOIN LATERAL (
        SELECT issuer, occurred_at, recorded_at, event_id, record_id, 0 AS clause, kind, evidence, minutes
          FROM {{schema}}.notes
         WHERE account = a.id AND occurred_at >= k.since AND occurred_at < k.until
        UNION ALL
        SELECT debit_account AS issuer, occurred_at, recorded_at, event_id, record_id, clause, kind, evidence, minutes
          FROM {{schema}}.transfers
         WHERE credit_account = a.id AND credit_account > 0 AND occurred_at >= k.since AND occurred_at < k.until
           AND clause IN ({Clause.RATE:d}, {Clause.CORRECTION:d})
        UNION ALL
        SELECT credit_account, occurred_at, recorded_at, event_id, record_id, clause, kind, evidence, minutes
          FROM {{schema}}.transfers
         WHERE debit_account = a.id AND debit_account > 0 AND occurred_at >= k.since AND occurred_at < k.until
           AND clause = {Clause.CORRECTION:d}
     ) AS t
     ORDER BY a.holder, t.record_id, t.recorded_at DESC, t.clause DESC, t.event_id DESC
     LIMIT $4
"""
