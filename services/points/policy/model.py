"""The policy book as an aggregate: policies are published one after the other, and stay once they have begun.

A policy is in force from a day that has not begun, so that nothing already earned is priced anew. What was published
by mistake is withdrawn before that day, or replaced by the next policy. Days that are over are priced anew only by a
restatement, which says so.
《领域》 rules: numbers are policy, and rules change on a date.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta, timezone
from typing import Any, ClassVar

from shared.contracts import Event, Refusal, refuse_if, refuse_unless
from shared.contracts.points import PolicyPublished, PolicyRestated, PolicyWithdrawn

_SHANGHAI = timezone(timedelta(hours=8))
_MICROSECOND = timedelta(microseconds=1)
MARGIN = timedelta(minutes=70)
"""What holds tomorrow is settled this long before midnight. Service may say that it begins up to an hour after it is
told (`earning.reactions.CLOCK_SKEW_MAX`): what was priced for tomorrow must not be priced otherwise by a replay. The
rest is for the commit, and for clocks that differ."""


@dataclass(frozen=True, slots=True)
class Tried:
    """A dry run of what is to be decided, which somebody has seen (`receipts`)."""

    at: datetime
    months: int | None = None
    """On the service of how many of the last months; None where the days say themselves which."""


@dataclass(frozen=True, slots=True)
class Book:
    """What was published so far."""

    community: str = ""
    latest_version: int = 0
    standing: Mapping[int, tuple[str | None, date]] = field(default_factory=dict)
    """Versions that were not withdrawn: node, and first day."""
    withdrawn: frozenset[int] = frozenset()
    restatements: int = 0
    restated_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class PublishPolicy:
    """Publish a document that was read and found good (`document.read_document`)."""

    node: str | None
    in_force_from: date
    document: Mapping[str, Any]
    tried: Tried
    now: datetime


@dataclass(frozen=True, slots=True)
class SeedPolicy:
    """Put the shipped national default into an empty book, in force from the beginning."""

    in_force_from: date
    document: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class WithdrawPolicy:
    """Take a policy back that has not begun."""

    policy_version: int
    now: datetime


@dataclass(frozen=True, slots=True)
class RestatePolicy:
    """Price days that are over anew, as if a policy of the node had been in force on them."""

    node: str
    policy_version: int
    since: date
    until: date
    reference: str
    tried: Tried
    at: datetime
    """Later than all that is known of the days."""


class PolicyRetroactive(Refusal):
    """The day has begun, or begins too soon. Params: `earliest`, the first day that can be chosen."""

    code: ClassVar[str] = "policy_retroactive"
    status: ClassVar[int] = 422


class PolicyOverlaps(Refusal):
    """There is a policy for this node from this day already."""

    code: ClassVar[str] = "policy_overlaps"


class PolicyBegun(Refusal):
    """The policy's first day has begun, or begins too soon. Params: `version`, `day`."""

    code: ClassVar[str] = "policy_begun"


class PolicyIsWithdrawn(Refusal):
    """The policy was withdrawn already."""

    code: ClassVar[str] = "policy_withdrawn"


class UnknownPolicy(Refusal):
    """No policy has this version."""

    code: ClassVar[str] = "unknown_policy"
    status: ClassVar[int] = 404


class PolicyBookNotEmpty(Refusal):
    """The default is only for an empty book."""

    code: ClassVar[str] = "policy_book_not_empty"


class PolicyNotOfNode(Refusal):
    """No such policy was published for the node, or it was withdrawn."""

    code: ClassVar[str] = "policy_not_of_node"
    status: ClassVar[int] = 422


class RestatementNotOver(Refusal):
    """The days are not over, or end before they begin. Params: `latest`, the last day that can be chosen."""

    code: ClassVar[str] = "restatement_not_over"
    status: ClassVar[int] = 422


def earliest_day(now: datetime) -> date:
    """The first day of which it can still be said now what holds on it."""
    return (now + MARGIN).astimezone(_SHANGHAI).date() + timedelta(days=1)


def require_ahead(day: date, now: datetime) -> None:
    """A policy is never retroactive. Raises `PolicyRetroactive`."""
    earliest = earliest_day(now)
    refuse_if(day < earliest, PolicyRetroactive(earliest=earliest.isoformat()))


def require_over(since: date, until: date, now: datetime) -> None:
    """Only days that are over are priced anew. Raises `RestatementNotOver`."""
    latest = now.astimezone(_SHANGHAI).date() - timedelta(days=1)
    refuse_unless(since <= until <= latest, RestatementNotOver(latest=latest.isoformat()))


def decide(book: Book, command: PublishPolicy | SeedPolicy | WithdrawPolicy | RestatePolicy) -> list[Event]:
    """Which event a command leads to. Raises the refusals above."""
    match command:
        case SeedPolicy(in_force_from=day, document=document):
            refuse_unless(book.latest_version == 0, PolicyBookNotEmpty)
            return [PolicyPublished(policy_version=1, node=None, in_force_from=day, document=dict(document))]
        case PublishPolicy(node=node, in_force_from=day, document=document, tried=tried, now=now):
            require_ahead(day, now)
            refuse_if((node, day) in book.standing.values(), PolicyOverlaps(node=node or "", day=day.isoformat()))
            return [
                PolicyPublished(
                    policy_version=book.latest_version + 1,
                    node=node,
                    in_force_from=day,
                    document=dict(document),
                    tried_at=tried.at,
                    tried_months=tried.months,
                )
            ]
        case WithdrawPolicy(policy_version=version, now=now):
            refuse_if(version in book.withdrawn, PolicyIsWithdrawn(version=version))
            refuse_unless(version in book.standing, UnknownPolicy)
            _, day = book.standing[version]
            refuse_if(day < earliest_day(now), PolicyBegun(version=version, day=day.isoformat()))
            return [PolicyWithdrawn(policy_version=version)]
        case RestatePolicy(node=node, policy_version=version, since=since, until=until, at=at):
            of_node = version in book.standing and book.standing[version][0] == node
            refuse_unless(of_node, PolicyNotOfNode(node=node, version=version))
            require_over(since, until, at)
            # Each has a moment of its own: what was known at a moment then tells which of them applied.
            at = at if book.restated_at is None else max(at, book.restated_at + _MICROSECOND)
            return [
                PolicyRestated(
                    restatement=book.restatements + 1,
                    node=node,
                    policy_version=version,
                    since=since,
                    until=until,
                    reference=command.reference,
                    restated_at=at,
                    tried_at=command.tried.at,
                )
            ]


def evolve(book: Book, event: PolicyPublished | PolicyWithdrawn | PolicyRestated) -> Book:
    """The book after an event."""
    match event:
        case PolicyPublished(policy_version=version, node=node, in_force_from=day):
            return replace(book, latest_version=version, standing={**book.standing, version: (node, day)})
        case PolicyWithdrawn(policy_version=version):
            standing = {v: place for v, place in book.standing.items() if v != version}
            return replace(book, standing=standing, withdrawn=book.withdrawn | {version})
        case PolicyRestated(restatement=number, restated_at=at):
            return replace(book, restatements=number, restated_at=at)
