"""Those at home below a node, as the ledger knows them now: community by community, a range of an index at a time."""

from collections.abc import AsyncIterator
from typing import Any

from services.points.dry_run.bounded import BoundedReads
from services.points.dry_run.standing import BankMove, StarsMove, TwoBooks, WithMinutes, WithRecord
from services.points.stars.assessments import assessed_of
from services.points.stars.commands import Assessed
from services.points.units import Unit

_PAGE = 2000

Edge = tuple[str, str]
"""Community and holder of whoever came last."""


class PeopleBelow:
    """What two policy books mean for the people below a node, in the order of community and holder."""

    def __init__(self, reads: BoundedReads, books: TwoBooks, node: str) -> None:
        self._reads, self._books, self._node = reads, books, node

    async def stars(self, after: Edge | None = None) -> AsyncIterator[list[StarsMove]]:
        """Everyone who meets what the first star asks for before or after, some at a time. Raises `DryRunTooMuch`."""
        async for rows in self._pages(Unit.SERVICE_MINUTE, _SERVED, after):
            people = [WithRecord(*row) for row in rows]
            lowest = self._books.lowest_threshold(people[0].community)
            people = [who for who in people if who.minutes >= lowest]
            said: dict[Any, Assessed] = {}
            if people and self._books.asks_for_assessments(people[0].community):
                said = await assessed_of(self._reads.fetch, [who.volunteer_id for who in people])
            yield [self._books.stars(who, said.get(who.volunteer_id, Assessed())) for who in people]

    async def bank(self, after: Edge | None = None) -> AsyncIterator[list[BankMove]]:
        """Everyone who has minutes at the time bank, some at a time. Raises `DryRunTooMuch`."""
        async for rows in self._pages(Unit.MINUTE, _BANKED, after):
            yield [self._books.bank(WithMinutes(*row)) for row in rows]

    async def _pages(self, unit: Unit, query: str, after: Edge | None) -> AsyncIterator[list[Any]]:
        first, last = after or (self._node, "")
        span = max(first, self._node), self._node + ":"  # ":" follows "9"
        for (community,) in await self._reads.fetch(_COMMUNITIES, *span, int(unit)):
            holder = last if community == first else ""
            while rows := await self._reads.fetch(query, community, holder, _PAGE):
                yield rows
                holder = str(rows[-1][1])


_COMMUNITIES = """
    SELECT DISTINCT community FROM {schema}.accounts
     WHERE community >= $1 AND community < $2 AND unit = $3 AND id > 0 ORDER BY community
"""

_DEAD = "EXISTS (SELECT FROM deaths AS d WHERE d.volunteer_id = m.volunteer_id)"

# What says what it is, and is no person, has a colon.
_VOLUNTEER = "CASE WHEN position(':' IN a.holder) = 0 THEN a.holder::uuid END"

_SERVED = f"""
    SELECT a.community, m.volunteer_id, greatest(0, a.credits - a.debits), m.registered_on, coalesce(s.grade, 0)
      FROM {{schema}}.accounts AS a
      JOIN {{schema}}.members AS m ON m.volunteer_id = {_VOLUNTEER} AND m.community IS NOT NULL
      LEFT JOIN star_applications AS s
             ON s.volunteer_id = m.volunteer_id AND s.stage = ANY (ARRAY['granted', 'flagged'])
     WHERE a.community = $1 AND a.unit = {Unit.SERVICE_MINUTE:d} AND a.holder > $2 AND m.forgotten_at IS NULL
       AND NOT {_DEAD}
     ORDER BY a.holder LIMIT $3
"""

_BANKED = f"""
    SELECT a.community, m.volunteer_id, a.credits - a.debits - a.pending_debits, m.age_group_from,
           m.forgotten_at IS NOT NULL OR {_DEAD}
      FROM {{schema}}.accounts AS a
      JOIN {{schema}}.members AS m ON m.volunteer_id = {_VOLUNTEER} AND m.community IS NOT NULL
     WHERE a.community = $1 AND a.unit = {Unit.MINUTE:d} AND a.holder > $2
       AND a.credits - a.debits > a.pending_debits
     ORDER BY a.holder LIMIT $3
"""
