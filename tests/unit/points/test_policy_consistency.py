"""No document that passes leads to terms that contradict themselves: not where it is, not below, not later."""

import uuid
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given as for_all
from hypothesis import settings
from hypothesis import strategies as st

from services.points.policy.book import BEGINNING, PolicyBook, Restatement
from services.points.policy.consistency import (
    PolicyNeeded,
    RestatementContradicts,
    bounds,
    require_consistent,
    require_not_needed,
    require_restatable,
)
from services.points.policy.document import BadPolicy, read_document
from services.points.policy.model import PolicyNotOfNode, RestatementNotOver
from services.points.policy.ready import NATIONAL, national_default, shipped_policies
from services.points.policy.views import read_published

TITLE = {"zh": "试行办法", "en": "Trial"}
CITY, DISTRICT, COMMUNITY = "6202", "620201", "620201001004"
MAY, JUNE, JULY = date(2026, 5, 1), date(2026, 6, 1), date(2026, 7, 1)
NOW = datetime(2026, 4, 10, 4, tzinfo=UTC)


def book(*said: tuple[str, date, dict[str, Any]]) -> PolicyBook:
    """Documents as they were published at one time or another."""
    versions = [read_published(1, None, BEGINNING, national_default())]
    for version, (node, day, document) in enumerate(said, start=2):
        versions.append(read_published(version, node, day, {"title": TITLE, **document}))
    return PolicyBook(versions)


def faults(policies: PolicyBook, node: str, day: date, said: dict[str, Any]) -> list[tuple[str, str, Any]]:
    """Where a document is refused, why, and what is told beside."""
    document = read_document({"title": TITLE, **said}, complete=False)
    try:
        require_consistent(policies, node, day, document)
    except BadPolicy as refused:
        return [(place, reason.removeprefix("fault."), dict(params)) for place, reason, params in refused.places]
    return []


def told(other: str, value: Any, node: str = DISTRICT, day: date = MAY) -> dict[str, str]:
    return {"other": other, "value": str(value), "node": node, "day": day.isoformat()}


APPROVAL, MAX = "/anomalies/day_minutes_approval", "/anomalies/day_minutes_max"
CAP, CLOCK = "/caps_per_day/SERVICE_MINUTE", "/anomalies/round_the_clock_minutes"


@pytest.mark.parametrize("name", [policy.name for policy in shipped_policies()])
def test_what_is_shipped_contradicts_nothing(name: str) -> None:
    (document,) = [policy.document for policy in shipped_policies() if policy.name == name]
    assert all(bound.kept for bound in bounds(book().terms(COMMUNITY, MAY)))
    if name != NATIONAL:
        assert faults(book(), DISTRICT, MAY, {key: value for key, value in document.items() if key != "title"}) == []


@pytest.mark.parametrize(
    ("said", "place", "reason", "other", "value"),
    [
        ({"anomalies": {"day_minutes_approval": 700, "day_minutes_max": 600}}, APPROVAL, "more_than", MAX, 600),
        ({"anomalies": {"day_minutes_approval": 721}}, APPROVAL, "more_than", MAX, 720),
        ({"anomalies": {"day_minutes_max": 479}}, MAX, "less_than", APPROVAL, 480),
        ({"anomalies": {"round_the_clock_minutes": 400}}, CLOCK, "less_than", APPROVAL, 480),
        ({"caps_per_day": {"SERVICE_MINUTE": 481}}, CAP, "more_than", APPROVAL, 480),
        ({"caps_per_day": {"MINUTE": 100_000}}, "/caps_per_day/MINUTE", "more_than", APPROVAL, 480),
        ({"expiry": {"POINT": {"rule": "months", "months": 1}, "announce_days": 32}}, "/expiry/announce_days",
         "more_than", "/expiry/POINT", 31),
        ({"expiry": {"POINT": {"rule": "months", "months": 11}, "announce_days": 338}}, "/expiry/announce_days",
         "more_than", "/expiry/POINT", 337),
        ({"evidence": {"backfilled": ["POINT", "MINUTE", "SERVICE_MINUTE"], "scanned": ["POINT"]}},
         "/evidence/backfilled", "more_than", "/evidence/scanned", "POINT"),
        ({"evidence": {"scanned": []}}, "/evidence/scanned", "less_than", "/evidence/backfilled", "SERVICE_MINUTE"),
    ],
)  # fmt: skip
def test_a_document_is_held_against_what_it_says_itself_and_what_it_inherits(
    said: dict[str, Any], place: str, reason: str, other: str, value: Any
) -> None:
    assert (place, reason, told(other, value)) in faults(book(), DISTRICT, MAY, said)


def test_what_agrees_passes() -> None:
    for said in (
        {"anomalies": {"day_minutes_approval": 600, "day_minutes_max": 600}, "caps_per_day": {"MINUTE": 600}},
        {"anomalies": {"day_minutes_approval": 480}},
        {"expiry": {"POINT": {"rule": "months", "months": 1}}},
        {"expiry": {"POINT": {"rule": "never"}, "announce_days": 365}},
        {"evidence": {"backfilled": []}},
        {"time_bank": {"deposit_kinds": ["activity.care"]}},
    ):
        assert faults(book(), DISTRICT, MAY, said) == []


def test_a_document_above_is_held_against_what_is_said_below_upon_it() -> None:
    below = (COMMUNITY, MAY, {"anomalies": {"day_minutes_max": 500}})
    found = faults(book(below), CITY, MAY, {"anomalies": {"day_minutes_approval": 510}})
    assert found == [(APPROVAL, "more_than", told(MAX, 500, COMMUNITY))]
    # Whoever says both themselves is not concerned; nor is who begins to say it after the city has said something else.
    both = (COMMUNITY, MAY, {"anomalies": {"day_minutes_max": 500, "day_minutes_approval": 480}})
    assert faults(book(both), CITY, MAY, {"anomalies": {"day_minutes_approval": 510}}) == []
    later = [(CITY, JUNE, {"caps_per_day": {"POINT": 80}}), (COMMUNITY, JULY, below[2])]
    assert faults(book(*later), CITY, MAY, {"anomalies": {"day_minutes_approval": 510}}) == []


def test_a_document_is_held_against_what_begins_later() -> None:
    above = (CITY, JULY, {"anomalies": {"day_minutes_max": 490}})
    found = faults(book(above), DISTRICT, MAY, {"anomalies": {"day_minutes_approval": 500}})
    assert found == [(APPROVAL, "more_than", told(MAX, 490, DISTRICT, JULY))]
    replaced = (DISTRICT, JUNE, {"caps_per_day": {"POINT": 80}})
    assert faults(book(above, replaced), DISTRICT, MAY, {"anomalies": {"day_minutes_approval": 500}}) == []


def test_what_a_document_no_longer_says_is_missed_below() -> None:
    leans = [
        (DISTRICT, MAY, {"anomalies": {"day_minutes_max": 900}}),
        (COMMUNITY, MAY, {"anomalies": {"day_minutes_approval": 800}}),
    ]
    found = faults(book(*leans), DISTRICT, JUNE, {"caps_per_day": {"POINT": 80}})
    assert found == [(MAX, "less_than", told(APPROVAL, 800, COMMUNITY, JUNE))]
    with pytest.raises(PolicyNeeded) as refused:
        require_not_needed(book(*leans), 2, DISTRICT, MAY)
    assert refused.value.params == {
        "version": 2, "node": COMMUNITY, "day": "2026-05-01", "place": MAX, "other": APPROVAL,
    }  # fmt: skip
    require_not_needed(book(*leans), 3, COMMUNITY, MAY)


def test_what_contradicted_itself_before_stands_in_nobodys_way_but_their_own() -> None:
    policies = book((DISTRICT, MAY, {"anomalies": {"day_minutes_approval": 800}}))
    assert faults(policies, DISTRICT, JUNE, {"anomalies": {"day_minutes_approval": 480}}) == []
    assert faults(policies, COMMUNITY, JUNE, {"caps_per_day": {"POINT": 80}}) == []
    found = faults(policies, COMMUNITY, JUNE, {"anomalies": {"day_minutes_max": 790}})
    assert found == [(MAX, "less_than", told(APPROVAL, 800, COMMUNITY, JUNE))]


def test_a_title_alone_ends_a_policy_and_where_there_is_none_says_nothing() -> None:
    assert faults(book(), DISTRICT, MAY, {}) == [("/title", "says_nothing", {})]
    policies = book((DISTRICT, MAY, {"caps_per_day": {"POINT": 80}}))
    assert faults(policies, COMMUNITY, JUNE, {}) == [("/title", "says_nothing", {})]
    assert faults(policies, DISTRICT, JUNE, {}) == []
    assert faults(book((DISTRICT, MAY, {})), DISTRICT, JUNE, {}) == [("/title", "says_nothing", {})]


def test_days_are_not_restated_by_prices_that_contradict_their_rules() -> None:
    longer = {"caps_per_day": {"SERVICE_MINUTE": 600}, "anomalies": {"day_minutes_approval": 600}}
    policies = book((DISTRICT, JUNE, longer), (DISTRICT, JULY, {"caps_per_day": {"SERVICE_MINUTE": 300}}))
    days = date(2026, 3, 1), date(2026, 3, 31)
    with pytest.raises(RestatementContradicts) as refused:
        require_restatable(policies, DISTRICT, 2, *days, NOW)
    assert refused.value.places == [(CAP, "fault.more_than", told(APPROVAL, 480, DISTRICT, days[0]))]
    after = require_restatable(policies, DISTRICT, 3, *days, NOW)
    assert after.restatements[-1] == Restatement(1, DISTRICT, 3, *days, uuid.UUID(int=0), NOW)
    # On some of the days the city was restated: there the scanned earn less, and only there it is a contradiction.
    said = [
        (CITY, JUNE, {"evidence": {"scanned": ["SERVICE_MINUTE"]}}),
        (DISTRICT, JULY, {"evidence": {"backfilled": ["SERVICE_MINUTE", "POINT"]}}),
    ]
    some_days = Restatement(1, CITY, 2, date(2026, 3, 10), date(2026, 3, 20), uuid.uuid4(), NOW - timedelta(days=1))
    with pytest.raises(RestatementContradicts) as refused:
        require_restatable(book(*said).with_restated(some_days), DISTRICT, 3, *days, NOW)
    place, reason, params = refused.value.places[0]
    assert (place, reason, params["day"]) == ("/evidence/backfilled", "fault.more_than", "2026-03-10")
    require_restatable(book(*said).with_restated(some_days), DISTRICT, 3, days[0], date(2026, 3, 9), NOW)
    with pytest.raises(PolicyNotOfNode):
        require_restatable(policies, CITY, 3, *days, NOW)
    with pytest.raises(RestatementNotOver):
        require_restatable(policies, DISTRICT, 3, days[0], date(2026, 4, 10), NOW)


# ── whatever is published ────────────────────────────────────────────────────────────────────────────────────────

# Each pair can be said together, and either of it needs the other here, above or below.
SAYS = [
    ("anomalies", "day_minutes_approval", 900), ("anomalies", "day_minutes_max", 900),
    ("anomalies", "day_minutes_max", 300), ("caps_per_day", "SERVICE_MINUTE", 900),
    ("anomalies", "round_the_clock_minutes", 600), ("expiry", "announce_days", 365),
    ("expiry", "POINT", {"rule": "never"}), ("expiry", "POINT", {"rule": "months", "months": 2}),
    ("evidence", "scanned", ["POINT"]), ("evidence", "backfilled", ["POINT"]), ("evidence", "backfilled", []),
]  # fmt: skip


def document_of(says: Iterable[tuple[str, str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {"title": TITLE}
    for section, key, value in says:
        found.setdefault(section, {})[key] = value
    return found


documents = st.lists(st.sampled_from(SAYS), min_size=1, max_size=3).map(document_of)
nodes = st.sampled_from([CITY, DISTRICT, COMMUNITY])
published = st.tuples(nodes, st.sampled_from([MAY, JUNE, JULY]), documents)
withdrawn = st.integers(2, 6)
steps = st.lists(st.one_of(published, published, published, withdrawn), min_size=3, max_size=10)


@settings(deadline=None, max_examples=200)
@for_all(steps)
def test_whatever_is_published_and_withdrawn_no_terms_contradict_themselves(tried: Iterable[Any]) -> None:
    policies, standing = book(), dict[int, tuple[str, date]]()
    for step in tried:
        try:
            if isinstance(step, int):
                if step in standing:
                    require_not_needed(policies, step, *standing[step])
                    del standing[step]
                    policies = policies.without(step)
            elif step[:2] not in standing.values():
                node, day, said = step
                document = read_document(said, complete=False)
                require_consistent(policies, node, day, document)
                policies = policies.with_published(node, day, document)
                standing[policies.latest_version] = (node, day)
        except (BadPolicy, PolicyNeeded):
            continue
        for community in (COMMUNITY, "620201001005", "620202001001"):
            for day in (MAY - timedelta(days=1), MAY, JUNE, JULY):
                for bound in bounds(policies.terms(community, day)):
                    assert bound.kept, (community, day, bound)


def test_a_book_counts_whatever_concerns_a_node() -> None:
    said = {"caps_per_day": {"POINT": 80}}
    policies = book((CITY, MAY, said), (COMMUNITY, MAY, said), ("620202", MAY, said))
    assert [policies.concerning(node) for node in (CITY, DISTRICT, COMMUNITY, "620201001005", "11")] == [4, 3, 3, 2, 1]
    assert policies.without(3).concerning(DISTRICT) == 4
    assert policies.without(4).concerning(DISTRICT) == 3
    anew = Restatement(1, DISTRICT, 9, MAY, MAY, uuid.uuid4(), NOW)
    assert [policies.with_restated(anew).concerning(node) for node in (DISTRICT, COMMUNITY, "620202")] == [4, 4, 3]
