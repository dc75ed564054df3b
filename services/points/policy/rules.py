"""The rules of a policy beside its prices: what each section may say, how that is looked over, and what it reads as.

A section is a table of keys. Each key is inherited as a whole from the nodes above, so a rule that makes sense only
together (the hours of all five stars, the kind of expiry and its months) is one key. Pure.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any, NamedTuple

from services.points.durations import months_later
from services.points.policy.faults import (
    Fault,
    is_list,
    one_of,
    one_per_grade,
    pointer,
    some_of,
    unknown_keys,
    whole_number,
)
from services.points.policy.kinds import EARNING_UNITS, SERVICE_KINDS
from shared.contracts.anomalies import Sign
from shared.contracts.registry import NodeLevel

GRANTING_LEVELS = (NodeLevel.DISTRICT, NodeLevel.CITY, NodeLevel.PROVINCE)
"""Levels whose authorities grant stars, the lowest first."""

AGE_GROUP_YEARS = 5
"""The registry tells age groups of five years, never birth dates: another bound could not be looked at."""

_AGE_MAX = 120
_STAR_MINUTES_MAX = 1_000_000
_MONTHS_MAX = 240
_BANK_CAP_MINUTES_MAX = 10_000_000
_RING_PEOPLE_MAX = 16
"""Far fewer than those among whom a look seeks a ring (`anomalies.looking`)."""


class ExpiryKind(StrEnum):
    """When points that nobody spent lapse."""

    END_OF_NEXT_YEAR = "end_of_next_year"
    MONTHS = "months"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class ExpiryRule:
    """How long a lot of points can be spent."""

    kind: ExpiryKind
    months: int | None = None
    """Only with `MONTHS`."""

    def last_day(self, earned_on: date) -> date | None:
        """The last day on which points earned on a day can be spent; None when they never expire."""
        if self.kind is ExpiryKind.NEVER:
            return None
        if self.kind is ExpiryKind.END_OF_NEXT_YEAR:
            return date(earned_on.year + 1, 12, 31)
        assert self.months is not None, "a rule in months says how many"
        return months_later(earned_on, self.months)


class OnDeath(StrEnum):
    """What becomes of a time-bank balance when its holder dies."""

    KIN = "kin"
    POOL = "pool"
    LAPSE = "lapse"


class Rule(NamedTuple):
    """One key of a section."""

    part: str
    """Its name in the terms that are in force (`book.Terms`)."""
    faults: Callable[[Any, str], Iterator[Fault]]
    """What is wrong with a value at a place."""
    read: Callable[[Any], Any]
    """What a good value reads as."""
    required: bool = True
    """In a document for everywhere. What came later may be missing, and then holds nowhere."""


def _number(part: str, low: int, high: int) -> Rule:
    return Rule(part, lambda value, place: whole_number(value, low, high, place), int)


def _kinds(part: str, *, required: bool = True) -> Rule:
    return Rule(part, lambda value, place: some_of(value, SERVICE_KINDS, place), frozenset, required)


def _age_faults(value: Any, place: str) -> Iterator[Fault]:
    faults = list(whole_number(value, 0, _AGE_MAX, place))
    yield from faults
    if not faults and value % AGE_GROUP_YEARS:
        yield Fault(place, "not_a_multiple_of_five")


def _star_minutes_faults(value: Any, place: str) -> Iterator[Fault]:
    yield from one_per_grade(value, place)
    before = 0
    for index, minutes in enumerate(value if is_list(value) else ()):
        faults = list(whole_number(minutes, 1, _STAR_MINUTES_MAX, f"{place}/{index}"))
        yield from faults
        if faults:
            continue
        if minutes <= before:
            yield Fault(f"{place}/{index}", "not_ascending")
        before = minutes


def _granted_by_faults(value: Any, place: str) -> Iterator[Fault]:
    yield from one_per_grade(value, place)
    before = 0
    for index, level in enumerate(value if is_list(value) else ()):
        faults = list(one_of(level, GRANTING_LEVELS, f"{place}/{index}"))
        yield from faults
        if faults:
            continue
        height = GRANTING_LEVELS.index(level)
        if height < before:
            yield Fault(f"{place}/{index}", "lower_than_before")
        before = max(before, height)


def _expiry_faults(value: Any, place: str) -> Iterator[Fault]:
    if not isinstance(value, Mapping):
        yield Fault(place, "not_an_object")
        return
    if "rule" not in value:
        yield Fault(f"{place}/rule", "missing")
        return
    faults = list(one_of(value["rule"], list(ExpiryKind), f"{place}/rule"))
    yield from faults
    in_months = value["rule"] == ExpiryKind.MONTHS
    if not faults:
        yield from unknown_keys(value, ("rule", "months") if in_months else ("rule",), place)
    if in_months and "months" in value:
        yield from whole_number(value["months"], 1, _MONTHS_MAX, f"{place}/months")
    elif in_months:
        yield Fault(f"{place}/months", "missing")


RULES: Mapping[str, Mapping[str, Rule]] = {
    "stars": {
        "minutes": Rule("minutes", _star_minutes_faults, tuple),
        "granted_by": Rule("granted_by", _granted_by_faults, lambda levels: tuple(map(NodeLevel, levels))),
        "membership_months_min": _number("membership_months_min", 0, 120),
        "review_months": _number("review_months", 1, 60),
    },
    "expiry": {
        "POINT": Rule("rule", _expiry_faults, lambda value: ExpiryRule(ExpiryKind(value["rule"]), value.get("months"))),
        "announce_days": _number("announce_days", 1, 365),
    },
    "redemption": {"collect_within_hours": _number("collect_within_hours", 1, 24 * 60)},
    "time_bank": {
        "cap_minutes": _number("cap_minutes", 1, _BANK_CAP_MINUTES_MAX),
        "spend_from_age": Rule("spend_from_age", _age_faults, int),
        "on_death": Rule("on_death", lambda value, place: one_of(value, list(OnDeath), place), OnDeath),
        "donate_only_kinds": _kinds("donate_only_kinds"),
        "deposit_kinds": _kinds("deposit_kinds", required=False),
    },
    # 0 is no limit.
    "market": {"pieces_per_household_per_month": _number("pieces_per_household_per_month", 0, 1000)},
    "certificates": {"publicity_days": _number("publicity_days", 0, 60)},
    # 0 asks for none.
    "assessments": {
        "assessed_percent_min": _number("assessed_percent_min", 0, 100),
        "good_percent_min": _number("good_percent_min", 0, 100),
    },
    "anomalies": {
        "burst_minutes": _number("burst_minutes", 1, 24 * 60),
        "burst_records": _number("burst_records", 1, 30_000),
        "burst_activities": _number("burst_activities", 1, 10_000),
        "back_office_minutes": _number("back_office_minutes", 1, 30 * 24 * 60),
        "back_office_records": _number("back_office_records", 1, 1000),
        "day_minutes_approval": _number("day_minutes_approval", 1, 24 * 60),
        "day_minutes_max": _number("day_minutes_max", 1, 24 * 60),
        "round_the_clock_minutes": _number("round_the_clock_minutes", 1, 24 * 60),
        "overlap_minutes": _number("overlap_minutes", 1, 24 * 60),
        "ring_records": _number("ring_records", 1, 1000),
        "ring_share_percent": _number("ring_share_percent", 1, 100),
        "ring_people_max": Rule(
            "ring_people_max", lambda value, place: whole_number(value, 2, _RING_PEOPLE_MAX, place), int, required=False
        ),
        "hold_signs": Rule("hold_signs", lambda value, place: some_of(value, list(Sign), place), frozenset),
    },
}
"""Sections by name, and the keys of each."""


def rule_faults(raw: Mapping[str, Any], complete: bool) -> Iterator[Fault]:
    """What is wrong in these sections of a document. Whether they are there, and objects, was looked at before."""
    for section, rules in RULES.items():
        said = raw.get(section)
        if not isinstance(said, Mapping):
            continue
        for key in said:
            if key not in rules:
                immortal = section == "expiry" and key in EARNING_UNITS
                yield Fault(pointer(f"/{section}", key), "does_not_expire" if immortal else "unknown")
        for key, rule in rules.items():
            if key in said:
                yield from rule.faults(said[key], f"/{section}/{key}")
            elif complete and rule.required:
                yield Fault(f"/{section}/{key}", "missing")
    if isinstance(bank := raw.get("time_bank"), Mapping):
        yield from _undeposited(bank.get("donate_only_kinds"), bank.get("deposit_kinds"))


def _undeposited(donate_only: Any, deposited: Any) -> Iterator[Fault]:
    """Kinds whose minutes one document deposits to be given away, and does not deposit.

    Of a list that is inherited it is no mistake: what is not deposited here is not there to be given away.
    """
    if is_list(donate_only) and is_list(deposited):
        for index, kind in enumerate(donate_only):
            if isinstance(kind, str) and kind in SERVICE_KINDS and kind not in deposited:
                yield Fault(f"/time_bank/donate_only_kinds/{index}", "not_deposited")


def read_rules(raw: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """What the sections of a good document say, by section and by the part of the terms that it is."""
    return {
        section: {rule.part: rule.read(raw[section][key]) for key, rule in rules.items() if key in raw[section]}
        for section, rules in RULES.items()
        if section in raw
    }
