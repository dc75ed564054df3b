"""Statements that stand in nobody's way, and end in time.

Each is a transaction of its own that only reads: no lock outlives it, so nobody who writes, and no switch to rebuilt
tables, waits for a dry run.
"""

from time import monotonic
from typing import Any, ClassVar

import asyncpg

from services.points.ledger.schema import LIVE
from services.points.ledger.writing import Connection
from shared.contracts import Refusal


class DryRunTooMuch(Refusal):
    """More records than a dry run looks at, or more time than it may take. Params: `records`, `seconds`."""

    code: ClassVar[str] = "dry_run_too_much"
    status: ClassVar[int] = 422


class BoundedReads:
    """Reads one set of ledger tables for a dry run."""

    def __init__(self, db: Connection, *, records_max: int, seconds_max: int, schema: str = LIVE) -> None:
        self._db, self._schema = db, schema
        self._records_max, self._seconds_max = records_max, seconds_max
        self._deadline = monotonic() + seconds_max
        self.records_left = records_max

    async def fetch(self, query: str, *values: Any) -> list[Any]:
        """Rows of a query, which names the schema as `{schema}`. Raises `DryRunTooMuch` when the time is over."""
        remaining_ms = int((self._deadline - monotonic()) * 1000)
        if remaining_ms <= 0:
            raise self._too_much()
        try:
            async with self._db.transaction(readonly=True):
                await self._db.execute("SELECT set_config('statement_timeout', $1, true)", str(remaining_ms))
                rows: list[Any] = await self._db.fetch(query.format(schema=self._schema), *values)
                return rows
        except asyncpg.QueryCanceledError:
            raise self._too_much() from None

    async def fetch_records(self, query: str, *values: Any) -> list[Any]:
        """As `fetch`, of a query that ends with how many rows at most. Raises `DryRunTooMuch` where there are more."""
        rows = await self.fetch(query, *values, self.records_left + 1)
        if len(rows) > self.records_left:
            raise self._too_much()
        return rows

    def _too_much(self) -> DryRunTooMuch:
        return DryRunTooMuch(records=self._records_max, seconds=self._seconds_max)
