"""A node of the organisation tree: a division of the national codes, from province down to community (社区/村).

The level of a node and its parent follow from the length of its code (GB/T 2260 and the statistical division
codes: 2 digits province, 4 city, 6 district, 9 street, 12 community), so a file cannot say otherwise.
"""

from dataclasses import dataclass, replace

from shared.contracts import Event, Refusal, refuse_if, refuse_unless
from shared.contracts.registry import NodeLevel, OrganisationNodeAdded, OrganisationNodeRenamed

LEVELS = {
    2: NodeLevel.PROVINCE,
    4: NodeLevel.CITY,
    6: NodeLevel.DISTRICT,
    9: NodeLevel.STREET,
    12: NodeLevel.COMMUNITY,
}
_LENGTHS = tuple(LEVELS)


class NodeLevelMismatch(Refusal):
    """The level given does not fit the length of the code."""

    code = "node_level_mismatch"
    status = 422


class NodeParentMismatch(Refusal):
    """The parent given is not the division that the code lies in."""

    code = "node_parent_mismatch"
    status = 422


@dataclass(frozen=True, slots=True)
class Node:
    """What is known of a division. Events are filed under the node itself."""

    community: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class PublishNode:
    """The published file has this division under this name."""

    code: str
    name: str
    level: NodeLevel
    parent: str | None
    source: str


Command = PublishNode


def parent_of(code: str) -> str | None:
    """The code of the division that a division lies in; None above a province."""
    position = _LENGTHS.index(len(code))
    return code[: _LENGTHS[position - 1]] if position else None


def decide(node: Node, command: Command) -> list[Event]:
    """Add an unknown division, rename one whose name changed; a division that is as published changes nothing."""
    refuse_unless(LEVELS.get(len(command.code)) is command.level, NodeLevelMismatch(node=command.code))
    # A province stands at the top of a file; a file of one city may as well begin with the city.
    refuse_if(
        command.parent is not None and command.parent != parent_of(command.code),
        NodeParentMismatch(node=command.code),
    )
    if not node.community:
        return [
            OrganisationNodeAdded(
                node=command.code,
                name=command.name,
                level=command.level,
                parent=command.parent,
                source=command.source,
            )
        ]
    if node.name != command.name:
        return [OrganisationNodeRenamed(node=command.code, name=command.name, source=command.source)]
    return []


def evolve(node: Node, event: Event) -> Node:
    """The node after an event of its own."""
    match event:
        case OrganisationNodeAdded():
            return Node(community=event.node, name=event.name)
        case OrganisationNodeRenamed():
            return replace(node, name=event.name)
    return node
