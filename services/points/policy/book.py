"""The policy book: which terms hold where and when. Pure; the same question has the same answer for ever."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from services.points.policy.document import PolicyDocument
from services.points.policy.rules import ExpiryRule
from services.points.policy.terms import NoPolicyInForce, PolicyVersion, Terms, merged
from services.points.units import Unit

BEGINNING = date(1900, 1, 1)
"""The shipped default is in force from here, that is, for every service that can be recorded."""

SINCE_THEN = datetime.max.replace(tzinfo=UTC)
"""Stands for a moment at which everything is known."""

_NODE_LENGTHS = (2, 4, 6, 9, 12)


@dataclass(frozen=True, slots=True)
class Restatement:
    """Days that are over are priced anew, as if a policy had been the one in force at its node."""

    number: int
    node: str
    policy_version: int
    since: date
    until: date
    event_id: UUID
    at: datetime
    """Whatever was told until then was priced by what was in force before."""


class PolicyBook:
    """All published policies. `terms` walks from the country down to the community; the nearer one wins."""

    def __init__(self, versions: Iterable[PolicyVersion], restatements: Iterable[Restatement] = ()) -> None:
        self._by_node: dict[str | None, list[PolicyVersion]] = {}
        self.latest_version = 0
        documents = []
        self._by_version: dict[int, PolicyVersion] = {}
        for policy in versions:
            if not policy.withdrawn:
                self._by_node.setdefault(policy.node, []).append(policy)
            self._by_version[policy.version] = policy
            self.latest_version = max(self.latest_version, policy.version)
            documents.append(policy.document)
        for policies in self._by_node.values():
            policies.sort(key=lambda policy: (policy.in_force_from, policy.version), reverse=True)
        self.restatements = tuple(sorted(restatements, key=lambda restatement: restatement.number))
        self._restatements_by_place: dict[tuple[str, date], tuple[Restatement, ...]] = {}
        self._terms_by_place: dict[tuple[str, date, int], Terms] = {}
        self._terms_by_chain: dict[tuple[int, ...], Terms] = {}
        said = (document.rules.get("expiry", {}).get("rule") for document in documents)
        self.expiry_rules = frozenset(rule for rule in said if rule is not None)
        """Every rule of expiry that any policy has ever said."""
        caps = (document.rules.get("time_bank", {}).get("cap_minutes") for document in documents)
        self.bank_cap_min: int = min((cap for cap in caps if cap is not None), default=2**62)
        """Nobody with no more minutes than this is above the cap of the time bank under any policy."""
        self._lowest_bank_caps: dict[str, int] = {}
        ahead = (document.rules.get("expiry", {}).get("announce_days") for document in documents)
        self.announce_days: frozenset[int] = frozenset(days for days in ahead if days is not None)
        """How long ahead expiry is told, by any policy."""
        donated = (document.rules.get("time_bank", {}).get("donate_only_kinds") for document in documents)
        self.donate_only_kinds: frozenset[str] = frozenset().union(*(kinds for kinds in donated if kinds))
        """Kinds of service whose minutes any policy has ever said can only be given away."""
        self.uncapped_minutes_per_day = _uncapped_minutes(documents)
        """A person with no more minutes than this on a day cannot reach any cap of any policy, whatever it was for."""

    def expiry_said(self, version: int) -> ExpiryRule | None:
        """The rule of expiry that a policy says; None where it says none."""
        policy = self._by_version.get(version)
        rule: ExpiryRule | None = None if policy is None else policy.document.rules.get("expiry", {}).get("rule")
        return rule

    def bank_cap_lowest(self, community: str) -> int:
        """Nobody who is at home there and never had more than this was ever above the cap of the time bank."""
        known = self._lowest_bank_caps.get(community)
        if known is None:
            nodes = [None, *(community[:length] for length in _NODE_LENGTHS)]
            said = (
                p.document.rules.get("time_bank", {}).get("cap_minutes")
                for n in nodes
                for p in self._by_node.get(n, ())
            )
            known = self._lowest_bank_caps[community] = min((cap for cap in said if cap is not None), default=2**62)
        return known

    def bank_cap_said(self, version: int) -> int | None:
        """The cap of the time bank that a policy says, in minutes; None where it says none."""
        policy = self._by_version.get(version)
        cap: int | None = None if policy is None else policy.document.rules.get("time_bank", {}).get("cap_minutes")
        return cap

    def restated(self, community: str, day: date) -> tuple[Restatement, ...]:
        """What priced a day in a community anew, in the order in which it applies."""
        if not self.restatements:
            return ()
        place = (community, day)
        known = self._restatements_by_place.get(place)
        if known is None:
            if len(self._restatements_by_place) > 50_000:
                self._restatements_by_place.clear()
            known = self._restatements_by_place[place] = tuple(
                r for r in self.restatements if community.startswith(r.node) and r.since <= day <= r.until
            )
        return known

    def terms(self, community: str, day: date, known_at: datetime | None = None) -> Terms:
        """The terms in a community on a day (Asia/Shanghai). Raises `NoPolicyInForce`.

        As they were in force on that day; with `known_at`, as they were known at a moment: restatements until then
        included. What is not a price (expiry, stars, …) is never restated and asked for without it.
        """
        anew = () if known_at is None else tuple(r for r in self.restated(community, day) if r.at <= known_at)
        place = (community, day, anew[-1].number if anew else 0)
        known = self._terms_by_place.get(place)
        if known is None:
            if len(self._terms_by_place) > 50_000:
                self._terms_by_place.clear()
            known = self._terms_of(self._chain(community, day, {}))
            if anew:
                chain = self._chain(community, day, {r.node: self._by_version[r.policy_version] for r in anew})
                known = self._terms_of(chain).with_rules_of(known)
            self._terms_by_place[place] = known
        return known

    def _terms_of(self, chain: Sequence[PolicyVersion]) -> Terms:
        key = tuple(policy.version for policy in chain)
        known = self._terms_by_chain.get(key)
        if known is None:
            known = self._terms_by_chain[key] = merged(chain)
        return known

    def with_proposed(self, node: str, document: PolicyDocument) -> "PolicyBook":
        """The book as it would be if a document had been the node's only policy from the beginning.

        A policy replaces the node's own one before it, restatements included; those above and below stay as they were.
        """
        others = [policy for policy in self._by_version.values() if policy.node != node]
        proposed = PolicyVersion(self.latest_version + 1, node, BEGINNING, document)
        return PolicyBook([*others, proposed], [r for r in self.restatements if r.node != node])

    def with_published(self, node: str, in_force_from: date, document: PolicyDocument) -> "PolicyBook":
        """The book as it would be with one more policy."""
        published = PolicyVersion(self.latest_version + 1, node, in_force_from, document)
        return PolicyBook([*self._by_version.values(), published], self.restatements)

    def without(self, version: int) -> "PolicyBook":
        """The book as it would be with a policy withdrawn."""
        withdrawn = (replace(p, withdrawn=p.withdrawn or p.version == version) for p in self._by_version.values())
        return PolicyBook(withdrawn, self.restatements)

    def with_restated(self, restatement: Restatement) -> "PolicyBook":
        """The book as it would be after one more restatement."""
        return PolicyBook(self._by_version.values(), [*self.restatements, restatement])

    def is_of_node(self, version: int, node: str) -> bool:
        """Whether a policy was published for this node, and not withdrawn."""
        policy = self._by_version.get(version)
        return policy is not None and policy.node == node and not policy.withdrawn

    def own(self, node: str | None, day: date) -> PolicyVersion | None:
        """The policy of the node itself on a day; None where it inherits everything."""
        return next((policy for policy in self._by_node.get(node, ()) if policy.in_force_from <= day), None)

    def turns(self, node: str, since: date) -> Iterator[tuple[str, date]]:
        """Where and from which days something else may hold at a node or below it: at the node and at each below that
        has policies of its own, from the first day and from every later one on which a policy there or above begins, or
        a restatement begins or ends.
        """
        below = sorted(n for n in self._by_node if n is not None and n.startswith(node) and n != node)
        for place in (node, *below):
            above = (n for n in self._by_node if n is None or place.startswith(n))
            days = {policy.in_force_from for n in above for policy in self._by_node[n]}
            anew = (restatement for restatement in self.restatements if place.startswith(restatement.node))
            days |= {day for one in anew for day in (one.since, one.until + timedelta(days=1))}
            yield from ((place, day) for day in sorted({since, *(day for day in days if day > since)}))

    def concerning(self, node: str) -> int:
        """How many policies and restatements that concern a node were told so far, with what was withdrawn. It grows
        whenever one is told, so that it can be seen that none was.
        """
        told = [p.node for p in self._by_version.values() for _ in range(1 + p.withdrawn)]
        told += [restatement.node for restatement in self.restatements]
        return sum(1 for n in told if n is None or n.startswith(node) or node.startswith(n))

    def _chain(self, community: str, day: date, anew: Mapping[str, PolicyVersion]) -> list[PolicyVersion]:
        nodes: list[str | None] = [None]
        nodes += [community[:length] for length in _NODE_LENGTHS if length <= len(community)]
        chain = []
        for node in nodes:
            in_force = None if node is None else anew.get(node)
            if in_force is None:
                in_force = self.own(node, day)
            if in_force is not None:
                chain.append(in_force)
        if not chain or chain[0].node is not None:
            raise NoPolicyInForce(day.isoformat())
        return chain


def _uncapped_minutes(documents: list[PolicyDocument]) -> int:
    """A bound below every cap: caps in minutes as they are, caps in points in minutes at the steepest rate anywhere."""
    minute_caps = [
        cap for document in documents for unit, cap in document.caps_per_day.items() if unit != Unit.POINT.name
    ]
    point_caps = [document.caps_per_day["POINT"] for document in documents if "POINT" in document.caps_per_day]
    steepest = max((max(d.weights_percent.values(), default=0) for d in documents), default=0)
    shortest = min((d.minutes_per_point for d in documents if d.minutes_per_point is not None), default=1)
    if point_caps and steepest:
        minute_caps.append(min(point_caps) * 100 * shortest // steepest)
    return min(minute_caps, default=2**31)
