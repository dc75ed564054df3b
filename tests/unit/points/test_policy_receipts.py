"""A receipt is of one dry run, of one thing, and of this installation."""

import json
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from services.points.dry_run.untried import UNTRIED, untried
from services.points.policy.book import BEGINNING, PolicyBook
from services.points.policy.model import Tried
from services.points.policy.ready import national_default
from services.points.policy.receipts import (
    DryRunOvertaken,
    DryRunTooOld,
    PolicyNotTried,
    Proposal,
    RestatementNotTried,
)
from services.points.policy.rules import RULES
from services.points.policy.views import read_published
from shared.privacy import Vault
from tests.conftest import ROOT

NOW = datetime(2026, 3, 10, 4, tzinfo=UTC)
DAY = date(2026, 4, 1)
BOOK = PolicyBook([read_published(1, None, BEGINNING, national_default())])
VAULT = Vault(b"1" * 32, bytes(32))
DOCUMENT = {"title": {"zh": "试行", "en": "Trial"}, "caps_per_day": {"POINT": 80, "MINUTE": 60}}


def test_a_receipt_holds_for_what_was_tried_on_every_process_until_its_time_is_over() -> None:
    proposal = Proposal.policy("620201", DAY, DOCUMENT)
    receipt = proposal.receipt(VAULT, BOOK, Tried(NOW, 3))
    other_way_round = Proposal.policy("620201", DAY, dict(reversed(json.loads(json.dumps(DOCUMENT)).items())))
    for asked, at in ((proposal, NOW), (other_way_round, NOW + timedelta(days=14))):
        assert asked.require_tried(Vault(b"1" * 32, bytes(32)), BOOK, receipt, at, 14) == Tried(NOW, 3)
    with pytest.raises(DryRunTooOld):
        proposal.require_tried(VAULT, BOOK, receipt, NOW + timedelta(days=14, seconds=1), 14)
    with pytest.raises(PolicyNotTried):
        proposal.require_tried(Vault(b"2" * 32, bytes(32)), BOOK, receipt, NOW, 14)
    with pytest.raises(DryRunOvertaken):
        proposal.require_tried(VAULT, BOOK.with_published("62", DAY, BOOK.own(None, DAY).document), receipt, NOW, 14)  # type: ignore[union-attr]


def test_a_receipt_of_a_restatement_is_of_its_days_and_of_nothing_else() -> None:
    days = Proposal.restatement("620201", 2, date(2026, 1, 1), date(2026, 1, 31))
    receipt = days.receipt(VAULT, BOOK, Tried(NOW))
    assert days.require_tried(VAULT, BOOK, receipt, NOW, 14) == Tried(NOW)
    for other in (
        Proposal.restatement("620201", 2, date(2026, 1, 1), date(2026, 1, 30)),
        Proposal.restatement("620201", 3, date(2026, 1, 1), date(2026, 1, 31)),
        Proposal.restatement("620202", 2, date(2026, 1, 1), date(2026, 1, 31)),
    ):
        with pytest.raises(RestatementNotTried):
            other.require_tried(VAULT, BOOK, receipt, NOW, 14)


@for_all(st.text(max_size=150) | st.from_regex(r"[0-9]{1,12}-[0-9]{1,3}-[0-9]{1,9}-[0-9a-f]{64}", fullmatch=True))
def test_what_was_not_given_out_is_no_receipt(invented: str) -> None:
    with pytest.raises(PolicyNotTried):
        Proposal.policy("620201", DAY, DOCUMENT).require_tried(VAULT, BOOK, invented, NOW, 14)


TRIED = {
    "/stars/minutes", "/stars/membership_months_min", "/redemption/collect_within_hours", "/time_bank/cap_minutes",
    "/time_bank/spend_from_age", "/time_bank/donate_only_kinds", "/time_bank/deposit_kinds",
    "/market/pieces_per_household_per_month", "/assessments/assessed_percent_min", "/assessments/good_percent_min",
}  # fmt: skip


def test_every_rule_is_tried_or_said_not_to_be() -> None:
    document = {section: dict.fromkeys(rules, 1) for section, rules in RULES.items()}
    left = [place for place, _ in untried(document)]
    assert left == list(UNTRIED)
    everything = {f"/{section}/{key}" for section, rules in RULES.items() for key in rules}
    assert everything - TRIED == {place for place in everything if place.startswith(tuple(left))}
    assert list(untried({"title": {}, "caps_per_day": {"POINT": 1}, "stars": {"minutes": []}})) == []
    for language in ("zh", "en"):
        texts = json.loads((ROOT / "services/points/locales" / f"{language}.json").read_text("utf-8"))
        assert all(f"untried.{code}" in texts for code in UNTRIED.values())
