"""Answers about what holds in a community on a day: every number with the policy that says it."""

from datetime import date

from pydantic import BaseModel, Field

from services.points.policy.rules import ExpiryKind, OnDeath
from services.points.policy.terms import AnomalyTerms, Said, Terms
from shared.contracts.anomalies import Sign
from shared.contracts.registry import NodeLevel


class SaidOut(BaseModel):
    """A number and the policy that says it."""

    value: int
    policy_version: int


class EarnsOut(BaseModel):
    """Units that a tier of evidence earns, and the policy that says so."""

    units: list[str]
    policy_version: int


class StarMinutesOut(BaseModel):
    """Minutes of confirmed service for one to five stars, and the policy that says so."""

    value: list[int]
    policy_version: int


class StarAuthoritiesOut(BaseModel):
    """Level of the authority that grants one to five stars, and the policy that says so."""

    value: list[NodeLevel]
    policy_version: int


class StarsOut(BaseModel):
    """What a star grade asks for, and who grants it."""

    minutes: StarMinutesOut
    granted_by: StarAuthoritiesOut
    membership_months_min: SaidOut
    review_months: SaidOut


class ExpiryRuleOut(BaseModel):
    """When points that nobody spent lapse, and the policy that says so."""

    rule: ExpiryKind
    months: int | None = Field(description="仅按月到期时 only with a term in months")
    policy_version: int


class ExpiryOut(BaseModel):
    """Expiry of points; no other unit expires."""

    POINT: ExpiryRuleOut
    announce_days: SaidOut


class RedemptionTermsOut(BaseModel):
    """How goods are redeemed."""

    collect_within_hours: SaidOut


class OnDeathOut(BaseModel):
    """What becomes of a balance when its holder dies, and the policy that says so."""

    value: OnDeath
    policy_version: int


class KindsOut(BaseModel):
    """Kinds of service, and the policy that names them."""

    value: list[str]
    policy_version: int


class TimeBankTermsOut(BaseModel):
    """Rules of the time bank."""

    cap_minutes: SaidOut
    spend_from_age: SaidOut
    on_death: OnDeathOut
    donate_only_kinds: KindsOut
    deposit_kinds: KindsOut | None = Field(
        description="哪些服务存入时间银行；空为全部 which are deposited; null for all"
    )


class MarketTermsOut(BaseModel):
    """Rules of the love market; no pieces are no limit."""

    pieces_per_household_per_month: SaidOut


class CertificateTermsOut(BaseModel):
    """How certificates are issued."""

    publicity_days: SaidOut


class AssessmentTermsOut(BaseModel):
    """What a star asks of the assessments of single services; 0 for none."""

    assessed_percent_min: SaidOut
    good_percent_min: SaidOut


class SignsOut(BaseModel):
    """Signs of invented hours, and the policy that names them."""

    value: list[Sign]
    policy_version: int


class AnomalyTermsOut(BaseModel):
    """From where on something looks as if hours had been invented."""

    burst_minutes: SaidOut
    burst_records: SaidOut
    burst_activities: SaidOut
    back_office_minutes: SaidOut
    back_office_records: SaidOut
    day_minutes_approval: SaidOut
    day_minutes_max: SaidOut
    round_the_clock_minutes: SaidOut
    overlap_minutes: SaidOut
    ring_records: SaidOut
    ring_share_percent: SaidOut
    ring_people_max: SaidOut | None = Field(description="空为四人 null for four")
    hold_signs: SignsOut


class TermsOut(BaseModel):
    """What holds in a community on a day."""

    community: str
    day: date
    minutes_per_point: SaidOut
    weights_percent: dict[str, SaidOut]
    evidence: dict[str, EarnsOut]
    caps_per_day: dict[str, SaidOut]
    caps_per_activity: dict[str, SaidOut] = Field(
        description="每次服务上限，没有的单位不限 the most that one record brings; no cap for a unit that is not there"
    )
    stars: StarsOut
    expiry: ExpiryOut
    redemption: RedemptionTermsOut
    time_bank: TimeBankTermsOut
    market: MarketTermsOut
    certificates: CertificateTermsOut
    assessments: AssessmentTermsOut
    anomalies: AnomalyTermsOut


def terms_out(community: str, day: date, terms: Terms) -> TermsOut:
    """The answer."""
    stars, bank, expiry = terms.stars, terms.time_bank, terms.expiry
    rule, donate_only = expiry.rule, bank.donate_only_kinds
    return TermsOut(
        community=community,
        day=day,
        minutes_per_point=_said(terms.minutes_per_point),
        weights_percent={kind: _said(said) for kind, said in terms.weights_percent.items()},
        evidence={
            tier: EarnsOut(units=sorted(units), policy_version=version)
            for tier, (units, version) in terms.evidence.items()
        },
        caps_per_day={unit.name: _said(said) for unit, said in terms.caps_per_day.items()},
        caps_per_activity={unit.name: _said(said) for unit, said in terms.caps_per_activity.items()},
        stars=StarsOut(
            minutes=StarMinutesOut(value=list(stars.minutes.value), policy_version=stars.minutes.version),
            granted_by=StarAuthoritiesOut(value=list(stars.granted_by.value), policy_version=stars.granted_by.version),
            membership_months_min=_said(stars.membership_months_min),
            review_months=_said(stars.review_months),
        ),
        expiry=ExpiryOut(
            POINT=ExpiryRuleOut(rule=rule.value.kind, months=rule.value.months, policy_version=rule.version),
            announce_days=_said(expiry.announce_days),
        ),
        redemption=RedemptionTermsOut(collect_within_hours=_said(terms.redemption.collect_within_hours)),
        time_bank=TimeBankTermsOut(
            cap_minutes=_said(bank.cap_minutes),
            spend_from_age=_said(bank.spend_from_age),
            on_death=OnDeathOut(value=bank.on_death.value, policy_version=bank.on_death.version),
            donate_only_kinds=_kinds(donate_only),
            deposit_kinds=None if bank.deposit_kinds is None else _kinds(bank.deposit_kinds),
        ),
        market=MarketTermsOut(pieces_per_household_per_month=_said(terms.market.pieces_per_household_per_month)),
        certificates=CertificateTermsOut(publicity_days=_said(terms.certificates.publicity_days)),
        assessments=AssessmentTermsOut(
            assessed_percent_min=_said(terms.assessments.assessed_percent_min),
            good_percent_min=_said(terms.assessments.good_percent_min),
        ),
        anomalies=_anomalies(terms.anomalies),
    )


def _anomalies(terms: AnomalyTerms) -> AnomalyTermsOut:
    signs = terms.hold_signs
    return AnomalyTermsOut(
        burst_minutes=_said(terms.burst_minutes),
        burst_records=_said(terms.burst_records),
        burst_activities=_said(terms.burst_activities),
        back_office_minutes=_said(terms.back_office_minutes),
        back_office_records=_said(terms.back_office_records),
        day_minutes_approval=_said(terms.day_minutes_approval),
        day_minutes_max=_said(terms.day_minutes_max),
        round_the_clock_minutes=_said(terms.round_the_clock_minutes),
        overlap_minutes=_said(terms.overlap_minutes),
        ring_records=_said(terms.ring_records),
        ring_share_percent=_said(terms.ring_share_percent),
        ring_people_max=None if terms.ring_people_max is None else _said(terms.ring_people_max),
        hold_signs=SignsOut(value=[Sign(sign) for sign in sorted(signs.value)], policy_version=signs.version),
    )


def _kinds(said: Said[frozenset[str]]) -> KindsOut:
    return KindsOut(value=sorted(said.value), policy_version=said.version)


def _said(said: Said[int]) -> SaidOut:
    return SaidOut(value=said.value, policy_version=said.version)
