"""Looks at newly booked service for signs of invented hours: beside the ledger, not on its hot path.

Booking leaves the ids of its events in `fresh_tellings`. A look takes some and deletes them in the transaction that
records what it found: whoever dies in the middle leaves them to the next. One looks at a time, whatever the number of
processes: two that came upon the same finding would both raise its flag, and look again and again until one is done.
"""

import asyncio
import time
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import func, select

from services.points.anomalies.evidence import Finding, TermsAt
from services.points.anomalies.holding import Purses, people_of
from services.points.anomalies.looking import ABOUT_PEOPLE, Look, look, with_confirmers
from services.points.anomalies.model import Find, Flag, LoseGround
from services.points.anomalies.reading import Readings, Span
from services.points.anomalies.views import FLAGS
from services.points.earning.backlog import Backlog
from services.points.policy.book import PolicyBook
from services.points.policy.terms import AnomalyTerms
from services.points.policy.views import PolicyShelf
from services.points.tables import anomaly_flags
from shared.clock import local_day
from shared.contracts.anomalies import DismissalReason, Sign, SuspectRecord
from shared.database import Database, Lost, driver_connection, is_transient
from shared.metrics import ANOMALIES_OPEN
from shared.telemetry import logger
from shared.unit_of_work import UnitOfWork, Workshop

log = logger("anomalies")

_EVENTS_AT_ONCE = 200
"""What one look takes, or a row more: while it thinks, the process does nothing else."""
_REST = 4
"""As long as there is more to look at, how many times as long as a look took is rested."""
_TRIES_MAX = 5
_MOMENT = timedelta(microseconds=1)

_ALONE = "SELECT pg_advisory_xact_lock(4995421800)"

_TAKE = """
    WITH first AS (
        SELECT id, cardinality(event_ids) AS events FROM fresh_tellings ORDER BY id LIMIT $1
    ), taken AS (
        SELECT id, sum(events) OVER (ORDER BY id) - events AS before FROM first
    )
    DELETE FROM fresh_tellings WHERE id IN (SELECT id FROM taken WHERE before < $1) RETURNING event_ids
"""

# Flags that a look can say something new about: those that one of its records is evidence of.
_CONCERNED = """
    SELECT DISTINCT r.flag_id FROM anomaly_records AS r JOIN anomaly_flags AS f ON f.id = r.flag_id
     WHERE r.record_id = ANY($1::uuid[]) AND (f.decided_at IS NULL OR f.hold_id IS NOT NULL)
"""


class AnomalyWatch:
    """Looks again and again. Several processes may; they take turns."""

    def __init__(
        self, workshop: Workshop, interval_s: float, backlog: Backlog, events_at_once: int = _EVENTS_AT_ONCE
    ) -> None:
        self._workshop = workshop
        self._interval_s = interval_s
        self._backlog = backlog
        self._events_at_once = events_at_once
        self._shelf = PolicyShelf()
        self._readings = Readings()

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            started = time.monotonic()
            looked_at = 0
            try:
                looked_at = await self.look()
                await count_open(self._workshop.database)
            except Lost:
                pass  # somebody acted on a flag in the same moment; the next look sees it
            except Exception as error:
                if not is_transient(error):
                    raise
                log.warning("anomalies_not_watched", error=type(error).__name__)
            took_s = time.monotonic() - started
            await asyncio.sleep(self._backlog.rest_s(took_s, _REST) if looked_at else self._interval_s)

    async def look_at_everything(self) -> int:
        """Look until nothing is left; returns how many events were looked at."""
        total = tries = 0
        while True:
            try:
                looked_at = await self.look()
            except Lost:
                tries += 1
                if tries == _TRIES_MAX:
                    raise
                continue
            if not looked_at:
                return total
            total, tries = total + looked_at, 0

    async def look(self) -> int:
        """One look at some events, in one transaction; returns how many. Raises `Lost` where it is to be repeated."""
        async with self._workshop.transaction(actor="watch") as work:
            db = await driver_connection(work.connection)
            await db.execute(_ALONE)
            rows = await db.fetch(_TAKE, self._events_at_once)
            event_ids = [event_id for row in rows for event_id in row[0]]
            if not event_ids:
                return 0
            book = await self._shelf.current(db)
            seen = await look(db, self._readings, event_ids, _terms_of(book))
            await self._flag(work, db, book, seen)
            recorded = await work.finish()
        if recorded:
            log.info("anomalies_found", events=len(recorded))
        return len(event_ids)

    async def _flag(self, work: UnitOfWork, db: Any, book: PolicyBook, seen: Look) -> None:
        """Let what was found become flags, and flags whose ground is gone be told so."""
        concerned = {UUID(bytes=row[0].bytes) for row in await db.fetch(_CONCERNED, list(seen.fresh))}
        findings = [f for f in seen.findings.values() if f.flag_id in concerned or _rests_on(f, seen.fresh)]
        findings = await with_confirmers(db, self._readings, findings)
        await work.load_many(FLAGS, sorted({*concerned, *(finding.flag_id for finding in findings)}))
        to_hold: list[tuple[UUID, list[SuspectRecord]]] = []
        for finding in findings:
            before = (await work.load(FLAGS, finding.flag_id)).state
            found = Find(finding.flag_id, finding.community, finding.evidence, work.now)
            await work.execute(FLAGS, finding.flag_id, found)
            # What somebody saw and let go stays free; what came after it is held.
            new = [record for record in finding.evidence.records if record.record_id not in before.seen]
            if new and _holds(book, finding):
                to_hold.append((finding.flag_id, new))
        to_release: list[tuple[UUID, Flag]] = []
        for flag_id in sorted(concerned - seen.findings.keys()):
            flag = (await work.load(FLAGS, flag_id)).state
            if await _ground_is_gone(db, self._readings, flag):
                approved = flag_id in seen.approved
                why = DismissalReason.APPROVED if approved else DismissalReason.RECORDS_CORRECTED
                await work.execute(FLAGS, flag_id, LoseGround(work.now, why))
                if flag.holds:
                    to_release.append((flag_id, flag))
        if to_hold or to_release:
            purses = Purses(work, db)
            of_held = {record.volunteer_id for _, records in to_hold for record in records}
            await purses.lock(of_held.union(*(people_of(flag) for _, flag in to_release)))
            for flag_id, flag in to_release:
                await purses.hand_over(flag_id, flag)
            for flag_id, records in to_hold:
                await purses.hold(flag_id, records, None)


def _rests_on(finding: Finding, fresh: set[UUID]) -> bool:
    return any(record.record_id in fresh for record in finding.evidence.records)


def _terms_of(book: PolicyBook) -> TermsAt:
    def terms_at(community: str, day: date) -> AnomalyTerms:
        return book.terms(community, day).anomalies

    return terms_at


def _holds(book: PolicyBook, finding: Finding) -> bool:
    day = local_day(finding.evidence.since)
    return finding.evidence.sign in book.terms(finding.community, day).anomalies.hold_signs.value


async def _ground_is_gone(db: Any, readings: Readings, flag: Flag) -> bool:
    """Whether what a flag rests on was corrected away.

    A sign about a person's days was looked for again and not found. Of what somebody confirmed, every record must have
    been shortened or voided: how fast it was confirmed does not change by that.
    """
    assert flag.evidence is not None, "a flag that records lead to has evidence"
    if flag.evidence.sign in ABOUT_PEOPLE:
        return True
    spans: dict[UUID, Span] = {}
    for record in flag.evidence.records:
        known = spans.get(record.volunteer_id, (record.started_at, record.started_at))
        spans[record.volunteer_id] = (min(known[0], record.started_at), max(known[1], record.started_at + _MOMENT))
    now = {one.record_id: one.minutes for of_one in (await readings.records(db, spans)).values() for one in of_one}
    return all(now.get(record.record_id, 0) < record.minutes for record in flag.evidence.records)


async def count_open(database: Database) -> None:
    """Show how many flags wait for a decision, by sign."""
    query = select(anomaly_flags.c.sign, func.count()).where(anomaly_flags.c.decided_at.is_(None))
    async with database.reading() as connection:
        rows = (await connection.execute(query.group_by(anomaly_flags.c.sign))).all()
    counted = {sign: int(count) for sign, count in rows}
    for sign in Sign:
        ANOMALIES_OPEN.labels(sign=sign.value).set(counted.get(sign.value, 0))
