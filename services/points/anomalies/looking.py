"""One look: what a few newly booked events, and everything around them, show. Reads only.

What is around them is read whole: all days that a person's new records touch, with a day on each side; the whole day of
whoever confirmed, and the whole month where confirmers are volunteers themselves. So a finding is the same whichever of
its events came last, and events that come late or correct something are looked at together with what was there before.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from uuid import UUID

from services.points.anomalies.evidence import Finding, Record, TermsAt, Told
from services.points.anomalies.reading import Readings, Span
from services.points.anomalies.signs import OF_ONE_PERSON, back_office, burst, burst_window, rings
from services.points.ledger.writing import Connection
from shared.clock import day_start, local_day
from shared.contracts.anomalies import Sign

_DAY = timedelta(days=1)
_RING_PEOPLE_MAX = 64
"""People who confirm, around one of them, among whom a ring is looked for."""
_TOLD_AFTER = timedelta(days=62)
"""How long before it was told, at most, service began that a ring is looked for in."""

ABOUT_PEOPLE = frozenset({Sign.IMPOSSIBLE_DAY, Sign.ROUND_THE_CLOCK, Sign.OVERLAP})
"""Signs that are found again, or not, whenever a record of theirs is looked at."""


@dataclass(slots=True)
class Look:
    """What was found around some events."""

    findings: dict[UUID, Finding] = field(default_factory=dict)
    fresh: set[UUID] = field(default_factory=set)
    """Records that the events told of."""
    records: dict[UUID, Record] = field(default_factory=dict)
    """Everything that was read, by record."""
    approved: set[UUID] = field(default_factory=set)
    """Flags that are none: of days so long as an office approved them."""


async def look(db: Connection, readings: Readings, event_ids: Sequence[UUID], terms_at: TermsAt) -> Look:
    """Look at what these events told, and around it."""
    told = await readings.told(db, event_ids)
    seen = Look(fresh={record for one in told for record in one.records})
    of_people = await readings.records(db, _around(told))
    approved = await readings.approved(db, of_people.keys())
    for person, records in of_people.items():
        seen.records |= {record.record_id: record for record in records}
        for sign in OF_ONE_PERSON:
            for finding in sign(records, terms_at):
                day, measured = local_day(finding.evidence.since), finding.evidence.measured
                if finding.evidence.sign is Sign.IMPOSSIBLE_DAY and measured <= approved.get((person, day), 0):
                    seen.approved.add(finding.flag_id)
                else:
                    seen.findings[finding.flag_id] = finding
    for one in told:
        for finding in back_office(one, seen.records, terms_at):
            seen.findings[finding.flag_id] = finding
    await _bursts(db, readings, told, terms_at, seen)
    await _rings(db, readings, told, terms_at, seen)
    return seen


def _around(told: Iterable[Told]) -> dict[UUID, Span]:
    """By person, the whole days around what was told of them, with a day on each side."""
    spans: dict[UUID, Span] = {}
    for one in told:
        since = day_start(local_day(one.began_at) - _DAY)
        until = day_start(local_day(one.ended_at) + 2 * _DAY)
        for person in one.volunteers:
            known = spans.get(person, (since, until))
            spans[person] = (min(since, known[0]), max(until, known[1]))
    return spans


async def _bursts(db: Connection, readings: Readings, told: Iterable[Told], terms_at: TermsAt, seen: Look) -> None:
    days = {(one.confirmed_by, local_day(one.told_at)) for one in told if one.confirmed_by is not None}
    for confirmer, day in sorted(days):
        of_day = await readings.told_by(db, [confirmer], (day_start(day), day_start(day + _DAY)))
        window = burst_window(of_day, terms_at)
        if window:
            records = await _records_of(db, readings, window)
            for finding in burst(window, records, terms_at):
                seen.findings[finding.flag_id] = finding


async def _records_of(db: Connection, readings: Readings, told: Iterable[Told]) -> dict[UUID, Record]:
    of_people = await readings.records(db, _around(told))
    return {record.record_id: record for records in of_people.values() for record in records}


async def _rings(db: Connection, readings: Readings, told: Iterable[Told], terms_at: TermsAt, seen: Look) -> None:
    months: dict[date, set[UUID]] = defaultdict(set)
    for one in told:
        if one.confirmed_by is not None:
            months[local_day(one.told_at).replace(day=1)].add(one.confirmed_by)
    for month, confirmers in sorted(months.items()):
        span = (day_start(month), day_start((month + timedelta(days=32)).replace(day=1)))
        for start in sorted(await readings.who_serve(db, confirmers)):
            circle = await _circle(db, readings, start, span)
            people = {one.confirmed_by for one in circle} - {None}
            if len(people) < 2:
                continue
            wanted = {person: (span[0] - _TOLD_AFTER, span[1]) for person in people if person is not None}
            of_people = await readings.records(db, wanted)
            records = {
                record.record_id: record
                for of_one in of_people.values()
                for record in of_one
                if span[0] <= record.told_at < span[1]
            }
            for finding in rings(circle, records, terms_at):
                seen.findings[finding.flag_id] = finding


async def with_confirmers(db: Connection, readings: Readings, findings: Iterable[Finding]) -> list[Finding]:
    """The same findings, each with those who confirmed its records: they decide nothing about it."""
    found = list(findings)
    events = {record.event_id for finding in found for record in finding.evidence.records}
    by_event = {UUID(bytes=one.event_id.bytes): one.confirmed_by for one in await readings.told(db, events)}
    named = []
    for finding in found:
        confirmers = {by_event.get(record.event_id) for record in finding.evidence.records}
        known = {UUID(bytes=one.bytes) for one in confirmers if one is not None} | {*finding.evidence.confirmed_by}
        evidence = finding.evidence.model_copy(update={"confirmed_by": tuple(sorted(known))})
        named.append(replace(finding, evidence=evidence))
    return named


async def _circle(db: Connection, readings: Readings, start: UUID, span: Span) -> list[Told]:
    """What those told who can be reached from somebody, from whoever confirmed to whom they confirmed, and on."""
    known, ahead = {start}, {start}
    circle: list[Told] = []
    while ahead and len(known) <= _RING_PEOPLE_MAX:
        found = await readings.told_by(db, sorted(ahead), span)
        circle += found
        people = {volunteer for one in found for volunteer in one.volunteers} - known
        ahead = await readings.who_confirm(db, people, span) if people else set()
        known |= ahead
    return circle
