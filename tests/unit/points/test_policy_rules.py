"""The rules of a policy beside its prices: what they may say, how they are inherited, and what older documents mean."""

import copy
from datetime import date
from typing import Any

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from services.points.policy.book import BEGINNING, PolicyBook
from services.points.policy.document import BadPolicy, read_document
from services.points.policy.ready import NATIONAL, national_default, shipped_policies
from services.points.policy.rules import RULES, ExpiryKind, ExpiryRule, OnDeath
from services.points.policy.terms import Said, Terms
from services.points.policy.views import policy_version, read_published
from shared.contracts.points import PolicyPublished
from shared.contracts.registry import NodeLevel

TITLE = {"zh": "试行办法", "en": "Trial"}
COMMUNITY = "620201001004"
DAY = date(2026, 6, 1)
SHIPPED = {policy.name: policy.document for policy in shipped_policies()}


def terms(*said: tuple[str, dict[str, Any]], national: dict[str, Any] | None = None) -> Terms:
    versions = [read_published(1, None, BEGINNING, national or national_default())]
    for version, (node, document) in enumerate(said, start=2):
        versions.append(read_published(version, node, date(2026, 1, 1), {"title": TITLE, **document}))
    return PolicyBook(versions).terms(COMMUNITY, DAY)


def test_an_age_that_was_published_before_groups_were_told_is_still_read() -> None:
    said = {"time_bank": {"spend_from_age": 63}}
    assert terms((COMMUNITY, said)).time_bank.spend_from_age.value == 63


# ── documents ────────────────────────────────────────────────────────────────────────────────────────────────────

FIVE = [6000, 18000, 36000, 60000, 90000]


@pytest.mark.parametrize(
    ("section", "key", "value", "place", "reason"),
    [
        ("stars", "minutes", [6000, 18000, 18000, 60000, 90000], "/stars/minutes/2", "not_ascending"),
        ("stars", "minutes", [6000, 18000, 36000, 60000, 5], "/stars/minutes/4", "not_ascending"),
        ("stars", "minutes", FIVE[:4], "/stars/minutes", "not_five"),
        ("stars", "minutes", [*FIVE, 100_000], "/stars/minutes", "not_five"),
        ("stars", "minutes", 6000, "/stars/minutes", "not_a_list"),
        ("stars", "minutes", "12345", "/stars/minutes", "not_a_list"),
        ("stars", "minutes", [0, *FIVE[1:]], "/stars/minutes/0", "too_small"),
        ("stars", "minutes", [-1, *FIVE[1:]], "/stars/minutes/0", "negative"),
        ("stars", "minutes", [6000, 18000.5, 36000, 60000, 90000], "/stars/minutes/1", "not_a_whole_number"),
        ("stars", "minutes", [*FIVE[:4], 10**9], "/stars/minutes/4", "too_large"),
        ("stars", "granted_by", ["district"] * 4, "/stars/granted_by", "not_five"),
        ("stars", "granted_by", "district", "/stars/granted_by", "not_a_list"),
        ("stars", "granted_by", ["district", "town", "city", "city", "province"], "/stars/granted_by/1", "unknown"),
        ("stars", "granted_by", ["district", "community", "city", "city", {}], "/stars/granted_by/1", "unknown"),
        ("stars", "granted_by", ["district", "city", "district", "city", "city"], "/stars/granted_by/2",
         "lower_than_before"),
        ("stars", "granted_by", ["province"] * 4 + ["district"], "/stars/granted_by/4", "lower_than_before"),
        ("stars", "membership_months_min", -1, "/stars/membership_months_min", "negative"),
        ("stars", "membership_months_min", 121, "/stars/membership_months_min", "too_large"),
        ("stars", "review_months", 0, "/stars/review_months", "too_small"),
        ("stars", "review_months", 61, "/stars/review_months", "too_large"),
        ("stars", "planets", 9, "/stars/planets", "unknown"),
        ("expiry", "MINUTE", {"rule": "never"}, "/expiry/MINUTE", "does_not_expire"),
        ("expiry", "SERVICE_MINUTE", {"rule": "never"}, "/expiry/SERVICE_MINUTE", "does_not_expire"),
        ("expiry", "GOLD", {"rule": "never"}, "/expiry/GOLD", "unknown"),
        ("expiry", "POINT", "never", "/expiry/POINT", "not_an_object"),
        ("expiry", "POINT", {}, "/expiry/POINT/rule", "missing"),
        ("expiry", "POINT", {"rule": "whenever"}, "/expiry/POINT/rule", "unknown"),
        ("expiry", "POINT", {"rule": ["never"]}, "/expiry/POINT/rule", "unknown"),
        ("expiry", "POINT", {"rule": "months"}, "/expiry/POINT/months", "missing"),
        ("expiry", "POINT", {"rule": "months", "months": 0}, "/expiry/POINT/months", "too_small"),
        ("expiry", "POINT", {"rule": "months", "months": 241}, "/expiry/POINT/months", "too_large"),
        ("expiry", "POINT", {"rule": "never", "months": 36}, "/expiry/POINT/months", "unknown"),
        ("expiry", "announce_days", 0, "/expiry/announce_days", "too_small"),
        ("expiry", "announce_days", 366, "/expiry/announce_days", "too_large"),
        ("redemption", "collect_within_hours", 0, "/redemption/collect_within_hours", "too_small"),
        ("redemption", "collect_within_hours", 1441, "/redemption/collect_within_hours", "too_large"),
        ("redemption", "collect_within_hours", "72", "/redemption/collect_within_hours", "not_a_whole_number"),
        ("time_bank", "spend_from_age", 63, "/time_bank/spend_from_age", "not_a_multiple_of_five"),
        ("time_bank", "spend_from_age", 125, "/time_bank/spend_from_age", "too_large"),
        ("time_bank", "cap_minutes", 0, "/time_bank/cap_minutes", "too_small"),
        ("time_bank", "cap_minutes", 10**8, "/time_bank/cap_minutes", "too_large"),
        ("time_bank", "spend_from_age", 121, "/time_bank/spend_from_age", "too_large"),
        ("time_bank", "on_death", "state", "/time_bank/on_death", "unknown"),
        ("time_bank", "on_death", None, "/time_bank/on_death", "unknown"),
        ("time_bank", "donate_only_kinds", "activity.care", "/time_bank/donate_only_kinds", "not_a_list"),
        ("time_bank", "donate_only_kinds", ["activity.chess"], "/time_bank/donate_only_kinds/0", "unknown"),
        ("time_bank", "donate_only_kinds", [{}], "/time_bank/donate_only_kinds/0", "unknown"),
        ("time_bank", "donate_only_kinds", ["activity.care"] * 2, "/time_bank/donate_only_kinds/1", "repeated"),
        ("market", "pieces_per_household_per_month", -1, "/market/pieces_per_household_per_month", "negative"),
        ("market", "pieces_per_household_per_month", 1001, "/market/pieces_per_household_per_month", "too_large"),
        ("certificates", "publicity_days", -1, "/certificates/publicity_days", "negative"),
        ("certificates", "publicity_days", 61, "/certificates/publicity_days", "too_large"),
        ("certificates", "a/b", 1, "/certificates/a~1b", "unknown"),
        ("evidence", "estimated", ["SERVICE_MINUTE"], "/evidence/estimated", "never_counts"),
    ],
)  # fmt: skip
def test_a_bad_rule_is_refused_with_the_place_named(
    section: str, key: str, value: Any, place: str, reason: str
) -> None:
    for complete, document in ((True, copy.deepcopy(national_default())), (False, {"title": TITLE, section: {}})):
        document[section][key] = value
        with pytest.raises(BadPolicy) as refused:
            read_document(document, complete=complete)
        assert (refused.value.params["place"], refused.value.params["reason"]) == (place, reason)
        assert (place, f"fault.{reason}") in [named[:2] for named in refused.value.places]


def test_one_document_does_not_deposit_minutes_to_be_given_away_that_it_does_not_deposit() -> None:
    bank = {"deposit_kinds": ["activity.care"], "donate_only_kinds": ["activity.care", "activity.culture"]}
    with pytest.raises(BadPolicy) as refused:
        read_document({"title": TITLE, "time_bank": bank}, complete=False)
    assert refused.value.places == [("/time_bank/donate_only_kinds/1", "fault.not_deposited", {})]


@pytest.mark.parametrize("section", ["points", "evidence", "caps_per_day", "caps_per_activity", *RULES])
def test_a_section_that_is_there_says_something(section: str) -> None:
    with pytest.raises(BadPolicy) as refused:
        read_document({"title": TITLE, section: {}}, complete=False)
    assert refused.value.places == [(f"/{section}", "fault.empty", {})]


@pytest.mark.parametrize("section", RULES)
def test_a_section_is_an_object_and_a_document_for_everywhere_has_every_key(section: str) -> None:
    with pytest.raises(BadPolicy) as refused:
        read_document({"title": TITLE, section: [1]}, complete=False)
    assert (refused.value.params["place"], refused.value.params["reason"]) == (f"/{section}", "not_an_object")
    for path in ((section,), *((section, key) for key, rule in RULES[section].items() if rule.required)):
        document: Any = copy.deepcopy(national_default())
        inner = document
        for step in path[:-1]:
            inner = inner[step]
        del inner[path[-1]]
        with pytest.raises(BadPolicy) as refused:
            read_document(document, complete=True)
        assert (refused.value.params["place"], refused.value.params["reason"]) == ("/" + "/".join(path), "missing")
        read_document({key: value for key, value in document.items() if value}, complete=False)


def test_the_shipped_time_bank_by_service_leaves_out_training_and_meetings_alone() -> None:
    weighed = set(national_default()["points"]["weights_percent"])
    assert weighed - set(SHIPPED["time_bank_by_service"]["time_bank"]["deposit_kinds"]) == {
        "activity.training", "activity.meeting",
    }  # fmt: skip
    assert "deposit_kinds" not in national_default()["time_bank"]


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_document_reads_without_a_fault(name: str) -> None:
    read_document(SHIPPED[name], complete=name == NATIONAL)


def test_the_shipped_stars_are_those_of_their_places() -> None:
    assert set(SHIPPED) == {"national", "beijing_stars", "small_community_stars", "time_bank_by_service"}
    country = terms().stars
    assert [minutes // 60 for minutes in country.minutes.value] == [100, 300, 600, 1000, 1500]
    assert country.granted_by.value == (
        NodeLevel.DISTRICT, NodeLevel.DISTRICT, NodeLevel.CITY, NodeLevel.CITY, NodeLevel.PROVINCE
    )  # fmt: skip
    beijing = terms(("62", SHIPPED["beijing_stars"])).stars
    assert [minutes // 60 for minutes in beijing.minutes.value] == [100, 200, 500, 800, 1000]
    small = terms((COMMUNITY, SHIPPED["small_community_stars"])).stars
    assert [minutes // 60 for minutes in small.minutes.value] == [10, 20, 30, 40, 50]
    assert small.membership_months_min == Said(3, 2)


# ── what is in force ─────────────────────────────────────────────────────────────────────────────────────────────


def test_each_key_is_inherited_by_itself_and_names_who_said_it() -> None:
    here = terms(
        ("6202", {"stars": {"review_months": 6}, "time_bank": {"on_death": "pool", "cap_minutes": 60_000}}),
        (COMMUNITY, {"stars": {"minutes": [600, 1200, 1800, 2400, 3000]}, "time_bank": {"cap_minutes": 30_000}}),
    )
    assert here.stars.minutes == Said((600, 1200, 1800, 2400, 3000), 3)
    assert here.stars.review_months == Said(6, 2)
    assert here.stars.granted_by.version == 1
    assert here.time_bank.on_death == Said(OnDeath.POOL, 2)
    assert here.time_bank.cap_minutes == Said(30_000, 3)
    assert here.time_bank.spend_from_age == Said(60, 1)


def test_a_nearer_expiry_replaces_the_whole_rule_but_not_when_it_is_announced() -> None:
    here = terms(
        ("6202", {"expiry": {"POINT": {"rule": "months", "months": 36}, "announce_days": 60}}),
        ("620201", {"expiry": {"POINT": {"rule": "never"}}}),
    )
    assert here.expiry.rule == Said(ExpiryRule(ExpiryKind.NEVER), 3)
    assert here.expiry.announce_days == Said(60, 2)


def test_a_list_of_donate_only_kinds_can_be_emptied_by_a_nearer_node() -> None:
    assert terms((COMMUNITY, {"time_bank": {"donate_only_kinds": []}})).time_bank.donate_only_kinds == Said(
        frozenset(), 2
    )


# ── documents of older releases ──────────────────────────────────────────────────────────────────────────────────


def of_the_first_release() -> dict[str, Any]:
    return {key: value for key, value in national_default().items() if key not in RULES}


def test_a_document_older_than_the_rules_means_the_numbers_that_it_always_meant() -> None:
    event = PolicyPublished(policy_version=1, node=None, in_force_from=BEGINNING, document=of_the_first_release())
    old = PolicyBook([policy_version(event)]).terms(COMMUNITY, DAY)
    # Spelled out: these may never change, or a rebuild would expire other points than were expired then.
    assert old.stars.minutes == Said((6000, 18000, 36000, 60000, 90000), 1)
    assert [level.value for level in old.stars.granted_by.value] == ["district", "district", "city", "city", "province"]
    assert (old.stars.membership_months_min, old.stars.review_months) == (Said(0, 1), Said(12, 1))
    assert old.expiry.rule == Said(ExpiryRule(ExpiryKind.END_OF_NEXT_YEAR), 1)
    assert old.expiry.announce_days == Said(30, 1)
    assert old.redemption.collect_within_hours == Said(72, 1)
    assert old.time_bank.cap_minutes == Said(90_000, 1)
    assert old.time_bank.spend_from_age == Said(60, 1)
    assert old.time_bank.on_death == Said(OnDeath.KIN, 1)
    assert old.time_bank.donate_only_kinds == Said(
        frozenset({"activity.environment", "activity.culture", "activity.campaign"}), 1
    )
    assert old.market.pieces_per_household_per_month == Said(0, 1)
    assert old.certificates.publicity_days == Said(7, 1)


def test_a_document_that_says_a_rule_itself_is_not_overruled_by_the_default() -> None:
    national = {**of_the_first_release(), "redemption": {"collect_within_hours": 5}}
    assert terms(national=national).redemption.collect_within_hours == Said(5, 1)


def test_a_published_document_that_let_estimates_count_is_still_read() -> None:
    document = of_the_first_release()
    document["evidence"]["estimated"] = ["SERVICE_MINUTE"]
    assert terms(national=document).evidence["estimated"] == (frozenset({"SERVICE_MINUTE"}), 1)
    here = terms((COMMUNITY, {"evidence": {"estimated": ["SERVICE_MINUTE"]}}))
    assert here.evidence["estimated"] == (frozenset({"SERVICE_MINUTE"}), 2)


@pytest.mark.parametrize(
    ("said", "part"),
    [
        ({"stars": {"granted_by": ["province", "city", "district", "district", "district"]}}, "granted_by"),
        ({"time_bank": {"deposit_kinds": [], "donate_only_kinds": ["activity.care"]}}, "donate_only_kinds"),
        ({"stars": {}, "points": {"weights_percent": {}}}, "minutes"),
    ],
)
def test_a_document_that_was_published_before_it_would_be_refused_is_still_read(said: Any, part: str) -> None:
    with pytest.raises(BadPolicy):
        read_document({"title": TITLE, **said}, complete=False)
    here = terms((COMMUNITY, said))
    assert part in ("minutes", *next(iter(said.values())))
    assert here.stars.review_months == Said(12, 1)


# ── the last day of a point ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("rule", "earned_on", "last"),
    [
        (ExpiryRule(ExpiryKind.NEVER), date(2026, 3, 10), None),
        (ExpiryRule(ExpiryKind.END_OF_NEXT_YEAR), date(2026, 1, 1), date(2027, 12, 31)),
        (ExpiryRule(ExpiryKind.END_OF_NEXT_YEAR), date(2026, 12, 31), date(2027, 12, 31)),
        (ExpiryRule(ExpiryKind.MONTHS, 36), date(2026, 3, 10), date(2029, 3, 10)),
        (ExpiryRule(ExpiryKind.MONTHS, 1), date(2026, 1, 31), date(2026, 2, 28)),
        (ExpiryRule(ExpiryKind.MONTHS, 1), date(2026, 12, 31), date(2027, 1, 31)),
        (ExpiryRule(ExpiryKind.MONTHS, 12), date(2024, 2, 29), date(2025, 2, 28)),
    ],
)
def test_points_can_be_spent_until_the_last_day_of_their_term(rule: ExpiryRule, earned_on: date, last: date) -> None:
    assert rule.last_day(earned_on) == last


@for_all(
    months=st.integers(1, 240),
    one=st.dates(date(2000, 1, 1), date(2100, 1, 1)),
    other=st.dates(date(2000, 1, 1), date(2100, 1, 1)),
)
def test_points_earned_first_never_expire_later(months: int, one: date, other: date) -> None:
    for rule in (ExpiryRule(ExpiryKind.MONTHS, months), ExpiryRule(ExpiryKind.END_OF_NEXT_YEAR)):
        first, second = rule.last_day(min(one, other)), rule.last_day(max(one, other))
        assert first is not None
        assert second is not None
        assert min(one, other) < first <= second
