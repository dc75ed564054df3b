"""Terms: everything that holds in one community on one day, each number with the policy that says it. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, Generic, TypeVar

from services.points.policy.document import PolicyDocument
from services.points.policy.rules import RULES, ExpiryRule, OnDeath
from services.points.units import CAPPED_TOGETHER, EARNED_UNITS, SLOTS, Unit, policy_unit
from shared.contracts.registry import NodeLevel

_PRICED = tuple(together[0] for together in CAPPED_TOGETHER)
"""Units that a policy speaks of."""

Value = TypeVar("Value", covariant=True)


class NoPolicyInForce(LookupError):
    """A service lies before the beginning, or its kind is one that no policy in force weighs."""

    code = "no_policy_in_force"


@dataclass(frozen=True, slots=True)
class PolicyVersion:
    """One published policy."""

    version: int
    node: str | None
    in_force_from: date
    document: PolicyDocument
    withdrawn: bool = False
    """Before its first day: it was never in force. A restatement that named it before stays."""


@dataclass(frozen=True, slots=True)
class Said(Generic[Value]):
    """A number or a choice, and the version of the policy that says it."""

    value: Value
    version: int


@dataclass(frozen=True, slots=True)
class Price:
    """What one kind of service brings: the rate, and the units that each evidence tier earns."""

    weight_percent: int
    minutes_per_point: int
    rate_version: int
    earns: Mapping[str, frozenset[str]]
    evidence_versions: Mapping[str, int]
    donate_only: Said[bool]
    """Whether its minutes go to the time bank to be given away only."""
    deposits: bool
    """Whether its minutes go to the time bank at all."""
    caps: Mapping[Unit, Said[int]]
    """The most that one record brings, by unit as policies name it."""
    _earned: dict[tuple[int, str], tuple[tuple[int, Unit, int, int], ...]] = field(
        default_factory=dict, compare=False, repr=False
    )

    _amounts: dict[tuple[int, str], tuple[int, int, int, int]] = field(default_factory=dict, compare=False, repr=False)

    def earned(self, minutes: int, evidence: str) -> tuple[tuple[int, Unit, int, int], ...]:
        """What one record earns before caps: slot and unit, amount, the policy version that says so; nothing of zero.

        The slot is the unit's place in `EARNED_UNITS`.
        """
        key = (minutes, evidence)
        known = self._earned.get(key)
        if known is None:
            known = self._earned[key] = tuple(
                (SLOTS[unit], unit, amount, self.version_of(unit, minutes, evidence))
                for unit, amount in zip(EARNED_UNITS, self.amounts(minutes, evidence), strict=True)
                if amount
            )
        return known

    def amounts(self, minutes: int, evidence: str) -> tuple[int, int, int, int]:
        """Amounts of `EARNED_UNITS` for one record, before caps of the day.

        Parts of a point are dropped, once per record.
        """
        key = (minutes, evidence)
        known = self._amounts.get(key)
        if known is None:
            points, banked, served = (self._capped(unit, minutes, evidence) for unit in _PRICED)
            banked = banked if self.deposits else 0
            known = (points, 0, served, banked) if self.donate_only.value else (points, banked, served, 0)
            self._amounts[key] = known
        return known

    def drops_part_of_a_point(self, minutes: int) -> bool:
        """Whether one record of so many minutes is worth a whole number of points and something more."""
        return minutes * self.weight_percent % (100 * self.minutes_per_point) != 0

    def cap_reached(self, unit: Unit, minutes: int, evidence: str) -> Said[int] | None:
        """The cap per activity that takes something from one record; None where it takes nothing."""
        cap = self.caps.get(policy_unit(unit))
        return cap if cap is not None and self._worth(policy_unit(unit), minutes, evidence) > cap.value else None

    def version_of(self, unit: Unit, minutes: int, evidence: str) -> int:
        """The policy version that a transfer of this unit names: of all that is said of it, what was said last."""
        version = self.rate_version if unit is Unit.POINT else self.evidence_versions[evidence]
        if unit is Unit.DONATION_MINUTE:
            version = max(version, self.donate_only.version)
        cap = self.cap_reached(unit, minutes, evidence)
        return version if cap is None else max(version, cap.version)

    def _capped(self, unit: Unit, minutes: int, evidence: str) -> int:
        worth, cap = self._worth(unit, minutes, evidence), self.caps.get(unit)
        return worth if cap is None else min(worth, cap.value)

    def _worth(self, unit: Unit, minutes: int, evidence: str) -> int:
        """What one record is worth in a unit, as policies name it, before any cap."""
        if unit.name not in self.earns[evidence]:
            return 0
        if unit is Unit.POINT:
            return minutes * self.weight_percent // (100 * self.minutes_per_point)
        return minutes


@dataclass(frozen=True, slots=True)
class StarTerms:
    """What a star grade asks for, and who grants it (注册管理办法 18)."""

    minutes: Said[tuple[int, ...]]
    """Confirmed service for one to five stars, in minutes."""
    granted_by: Said[tuple[NodeLevel, ...]]
    """Level of the authority for one to five stars."""
    membership_months_min: Said[int]
    review_months: Said[int]
    """How long after a grant, or the last review, it is looked at again."""


@dataclass(frozen=True, slots=True)
class ExpiryTerms:
    """How long points can be spent. The rule of the day on which they were earned holds for them."""

    rule: Said[ExpiryRule]
    announce_days: Said[int]
    """How long before, the holder is told."""


@dataclass(frozen=True, slots=True)
class RedemptionTerms:
    """How goods are redeemed."""

    collect_within_hours: Said[int]
    """How long reserved goods wait to be collected before the reservation expires."""


@dataclass(frozen=True, slots=True)
class TimeBankTerms:
    """Rules of the time bank (时间银行)."""

    cap_minutes: Said[int]
    """The most that a person holds; what is above it goes to the public pool."""
    spend_from_age: Said[int]
    on_death: Said[OnDeath]
    donate_only_kinds: Said[frozenset[str]]
    """Kinds of service whose minutes can only be given away."""
    deposit_kinds: Said[frozenset[str]] | None = None
    """Kinds of service whose minutes go to the time bank; None where no policy says so: all of them."""


@dataclass(frozen=True, slots=True)
class MarketTerms:
    """Rules of the love market (爱心超市)."""

    pieces_per_household_per_month: Said[int]
    """0 for no limit."""


@dataclass(frozen=True, slots=True)
class CertificateTerms:
    """How certificates of service are issued (民发〔2015〕149号)."""

    publicity_days: Said[int]
    """How long a certificate is made public before it holds."""


@dataclass(frozen=True, slots=True)
class AssessmentTerms:
    """What a star asks of the assessments of single services."""

    assessed_percent_min: Said[int]
    good_percent_min: Said[int]


@dataclass(frozen=True, slots=True)
class AnomalyTerms:
    """From where on something looks as if hours had been invented (`anomalies.signs`)."""

    burst_minutes: Said[int]
    burst_records: Said[int]
    burst_activities: Said[int]
    back_office_minutes: Said[int]
    back_office_records: Said[int]
    day_minutes_approval: Said[int]
    """More on one day needs the community's approval."""
    day_minutes_max: Said[int]
    """More on one day needs the district's."""
    round_the_clock_minutes: Said[int]
    overlap_minutes: Said[int]
    ring_records: Said[int]
    ring_share_percent: Said[int]
    hold_signs: Said[frozenset[str]]
    """Signs that hold the points of their records as soon as they are found."""
    ring_people_max: Said[int] | None = None
    """The most people that are a ring together; None where no policy says so: four."""


@dataclass(frozen=True, slots=True)
class Terms:
    """Everything that holds in one community on one day, each number with the version that says it."""

    minutes_per_point: Said[int]
    weights_percent: Mapping[str, Said[int]]
    evidence: Mapping[str, tuple[frozenset[str], int]]
    caps_per_day: Mapping[Unit, Said[int]]
    caps_per_activity: Mapping[Unit, Said[int]]
    stars: StarTerms
    expiry: ExpiryTerms
    redemption: RedemptionTerms
    time_bank: TimeBankTerms
    market: MarketTerms
    certificates: CertificateTerms
    assessments: AssessmentTerms
    anomalies: AnomalyTerms
    _prices: dict[str, Price] = field(default_factory=dict, compare=False, repr=False)

    def price(self, kind: str) -> Price:
        """The price of a kind of service. Raises `NoPolicyInForce` for a kind that nobody weighs."""
        known = self._prices.get(kind)
        if known is None:
            weight = self.weights_percent.get(kind)
            if weight is None:
                raise NoPolicyInForce(kind)
            donate_only, deposits = self.time_bank.donate_only_kinds, self.time_bank.deposit_kinds
            known = self._prices[kind] = Price(
                weight_percent=weight.value,
                minutes_per_point=self.minutes_per_point.value,
                # Of the two numbers a rate is made of, the one said later is what makes this rate differ.
                rate_version=max(weight.version, self.minutes_per_point.version),
                earns={tier: units for tier, (units, _) in self.evidence.items()},
                evidence_versions={tier: version for tier, (_, version) in self.evidence.items()},
                caps=self.caps_per_activity,
                donate_only=Said(kind in donate_only.value, donate_only.version),
                deposits=deposits is None or kind in deposits.value,
            )
        return known

    def with_rules_of(self, other: "Terms") -> "Terms":
        """These prices, and the rules beside prices of other terms."""
        return replace(self, _prices={}, **{section: getattr(other, section) for section in RULES})

    def cap_per_day(self, unit: Unit) -> Said[int] | None:
        """The most that a person earns of a unit on a day, together with what is capped with it; None for no cap."""
        return self.caps_per_day.get(policy_unit(unit))


def merged(chain: Sequence[PolicyVersion]) -> Terms:
    """The terms that policies make together, the nearest to the community last."""
    minutes_per_point: Said[int] | None = None
    weights: dict[str, Said[int]] = {}
    evidence: dict[str, tuple[frozenset[str], int]] = {}
    caps_per_day: dict[Unit, Said[int]] = {}
    caps_per_activity: dict[Unit, Said[int]] = {}
    rules: dict[str, dict[str, Said[Any]]] = {section: {} for section in RULES}
    for policy in chain:
        document, version = policy.document, policy.version
        if document.minutes_per_point is not None:
            minutes_per_point = Said(document.minutes_per_point, version)
        weights |= {kind: Said(percent, version) for kind, percent in document.weights_percent.items()}
        evidence |= {tier: (units, version) for tier, units in document.evidence.items()}
        for said, caps in (
            (document.caps_per_day, caps_per_day),
            (document.caps_per_activity, caps_per_activity),
        ):
            caps |= {Unit[unit]: Said(cap, version) for unit, cap in said.items()}
        for section, parts in document.rules.items():
            rules[section] |= {part: Said(value, version) for part, value in parts.items()}
    assert minutes_per_point is not None, "a policy without a node is complete"
    return Terms(
        minutes_per_point,
        weights,
        evidence,
        caps_per_day,
        caps_per_activity,
        stars=StarTerms(**rules["stars"]),
        expiry=ExpiryTerms(**rules["expiry"]),
        redemption=RedemptionTerms(**rules["redemption"]),
        time_bank=TimeBankTerms(**rules["time_bank"]),
        market=MarketTerms(**rules["market"]),
        certificates=CertificateTerms(**rules["certificates"]),
        assessments=AssessmentTerms(**rules["assessments"]),
        anomalies=AnomalyTerms(**rules["anomalies"]),
    )
