"""What people read, and what subscribers read: every code has its sentence, every balance fits its contract."""

import ast
import json
from datetime import UTC, datetime
from pathlib import Path

import services.points
from services.points.aid import model as aid
from services.points.anomalies import model as anomalies
from services.points.balances.publisher import balance_body, common_headers, own_headers
from services.points.deaths import model as deaths
from services.points.grounds.corrections import CORRECTED_BY
from services.points.grounds.views import Outcome
from services.points.kin import model as kin
from services.points.ledger.clauses import Clause
from services.points.long_days.effects import LongDayEffects
from services.points.policy.faults import REASONS
from services.points.redemptions import model as redemptions
from services.points.settlements import model as settlements
from services.points.time_orders import model as time_orders
from shared.contracts.envelope import Envelope, header_map
from shared.contracts.points import BalanceChanged, PolicyRestated

FOLDER = Path(services.points.__file__).parent
TEXTS = {language: json.loads((FOLDER / "locales" / f"{language}.json").read_text()) for language in ("zh", "en")}


def codes_of_refusals() -> set[str]:
    """`code` of every class in the service that is a refusal, found in the source."""
    codes = set()
    for path in FOLDER.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not (isinstance(node, ast.ClassDef) and any(getattr(b, "id", "") == "Refusal" for b in node.bases)):
                continue
            for part in node.body:
                match part:
                    case ast.AnnAssign(target=ast.Name("code"), value=ast.Constant(value=code)):
                        codes.add(str(code))
                    case ast.Assign(targets=[ast.Name("code")], value=ast.Constant(value=code)):
                        codes.add(str(code))
    return codes


def test_every_refusal_and_every_clause_has_a_sentence_in_both_languages() -> None:
    wanted = codes_of_refusals() | {f"clause.{clause.name.lower()}" for clause in Clause}
    wanted |= {f"fault.{reason}" for reason in REASONS} | {f"flag_outcome.{outcome}" for outcome in Outcome}
    wanted |= {f"ground.{event.NAME}" for event in (*CORRECTED_BY.values(), PolicyRestated, *LongDayEffects.EVENTS)}
    assert len(wanted) > 12
    for language, texts in TEXTS.items():
        assert wanted <= texts.keys(), language
    assert TEXTS["zh"].keys() == TEXTS["en"].keys()


def test_a_published_balance_fits_its_contract() -> None:
    row = {
        "holder": "issuance:620201001004",
        "unit": "POINT",
        "community": "620201001004",
        "posted": -5,
        "pending": 0,
        "version": 3,
    }
    event = BalanceChanged.model_validate_json(balance_body(row))
    assert event.model_dump() == {**row, "account": "issuance:620201001004/POINT"}
    key = b"issuance:620201001004/POINT"
    headers = [*common_headers(datetime.now(UTC)), *own_headers(key, row)]
    envelope = Envelope.parse(header_map(headers))
    assert (envelope.type, envelope.sequence) == ("liuling.points.BalanceChanged.v1", 3)
    assert (envelope.subject, envelope.community) == (key.decode(), row["community"])
    assert len(headers) == len(envelope.headers())
    assert own_headers(key, row) == own_headers(key, row)
    assert own_headers(key, {**row, "version": 4})[0] != own_headers(key, row)[0]


def test_every_stage_that_a_refusal_may_name_has_a_word_in_both_languages() -> None:
    stages = [aid, anomalies, deaths, kin, redemptions, settlements, time_orders]
    wanted = {f"stage.{stage.value}" for room in stages for stage in room.Stage}
    for language, texts in TEXTS.items():
        assert wanted <= texts.keys(), language
