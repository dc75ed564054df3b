"""What can be wrong with a policy document, and where: the codes for it, and the checks that all sections share."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from shared.contracts import Place, Refusal

REASONS = frozenset(
    {
        "unknown",
        "missing",
        "repeated",
        "negative",
        "too_small",
        "too_large",
        "not_a_whole_number",
        "not_a_multiple_of_five",
        "not_an_object",
        "not_a_list",
        "not_a_title",
        "not_five",
        "not_ascending",
        "lower_than_before",
        "never_counts",
        "not_deposited",
        "does_not_expire",
        "empty",
        "says_nothing",
        "more_than",
        "less_than",
    }
)
"""Codes of what can be wrong; the words for each are kept under `fault.<code>` in `locales/`."""

_FAULTS_SHOWN_MAX = 20


class BadPolicy(Refusal):
    """The document cannot be a policy. `places` are JSON pointers into it. Params: how many `faults` there are,
    and `place` and `reason` of the first.
    """

    code = "bad_policy"
    status = 422


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong: where, as a JSON pointer, and why, as a code."""

    place: str
    reason: str
    params: Mapping[str, Any] = field(default_factory=dict)
    """What the words for it tell beside."""


def refuse_faults(found: Iterable[Fault], refused: type[BadPolicy] = BadPolicy, **params: Any) -> None:
    """Raise `BadPolicy`, or what is it, when anything is wrong, with the place of every fault."""
    faults = list(found)
    if faults:
        assert all(fault.reason in REASONS for fault in faults)
        refusal = refused(faults=len(faults), place=faults[0].place, reason=faults[0].reason, **params)
        refusal.places = [Place(f.place, f"fault.{f.reason}", f.params) for f in faults[:_FAULTS_SHOWN_MAX]]
        raise refusal


def unknown_keys(raw: Mapping[str, Any], known: Iterable[str], place: str) -> Iterator[Fault]:
    """A fault for every key that nobody reads."""
    for key in raw:
        if key not in known:
            yield Fault(pointer(place, key), "unknown")


def pointer(place: str, key: Any) -> str:
    """The place of a key, which may be anything a caller typed. A pointer escapes "/" and "~" (RFC 6901)."""
    shown = str(key)[:80]
    harmless = shown if str(key).isprintable() else shown.encode("unicode_escape").decode()
    return f"{place}/{harmless.replace('~', '~0').replace('/', '~1')}"


def whole_number(value: Any, low: int, high: int, place: str) -> Iterator[Fault]:
    """A fault unless it is an integer within these bounds, both included."""
    if isinstance(value, bool) or not isinstance(value, int):
        yield Fault(place, "not_a_whole_number")
    elif value < low:
        yield Fault(place, "negative" if value < 0 else "too_small")
    elif value > high:
        yield Fault(place, "too_large")


def one_of(value: Any, choices: Iterable[str], place: str) -> Iterator[Fault]:
    """A fault unless it is one of these words."""
    if not isinstance(value, str) or value not in choices:
        yield Fault(place, "unknown")


def some_of(value: Any, choices: Iterable[str], place: str) -> Iterator[Fault]:
    """A fault unless it is a list of some of these words, each once."""
    if not is_list(value):
        yield Fault(place, "not_a_list")
        return
    seen: set[str] = set()
    for index, word in enumerate(value):
        if not isinstance(word, str) or word not in choices:
            yield Fault(f"{place}/{index}", "unknown")
        elif word in seen:
            yield Fault(f"{place}/{index}", "repeated")
        else:
            seen.add(word)


def one_per_grade(value: Any, place: str) -> Iterator[Fault]:
    """A fault unless it is a list with one entry for each of the five star grades."""
    if not is_list(value):
        yield Fault(place, "not_a_list")
    elif len(value) != 5:
        yield Fault(place, "not_five")


def is_list(value: Any) -> bool:
    """Whether it is a list; a word is none, though it is a sequence too."""
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)
