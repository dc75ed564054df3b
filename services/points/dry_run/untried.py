"""What a document says that a dry run does not try: nothing that people have, or had in the months, tells of it."""

from collections.abc import Iterator, Mapping
from typing import Any

UNTRIED: Mapping[str, str] = {
    "/stars/granted_by": "granted_by",
    "/stars/review_months": "review_months",
    "/expiry/POINT": "expiry",
    "/expiry/announce_days": "announce_days",
    "/time_bank/on_death": "on_death",
    "/certificates/publicity_days": "publicity_days",
    "/anomalies": "anomalies",
}
"""Places of a document, and the code of the words that say why, kept under `untried.<code>` in `locales/`."""


def untried(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Those that a good document has, with the code of the words."""
    for place, code in UNTRIED.items():
        section, _, key = place.removeprefix("/").partition("/")
        if section in document and (not key or key in document[section]):
            yield place, f"untried.{code}"
