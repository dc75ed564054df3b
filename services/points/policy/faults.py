"""What can be wrong with a policy document, and where: the words for it, and the checks that all sections share."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shared.contracts import Refusal

REASONS = {
    "unknown": "没有这一项 unknown",
    "missing": "缺少 missing",
    "repeated": "重复 repeated",
    "negative": "不能为负 negative",
    "too_small": "太小 too small",
    "too_large": "太大 too large",
    "not_a_whole_number": "应为整数 not a whole number",
    "not_a_multiple_of_five": "应为五的倍数，年龄以五岁为一段 not a multiple of five",
    "not_an_object": "应为对象 not an object",
    "not_a_list": "应为列表 not a list",
    "not_a_title": "应为 1 到 200 字的标题 not a title",
    "not_five": "一至五星各一项，共五项 five are needed, one for each grade",
    "not_ascending": "应大于前一星级 must be more than for the grade before",
    "never_counts": "估计的时长不计入任何账户 an estimate never counts",
    "does_not_expire": "只有积分可以到期 only points may expire",
}
"""Reasons by code, in words."""

_FAULTS_SHOWN_MAX = 20


class BadPolicy(Refusal):
    """The document cannot be a policy. Params: `place` (JSON pointer) and `reason` of the first fault, all `faults`."""

    code = "bad_policy"
    status = 422


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong: where, as a JSON pointer, and why, as a code."""

    place: str
    reason: str


def refuse_faults(found: Iterable[Fault]) -> None:
    """Raise `BadPolicy` when anything is wrong, with every fault in words."""
    faults = list(found)
    if faults:
        raise BadPolicy(
            place=faults[0].place,
            reason=faults[0].reason,
            faults="; ".join(f"{fault.place} {REASONS[fault.reason]}" for fault in faults[:_FAULTS_SHOWN_MAX]),
        )


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
