"""Signs of invented hours, one small function each. Pure: the same set of records and tellings, in any order, comes to
the same findings with the same ids. Every threshold is the policy's.

A sign proves nothing. What each really means in what is recorded here, and what it cannot see, is said beside it.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from uuid import UUID

from services.points.anomalies.evidence import Finding, Record, TermsAt, Told, suspects
from services.points.policy.terms import Said
from shared.clock import day_start, local_day
from shared.contracts.anomalies import AnomalyEvidence, Measure, Sign
from shared.ids import derived_id

_DAY = timedelta(days=1)

_RING_PEOPLE_MAX = 4
"""Where no policy says it: the key came after the shipped documents."""


def _finding(
    sign: Sign,
    key: Sequence[object],
    community: str,
    records: Iterable[Record],
    span: tuple[datetime, datetime],
    measured: tuple[Measure, int],
    limit: Said[int],
    confirmed_by: Iterable[UUID] = (),
) -> Finding:
    evidence = AnomalyEvidence(
        sign=sign,
        records=suspects(records),
        confirmed_by=tuple(sorted(UUID(bytes=one.bytes) for one in confirmed_by)),
        since=span[0],
        until=span[1],
        measure=measured[0],
        measured=measured[1],
        limit=limit.value,
        policy_version=limit.version,
    )
    return Finding(derived_id("anomaly", sign.value, *key), community, evidence)


def _in_order(records: Iterable[Record]) -> list[Record]:
    return sorted(records, key=lambda record: (record.started_at, record.record_id.bytes))


# ── of one person ────────────────────────────────────────────────────────────────────────────────────────────────


def impossible_days(records: Iterable[Record], terms_at: TermsAt) -> Iterator[Finding]:
    """Days on which one person served more than counts without approval: over 8 h the community's is needed, over 12 h
    the district's. Told minutes, before the cap. What an office approved is left out by whoever looks (`looking`).
    """
    by_day: dict[date, list[Record]] = defaultdict(list)
    for record in records:
        if record.minutes:
            by_day[local_day(record.started_at)].append(record)
    for day, of_day in by_day.items():
        first = _in_order(of_day)[0]
        terms = terms_at(first.community, local_day(first.started_at))
        minutes = sum(record.minutes for record in of_day)
        over = [limit for limit in (terms.day_minutes_max, terms.day_minutes_approval) if minutes > limit.value]
        if over:
            span = (day_start(local_day(first.started_at)), max(record.ended_at for record in of_day))
            key = (first.volunteer_id, day)
            yield _finding(Sign.IMPOSSIBLE_DAY, key, first.community, of_day, span, (Measure.MINUTES, minutes), over[0])


def round_the_clock(records: Iterable[Record], terms_at: TermsAt) -> Iterator[Finding]:
    """24 hours across midnight with hardly a pause: a night after a day, which no single day shows.

    Time in two places at once counts once. Of the 24 hours that begin on one day, the fullest are shown.
    """
    served = [record for record in _in_order(records) if record.minutes and record.has_a_span]
    best: dict[date, tuple[int, Record, list[Record]]] = {}
    for first in served:
        within = [r for r in served if first.started_at <= r.started_at < first.started_at + _DAY]
        if local_day(within[-1].started_at) == local_day(first.started_at):
            continue
        minutes = _covered_minutes(within, first.started_at + _DAY)
        day = local_day(first.started_at)
        if day not in best or minutes > best[day][0]:
            best[day] = (minutes, first, within)
    for day, (minutes, first, within) in best.items():
        limit = terms_at(first.community, local_day(first.started_at)).round_the_clock_minutes
        if minutes > limit.value:
            span = (first.started_at, first.started_at + _DAY)
            key = (first.volunteer_id, day)
            yield _finding(Sign.ROUND_THE_CLOCK, key, first.community, within, span, (Measure.MINUTES, minutes), limit)


def _covered_minutes(in_order: Sequence[Record], until: datetime) -> int:
    covered, reached = timedelta(0), in_order[0].started_at
    for record in in_order:
        end = min(record.ended_at, until)
        covered += max(timedelta(0), end - max(record.started_at, reached))
        reached = max(reached, end)
    return covered // timedelta(minutes=1)


def overlaps(records: Iterable[Record], terms_at: TermsAt) -> Iterator[Finding]:
    """One person in two records at once. The registry refuses this among its own activities; a shift of the patrol and
    an activity can still lie over each other, as can a corrected start and an import of old lists.
    """
    served = [record for record in _in_order(records) if record.minutes and record.has_a_span]
    for number, one in enumerate(served, 1):
        limit = terms_at(one.community, local_day(one.started_at)).overlap_minutes
        for other in served[number:]:
            if other.started_at >= one.ended_at:
                break
            end = min(one.ended_at, other.ended_at)
            minutes = (end - other.started_at) // timedelta(minutes=1)
            if minutes >= limit.value:
                span, measured = (other.started_at, end), (Measure.MINUTES, minutes)
                key = (one.volunteer_id, *sorted((one.record_id, other.record_id)))
                yield _finding(Sign.OVERLAP, key, one.community, (one, other), span, measured, limit)


OF_ONE_PERSON = (impossible_days, round_the_clock, overlaps)


# ── of whoever confirmed ─────────────────────────────────────────────────────────────────────────────────────────


def burst_window(told: Iterable[Told], terms_at: TermsAt) -> list[Told]:
    """The first minutes of a day in which one person confirmed more records or activities than the policy has.

    `told` is what one person told on one day. Who confirms a week's lists in one afternoon does this in good faith;
    the sign is for whoever looks at what was confirmed, not at how fast somebody works.
    """
    ordered = sorted((one for one in told if one.added), key=lambda one: (one.told_at, one.event_id.bytes))
    for number, first in enumerate(ordered):
        terms = terms_at(first.community, local_day(first.told_at))
        end = first.told_at + timedelta(minutes=terms.burst_minutes.value)
        within = [one for one in ordered[number:] if one.told_at <= end]
        records = sum(one.added for one in within)
        if records > terms.burst_records.value or len(within) > terms.burst_activities.value:
            return within
    return []


def burst(window: Sequence[Told], records: Mapping[UUID, Record], terms_at: TermsAt) -> Iterator[Finding]:
    """The finding of a window, with its records as they are now."""
    shown = [records[key] for one in window for key in one.records if key in records and records[key].minutes]
    if not shown:
        return
    first, day = window[0], local_day(window[0].told_at)
    confirmer = first.confirmed_by
    assert confirmer is not None, "a burst is somebody's"
    terms = terms_at(first.community, day)
    count = sum(one.added for one in window)
    by_records = count > terms.burst_records.value
    measured = (Measure.RECORDS, count) if by_records else (Measure.ACTIVITIES, len(window))
    limit = terms.burst_records if by_records else terms.burst_activities
    span = (first.told_at, window[-1].told_at)
    yield _finding(Sign.BURST, (confirmer, day), first.community, shown, span, measured, limit, [confirmer])


def back_office(told: Told, records: Mapping[UUID, Record], terms_at: TermsAt) -> Iterator[Finding]:
    """Records with the evidence of a scan on site, whose check-ins were entered, several of one activity, only when the
    service was over, and within minutes of its end: typed at a desk to look like scans.

    What was entered as backfilled says itself that it was, and earns no points. Lists that are entered days later are
    the ordinary way of paper; a policy can widen the minutes to see them, too. Phones that were offline on site are the
    innocent explanation, and registry cannot tell them apart: where somebody is, it does not ask.
    """
    late = told.entered_after_minutes
    if late is None:
        return
    terms = terms_at(told.community, local_day(told.ended_at))
    within = range(terms.back_office_minutes.value + 1)
    pairs = zip(told.records, late, strict=True)
    shown = [records[key] for key, minutes in pairs if minutes in within and key in records and records[key].minutes]
    if len(shown) >= terms.back_office_records.value:
        confirmers = [] if told.confirmed_by is None else [told.confirmed_by]
        span = (told.began_at, told.told_at)
        measured = (Measure.RECORDS, len(shown))
        limit = terms.back_office_records
        yield _finding(Sign.BACK_OFFICE, (told.event_id,), told.community, shown, span, measured, limit, confirmers)


# ── of people who confirm each other ─────────────────────────────────────────────────────────────────────────────


def rings(told: Iterable[Told], records: Mapping[UUID, Record], terms_at: TermsAt) -> Iterator[Finding]:
    """A few volunteers (two to four, or what the policy says) who confirmed each other's hours within one month, and
    hardly had others.

    `told` is what the volunteers among those who confirm told in one month; `records` everything that was told of them
    in it. A ring is a strongly connected component: along the edges "confirmed at least so many records of" everybody
    reaches everybody. Leaders of teams who now and then stand in for each other have most of their hours elsewhere,
    which is what the share is for. Larger circles are not looked for: in a whole community everybody knows everybody.
    """
    confirmed: dict[tuple[UUID, UUID], set[UUID]] = defaultdict(set)
    by = sorted(
        (one for one in told if one.confirmed_by is not None), key=lambda one: (one.told_at, one.event_id.bytes)
    )
    for one in by:
        for key, volunteer in zip(one.records, one.volunteers, strict=True):
            if one.confirmed_by is not None and volunteer != one.confirmed_by and one.added and _counts(records, key):
                confirmed[one.confirmed_by, volunteer].add(key)
    if not confirmed:
        return
    first = by[0]
    day = local_day(first.told_at)
    terms = terms_at(first.community, day)
    strong = {edge for edge, keys in confirmed.items() if len(keys) >= terms.ring_records.value}
    had: dict[UUID, int] = defaultdict(int)
    for record in records.values():
        had[record.volunteer_id] += record.minutes > 0
    month = day.replace(day=1)
    span = (day_start(month), day_start((month + timedelta(days=32)).replace(day=1)))
    people_max = _RING_PEOPLE_MAX if terms.ring_people_max is None else terms.ring_people_max.value
    for members in _components(strong):
        if not 2 <= len(members) <= people_max:
            continue
        inside = {m: {k for giver in members for k in confirmed.get((giver, m), ())} for m in members}
        share = min(100 * len(inside[member]) // had[member] for member in members)
        if share >= terms.ring_share_percent.value:
            shown = [records[key] for keys in inside.values() for key in keys]
            named = (*sorted(members), month)
            measured = (Measure.PERCENT, share)
            yield _finding(Sign.RING, named, first.community, shown, span, measured, terms.ring_share_percent, members)


def _counts(records: Mapping[UUID, Record], key: UUID) -> bool:
    return key in records and records[key].minutes > 0


def _components(edges: Iterable[tuple[UUID, UUID]]) -> list[frozenset[UUID]]:
    """Strongly connected components, by who reaches whom; there are few who confirm."""
    after: dict[UUID, set[UUID]] = defaultdict(set)
    for giver, taker in edges:
        after[giver].add(taker)
    reached = {start: _reached(after, start) for start in list(after)}
    found = {
        frozenset({start} | {other for other in far if start in reached.get(other, frozenset())})
        for start, far in reached.items()
    }
    return sorted(found, key=sorted)


def _reached(after: Mapping[UUID, set[UUID]], start: UUID) -> frozenset[UUID]:
    seen: set[UUID] = set()
    ahead = [start]
    while ahead:
        for one in after.get(ahead.pop(), ()):
            if one not in seen:
                seen.add(one)
                ahead.append(one)
    return frozenset(seen)
