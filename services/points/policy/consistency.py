"""Whether what holds in a place on a day can all be meant. Pure.

A document may be good by itself and still contradict what it inherits, or what nodes below have said upon it. So this
is asked of the terms that it leads to: at its node and at every node below with policies of its own, from its first day
and from every later one on which something there changes.
"""

from collections.abc import Iterator
from datetime import date, datetime
from functools import cache
from typing import ClassVar, NamedTuple
from uuid import UUID

from services.points.policy.book import SINCE_THEN, PolicyBook, Restatement
from services.points.policy.document import PolicyDocument
from services.points.policy.faults import BadPolicy, Fault, refuse_faults
from services.points.policy.model import PolicyNotOfNode, require_over
from services.points.policy.rules import ExpiryRule
from services.points.policy.terms import Said, Terms
from services.points.units import Unit
from shared.contracts import Evidence, Refusal, refuse_unless

_NO_EVENT = UUID(int=0)
"""Stands for the event of a restatement that nobody ordered."""
_FIRST_DAYS = tuple(date(2000 + month // 12, month % 12 + 1, 1) for month in range(48))
"""Of all months that there are, leap year included."""


class PolicyNeeded(Refusal):
    """What a node says would contradict what it would inherit without this policy. Params: `version`, `node`, `day`,
    `place`, `other`.
    """

    code: ClassVar[str] = "policy_needed"


class RestatementContradicts(BadPolicy):
    """The prices of the policy contradict the rules of the days. Params as of `BadPolicy`, and `version`."""

    code = "restatement_contradicts"


class Key(NamedTuple):
    """A key of the terms, as a place in a document, with its value in words that need no translation."""

    place: str
    value: str
    version: int


class Bound(NamedTuple):
    """What one key says may not be more than what another says."""

    more: Key
    less: Key
    kept: bool


def bounds(terms: Terms) -> list[Bound]:
    """All of them, always in the same order."""
    signs, expiry = terms.anomalies, terms.expiry
    approval = ("/anomalies/day_minutes_approval", signs.day_minutes_approval)
    # More than this needs the community's approval, and more than that the district's.
    found = [_numbers(approval, ("/anomalies/day_minutes_max", signs.day_minutes_max))]
    # What needs nobody's approval is no sign of invented hours.
    found.append(_numbers(approval, ("/anomalies/round_the_clock_minutes", signs.round_the_clock_minutes)))
    # What needs approval does not count without; and an approval, which becomes the cap, never lowers it.
    for unit in (Unit.MINUTE, Unit.SERVICE_MINUTE):
        found.append(_numbers((f"/caps_per_day/{unit.name}", terms.caps_per_day[unit]), approval))
    # Nothing can be announced longer ahead than any points last.
    longest = _longest_days(expiry.rule.value)
    ahead = Key("/expiry/announce_days", str(expiry.announce_days.value), expiry.announce_days.version)
    kept = longest is None or expiry.announce_days.value <= longest
    found.append(Bound(ahead, Key("/expiry/POINT", str(longest), expiry.rule.version), kept))
    # What was entered later never counts for more than what was scanned on site.
    later, on_site = (
        Key(f"/evidence/{tier}", ", ".join(sorted(terms.evidence[tier][0])) or "[]", terms.evidence[tier][1])
        for tier in (Evidence.BACKFILLED, Evidence.SCANNED)
    )
    kept = terms.evidence[Evidence.BACKFILLED][0] <= terms.evidence[Evidence.SCANNED][0]
    found.append(Bound(later, on_site, kept))
    return found


def _numbers(more: tuple[str, Said[int]], less: tuple[str, Said[int]]) -> Bound:
    first, second = (Key(place, str(said.value), said.version) for place, said in (more, less))
    return Bound(first, second, more[1].value <= less[1].value)


@cache
def _longest_days(rule: ExpiryRule) -> int | None:
    """The most days that any points can last; None where they never expire."""
    spans = [(last - first).days for first in _FIRST_DAYS if (last := rule.last_day(first)) is not None]
    return max(spans, default=None)


def require_consistent(book: PolicyBook, node: str, in_force_from: date, document: PolicyDocument) -> None:
    """Refuse a document that contradicts itself, what it inherits, or what is said below upon it. Raises `BadPolicy`.

    What contradicted itself before, and has nothing to do with it, does not stand in its way.
    """
    refuse_faults(_document_faults(book, node, in_force_from, document))


def _document_faults(book: PolicyBook, node: str, in_force_from: date, document: PolicyDocument) -> Iterator[Fault]:
    before = book.own(node, in_force_from)
    if document.says_nothing and (before is None or before.document.says_nothing):
        # Where the node has a policy, this ends it: everything is inherited again.
        yield Fault("/title", "says_nothing")
    after = book.with_published(node, in_force_from, document)
    turns = after.turns(node, in_force_from)
    for broken in _broken(book, after, turns, after.latest_version):
        yield broken.fault


def require_not_needed(book: PolicyBook, version: int, node: str, in_force_from: date) -> None:
    """Refuse to withdraw a policy that others were published upon. Raises `PolicyNeeded`."""
    turns = book.turns(node, in_force_from)
    for broken in _broken(book, book.without(version), turns, None):
        other = broken.fault.params["other"]
        raise PolicyNeeded(version=version, node=broken.node, day=broken.day, place=broken.fault.place, other=other)


def require_restatable(
    book: PolicyBook, node: str, version: int, since: date, until: date, now: datetime
) -> PolicyBook:
    """The book as it would be after days were priced anew now, as if a policy had been the node's on them.

    Raises `PolicyNotOfNode`, `RestatementNotOver`, or `RestatementContradicts` where its prices and the rules of the
    days cannot both be meant.
    """
    refuse_unless(book.is_of_node(version, node), PolicyNotOfNode(node=node, version=version))
    require_over(since, until, now)
    number = 1 + max((known.number for known in book.restatements), default=0)
    after = book.with_restated(Restatement(number, node, version, since, until, _NO_EVENT, now))
    turns = ((place, day) for place, day in book.turns(node, since) if day <= until)
    broken = (one.fault for one in _broken(book, after, turns, version))
    refuse_faults(broken, RestatementContradicts, version=version)
    return after


class _Broken(NamedTuple):
    node: str
    day: str
    fault: Fault


def _broken(
    before: PolicyBook, after: PolicyBook, turns: Iterator[tuple[str, date]], version: int | None
) -> Iterator[_Broken]:
    """What is contradictory after and was not before, or is so by what this version says; each place once."""
    shown = set()
    for node, day in turns:
        pairs = zip(*(bounds(book.terms(node, day, SINCE_THEN)) for book in (before, after)), strict=True)
        for was, now in pairs:
            said_by = {now.more.version, now.less.version}
            if now.kept or not (was.kept or version in said_by):
                continue
            # The place is what the document says of the two; or else what it no longer says, and is inherited instead.
            if version != now.more.version and (version == now.less.version or now.less != was.less):
                fault = Fault(now.less.place, "less_than", _told(now.more, node, day))
            else:
                fault = Fault(now.more.place, "more_than", _told(now.less, node, day))
            if (fault.place, fault.params["other"]) not in shown:
                shown.add((fault.place, fault.params["other"]))
                yield _Broken(node, day.isoformat(), fault)


def _told(other: Key, node: str, day: date) -> dict[str, str]:
    return {"other": other.place, "value": other.value, "node": node, "day": day.isoformat()}
