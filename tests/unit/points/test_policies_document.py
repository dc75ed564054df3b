"""docs/policies.md names every key that a policy can say, with the national default."""

import re

from services.points.policy.ready import national_default
from services.points.policy.rules import RULES
from tests.conftest import ROOT

TEXT = (ROOT / "docs" / "policies.md").read_text(encoding="utf-8")
ROWS = {
    key: row
    for row in TEXT.splitlines()
    if row.startswith("| `")
    for key in re.findall(r"`([\w.]+)`", row.split("|")[1])
}


def test_every_key_has_a_row() -> None:
    for section, rules in RULES.items():
        for key in rules:
            assert f"{section}.{key}" in ROWS
    assert {"points.minutes_per_point", "evidence.scanned", "evidence.backfilled", "evidence.estimated"} <= ROWS.keys()


def test_the_defaults_are_those_of_the_shipped_document() -> None:
    document = national_default()
    for section, rules in RULES.items():
        for key in rules:
            default = ROWS[f"{section}.{key}"].split("|")[3]
            if not rules[key].required:
                assert (key in document[section], default.strip()) == (False, "无 none")
                continue
            value = document[section][key]
            if isinstance(value, int):
                assert default.strip() == str(value)
            elif key in ("minutes", "donate_only_kinds"):
                assert default.replace("`", "").split() == [str(part) for part in value]
