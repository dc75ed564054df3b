"""The documents that come with the platform, as files in `shipped/`: the national default, and others to publish."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from services.points.policy.rules import RULES

_FOLDER = Path(__file__).with_name("shipped")

NATIONAL = "national"


class ShippedPolicy(NamedTuple):
    """A document that is ready to be published."""

    name: str
    document: dict[str, Any]


def shipped_policies() -> list[ShippedPolicy]:
    """All of them, by name."""
    return [
        ShippedPolicy(path.stem, json.loads(path.read_text(encoding="utf-8")))
        for path in sorted(_FOLDER.glob("*.json"))
    ]


def national_default() -> dict[str, Any]:
    """The shipped national default."""
    document: dict[str, Any] = json.loads((_FOLDER / f"{NATIONAL}.json").read_text(encoding="utf-8"))
    return document


def completed(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """A document for everywhere, with the sections that it is too old to have.

    A document of 0.1.0 has prices and caps only, and is the whole policy of the place where it was published. The
    sections that came later read as the national default says them, and this is the one place where that is so. A
    replay must find the same for ever: these sections of `shipped/national.json` are therefore never edited. A later
    default is a file of its own; a test holds the numbers.
    """
    missing = [section for section in RULES if section not in document]
    if not missing:
        return document
    default = national_default()
    return {**document, **{section: default[section] for section in missing}}
