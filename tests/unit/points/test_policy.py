"""Policies: what a document may say, what is in force where and when, and what prices days anew."""

import copy
import uuid
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from services.points.earning.reactions import CLOCK_SKEW_MAX
from services.points.policy.book import BEGINNING, PolicyBook, Restatement
from services.points.policy.document import SERVICE_KINDS, BadPolicy, read_document
from services.points.policy.model import (
    MARGIN,
    PolicyBegun,
    PolicyBookNotEmpty,
    PolicyIsWithdrawn,
    PolicyNotOfNode,
    PolicyOverlaps,
    PolicyRetroactive,
    PublishPolicy,
    RestatementNotOver,
    RestatePolicy,
    SeedPolicy,
    Tried,
    UnknownPolicy,
    WithdrawPolicy,
    earliest_day,
)
from services.points.policy.terms import NoPolicyInForce, PolicyVersion
from services.points.policy.views import POLICIES, national_default
from services.points.units import Unit
from shared.contracts.points import PolicyPublished, PolicyRestated, PolicyWithdrawn
from tests.specification import given

NOW = datetime(2026, 3, 10, 4, tzinfo=UTC)  # noon in Shanghai
TITLE = {"zh": "试行办法", "en": "Trial"}
COMMUNITY = "620201001004"
TRIED = Tried(NOW - timedelta(hours=1), 3)
SEEDED = PolicyPublished(policy_version=1, node=None, in_force_from=BEGINNING, document={"title": TITLE})


def published(version: int, node: str, day: date) -> PolicyPublished:
    return PolicyPublished(
        policy_version=version,
        node=node,
        in_force_from=day,
        document={"title": TITLE},
        tried_at=TRIED.at,
        tried_months=TRIED.months,
    )


def publish(node: str, day: date) -> PublishPolicy:
    return PublishPolicy(node=node, in_force_from=day, document={"title": TITLE}, tried=TRIED, now=NOW)


# ── publishing ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_default_is_version_one_in_force_from_the_beginning() -> None:
    given(POLICIES).when(SeedPolicy(BEGINNING, {"title": TITLE})).then(SEEDED)


def test_the_default_is_seeded_only_into_an_empty_book() -> None:
    given(POLICIES, SEEDED).when(SeedPolicy(BEGINNING, {"title": TITLE})).then_refused(PolicyBookNotEmpty)


def test_a_policy_takes_the_next_version_whatever_its_node() -> None:
    day = date(2026, 3, 11)
    given(POLICIES, SEEDED, published(2, "6202", day)).when(publish("620201", day)).then(published(3, "620201", day))


@pytest.mark.parametrize("day", [date(2026, 3, 10), date(2026, 3, 9), date(1999, 1, 1)])
def test_a_policy_is_never_retroactive(day: date) -> None:
    outcome = given(POLICIES, SEEDED).when(publish("6202", day))
    outcome.then_refused(PolicyRetroactive, earliest="2026-03-11")


def test_two_policies_for_one_node_from_one_day_overlap() -> None:
    day = date(2026, 4, 1)
    given(POLICIES, SEEDED, published(2, "6202", day)).when(publish("6202", day)).then_refused(PolicyOverlaps)


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        (datetime(2026, 3, 10, 4, tzinfo=UTC), date(2026, 3, 11)),
        (datetime(2026, 3, 10, 14, 49, tzinfo=UTC), date(2026, 3, 11)),
        (datetime(2026, 3, 10, 14, 51, tzinfo=UTC), date(2026, 3, 12)),
        (datetime(2026, 3, 10, 16, 0, tzinfo=UTC), date(2026, 3, 12)),
    ],
)
def test_the_earliest_day_is_tomorrow_in_shanghai_unless_midnight_is_too_near(moment: datetime, day: date) -> None:
    assert earliest_day(moment) == day


def test_what_holds_tomorrow_is_settled_before_service_of_tomorrow_can_be_told() -> None:
    assert MARGIN > CLOCK_SKEW_MAX


# ── withdrawing ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_policy_is_withdrawn_before_its_first_day() -> None:
    tomorrow = published(2, "620201", date(2026, 3, 11))
    given(POLICIES, SEEDED, tomorrow).when(WithdrawPolicy(2, NOW)).then(PolicyWithdrawn(policy_version=2))


@pytest.mark.parametrize(
    "now", [datetime(2026, 3, 10, 14, 51, tzinfo=UTC), datetime(2026, 3, 10, 16, tzinfo=UTC), NOW + timedelta(days=9)]
)
def test_a_policy_that_has_begun_or_is_about_to_stays(now: datetime) -> None:
    outcome = given(POLICIES, SEEDED, published(2, "620201", date(2026, 3, 11))).when(WithdrawPolicy(2, now))
    outcome.then_refused(PolicyBegun, version=2, day="2026-03-11")


def test_the_default_has_begun() -> None:
    given(POLICIES, SEEDED).when(WithdrawPolicy(1, NOW)).then_refused(PolicyBegun)


def test_a_policy_is_withdrawn_once_and_only_if_there_is_one() -> None:
    gone = [SEEDED, published(2, "6202", date(2026, 4, 1)), PolicyWithdrawn(policy_version=2)]
    given(POLICIES, *gone).when(WithdrawPolicy(2, NOW)).then_refused(PolicyIsWithdrawn)
    given(POLICIES, *gone).when(WithdrawPolicy(3, NOW)).then_refused(UnknownPolicy)


def test_another_takes_the_place_of_the_withdrawn_under_a_version_of_its_own() -> None:
    day = date(2026, 4, 1)
    gone = [SEEDED, published(2, "6202", day), PolicyWithdrawn(policy_version=2)]
    given(POLICIES, *gone).when(publish("6202", day)).then(published(3, "6202", day))
    given(POLICIES, *gone).when(restate(2, "6202")).then_refused(PolicyNotOfNode)


# ── restating ────────────────────────────────────────────────────────────────────────────────────────────────────

REVISED = published(2, "620201", date(2026, 3, 11))


def restate(version: int = 2, node: str = "620201", until: date = date(2026, 3, 9), **changed: Any) -> RestatePolicy:
    said = {"node": node, "policy_version": version, "since": date(2026, 3, 1), "until": until, "at": NOW}
    return RestatePolicy(**{**said, "reference": "12号", "tried": TRIED, **changed})


def restated(number: int, at: datetime = NOW) -> PolicyRestated:
    return PolicyRestated(
        restatement=number,
        node="620201",
        policy_version=2,
        since=date(2026, 3, 1),
        until=date(2026, 3, 9),
        reference="12号",
        restated_at=at,
        tried_at=TRIED.at,
    )


def test_days_that_are_over_are_priced_anew_under_a_policy_of_the_node() -> None:
    given(POLICIES, SEEDED, REVISED).when(restate()).then(restated(1))


def test_each_restatement_has_a_moment_of_its_own() -> None:
    later = NOW + timedelta(microseconds=1)
    given(POLICIES, SEEDED, REVISED, restated(1)).when(restate()).then(restated(2, later))


@pytest.mark.parametrize("until", [date(2026, 3, 10), date(2026, 2, 28)])
def test_days_that_are_not_over_or_end_before_they_begin_are_not_restated(until: date) -> None:
    outcome = given(POLICIES, SEEDED, REVISED).when(restate(until=until))
    outcome.then_refused(RestatementNotOver, latest="2026-03-09")


@pytest.mark.parametrize(("version", "node"), [(1, "620201"), (3, "620201"), (2, COMMUNITY)])
def test_a_policy_of_another_node_prices_nothing_anew(version: int, node: str) -> None:
    given(POLICIES, SEEDED, REVISED).when(restate(version, node)).then_refused(PolicyNotOfNode)


# ── documents ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_shipped_default_is_complete() -> None:
    document = read_document(national_default(), complete=True)
    assert document.weights_percent.keys() == SERVICE_KINDS
    assert document.weights_percent["activity.meeting"] == 0
    assert document.weights_percent["patrol.volunteer.night"] == 150
    assert document.weights_percent["activity.professional"] == 120


@pytest.mark.parametrize(
    ("path", "value", "place", "reason"),
    [
        (["points", "weights_percent", "activity.care"], -1, "/points/weights_percent/activity.care", "negative"),
        (["points", "weights_percent", "activity.chess"], 5, "/points/weights_percent/activity.chess", "unknown"),
        (["points", "weights_percent", "a/b~c"], 5, "/points/weights_percent/a~1b~0c", "unknown"),
        (["points", "weights_percent", "mediation.failed"], 1.5, "/points/weights_percent/mediation.failed",
         "not_a_whole_number"),
        (["caps_per_day", "POINT"], True, "/caps_per_day/POINT", "not_a_whole_number"),
        (["caps_per_activity"], [], "/caps_per_activity", "not_an_object"),
        (["caps_per_activity"], {"POINT": -1}, "/caps_per_activity/POINT", "negative"),
        (["caps_per_activity"], {"GOLD": 1}, "/caps_per_activity/GOLD", "unknown"),
        (["caps_per_activity"], {"MINUTE": 1.5}, "/caps_per_activity/MINUTE", "not_a_whole_number"),
        (["points", "minutes_per_point"], 0, "/points/minutes_per_point", "too_small"),
        (["points"], [], "/points", "not_an_object"),
        (["evidence", "scanned"], ["POINT", "POINT"], "/evidence/scanned/1", "repeated"),
        (["evidence", "scanned"], ["GOLD"], "/evidence/scanned/0", "unknown"),
        (["evidence", "scanned"], [{}], "/evidence/scanned/0", "unknown"),
        (["evidence", "guessed"], [], "/evidence/guessed", "unknown"),
        (["caps_per_day", "POINT"], 10**9, "/caps_per_day/POINT", "too_large"),
        (["title", "zh"], "", "/title/zh", "not_a_title"),
        (["bonus"], {}, "/bonus", "unknown"),
        (["\x00\ud800"], {}, "/\\x00\\ud800", "unknown"),
    ],
)  # fmt: skip
def test_a_bad_document_is_refused_with_the_place_named(path: list[str], value: Any, place: str, reason: str) -> None:
    document: Any = copy.deepcopy(national_default())
    inner = document
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    with pytest.raises(BadPolicy) as refused:
        read_document(document, complete=True)
    assert (refused.value.params["place"], refused.value.params["reason"]) == (place, reason)


@pytest.mark.parametrize(
    "path",
    [["points"], ["points", "minutes_per_point"], ["points", "weights_percent", "mediation.failed"],
     ["evidence", "estimated"], ["caps_per_day", "MINUTE"], ["title"]],
)  # fmt: skip
def test_a_document_for_everywhere_has_no_gaps(path: list[str]) -> None:
    document: Any = copy.deepcopy(national_default())
    inner = document
    for step in path[:-1]:
        inner = inner[step]
    del inner[path[-1]]
    with pytest.raises(BadPolicy) as refused:
        read_document(document, complete=True)
    assert refused.value.params["place"] == "/" + "/".join(path)
    if path != ["title"]:
        read_document(document, complete=False)


# ── what is in force ─────────────────────────────────────────────────────────────────────────────────────────────


def book(*policies: tuple[str, date, dict[str, Any]]) -> PolicyBook:
    versions = [PolicyVersion(1, None, BEGINNING, read_document(national_default(), complete=True))]
    for version, (node, day, said) in enumerate(policies, start=2):
        versions.append(PolicyVersion(version, node, day, read_document({"title": TITLE, **said}, complete=False)))
    return PolicyBook(versions)


def cap(policies: PolicyBook, community: str, day: date) -> tuple[int, int]:
    said = policies.terms(community, day).caps_per_day[Unit.POINT]
    return said.value, said.version


def test_the_nearer_node_wins_and_what_it_does_not_say_is_inherited() -> None:
    policies = book(
        ("6202", date(2026, 1, 1), {"caps_per_day": {"POINT": 80}, "points": {"minutes_per_point": 5}}),
        (COMMUNITY, date(2026, 1, 1), {"caps_per_day": {"POINT": 60}}),
    )
    terms = policies.terms(COMMUNITY, date(2026, 2, 1))
    assert (terms.caps_per_day[Unit.POINT].value, terms.minutes_per_point.value) == (60, 5)
    assert terms.caps_per_day[Unit.MINUTE].version == 1
    assert cap(policies, "620201001005", date(2026, 2, 1)) == (80, 2)
    assert cap(policies, "110101001001", date(2026, 2, 1)) == (100, 1)


def test_a_policy_holds_from_its_first_day_until_the_next_one() -> None:
    policies = book(
        ("6202", date(2026, 1, 1), {"caps_per_day": {"POINT": 80}}),
        ("6202", date(2026, 6, 1), {"caps_per_day": {"POINT": 90}}),
    )
    days = [date(2025, 12, 31), date(2026, 1, 1), date(2026, 5, 31), date(2026, 6, 1)]
    assert [cap(policies, COMMUNITY, day)[0] for day in days] == [100, 80, 80, 90]


def test_a_later_policy_changes_nothing_that_was_priced_before() -> None:
    before = book(("6202", date(2026, 1, 1), {"caps_per_day": {"POINT": 80}}))
    after = book(
        ("6202", date(2026, 1, 1), {"caps_per_day": {"POINT": 80}}),
        (COMMUNITY, date(2026, 6, 1), {"points": {"minutes_per_point": 1}}),
    )
    for day in (date(1999, 1, 1), date(2026, 3, 1), date(2026, 5, 31)):
        assert before.terms(COMMUNITY, day) == after.terms(COMMUNITY, day)


def test_what_was_withdrawn_prices_nothing_but_what_a_restatement_named_it_for() -> None:
    default = PolicyVersion(1, None, BEGINNING, read_document(national_default(), complete=True))
    said = read_document({"title": TITLE, "caps_per_day": {"POINT": 80}}, complete=False)
    revised = PolicyVersion(2, "6202", date(2026, 6, 1), said)
    days = (date(2026, 3, 1), date(2026, 3, 2))
    named = Restatement(1, "6202", 2, *days, uuid.UUID(int=1), NOW)
    standing = PolicyBook([default, revised], [named])
    gone = PolicyBook([default, replace(revised, withdrawn=True)], [named])
    assert (cap(standing, COMMUNITY, date(2026, 6, 1)), cap(gone, COMMUNITY, date(2026, 6, 1))) == ((80, 2), (100, 1))
    for policies in (standing, gone, gone.with_restated(replace(named, number=2, since=days[1]))):
        assert policies.terms(COMMUNITY, days[0], NOW).caps_per_day[Unit.POINT].version == 2
    assert (standing.is_of_node(2, "6202"), gone.is_of_node(2, "6202")) == (True, False)
    assert gone.latest_version == 2


def test_before_the_beginning_and_for_unknown_kinds_there_is_no_price() -> None:
    with pytest.raises(NoPolicyInForce):
        book().terms(COMMUNITY, date(1899, 12, 31))
    with pytest.raises(NoPolicyInForce):
        book().terms(COMMUNITY, date(2026, 1, 1)).price("activity.space_travel")


def test_minutes_that_cannot_reach_a_cap_are_a_bound_over_all_policies() -> None:
    # 100 points at 150 % of a point in 6 minutes are 400 minutes.
    assert book().uncapped_minutes_per_day == 400
    steeper = book(("6202", date(2026, 1, 1), {"points": {"weights_percent": {"activity.care": 300}}}))
    assert steeper.uncapped_minutes_per_day == 200
    lower = book(("6202", date(2026, 1, 1), {"caps_per_day": {"SERVICE_MINUTE": 120}}))
    assert lower.uncapped_minutes_per_day == 120
