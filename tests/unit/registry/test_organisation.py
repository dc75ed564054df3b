"""The rules of the organisation tree, and the reading of division files."""

from pathlib import Path

import pytest

from services.registry.organisation.divisions import DivisionFileUnreadable, DivisionRowWrong, read_divisions
from services.registry.organisation.model import (
    Node,
    NodeLevelMismatch,
    NodeParentMismatch,
    PublishNode,
    decide,
    evolve,
    parent_of,
)
from shared.aggregate import Aggregate
from shared.contracts.registry import NodeLevel, OrganisationNodeAdded, OrganisationNodeRenamed
from tests.specification import given

NODE = Aggregate("node", initial=Node(), decide=decide, evolve=evolve)
QILIAN = PublishNode("620201001004", "祁连社区", NodeLevel.COMMUNITY, "620201001", "2024")
ADDED = OrganisationNodeAdded(
    node="620201001004", name="祁连社区", level=NodeLevel.COMMUNITY, parent="620201001", source="2024"
)


def test_an_unknown_division_is_added() -> None:
    given(NODE).when(QILIAN).then(ADDED)


def test_a_division_that_is_as_published_changes_nothing() -> None:
    given(NODE, ADDED).when(QILIAN).then_nothing()


def test_a_division_with_another_name_is_renamed() -> None:
    renamed = PublishNode("620201001004", "新祁连社区", NodeLevel.COMMUNITY, "620201001", "2027")
    event = OrganisationNodeRenamed(node="620201001004", name="新祁连社区", source="2027")
    given(NODE, ADDED).when(renamed).then(event)
    given(NODE, ADDED, event).when(renamed).then_nothing()
    given(NODE, ADDED, event).when(QILIAN).then(
        OrganisationNodeRenamed(node="620201001004", name="祁连社区", source="2024")
    )


def test_level_and_parent_follow_from_the_code() -> None:
    given(NODE).when(PublishNode("620201001004", "祁", NodeLevel.STREET, "620201001", "x")).then_refused(
        NodeLevelMismatch, node="620201001004"
    )
    given(NODE).when(PublishNode("620201001004", "祁", NodeLevel.COMMUNITY, "620201002", "x")).then_refused(
        NodeParentMismatch
    )
    assert [parent_of(code) for code in ("62", "6202", "620201", "620201001", "620201001004")] == [
        None,
        "62",
        "6202",
        "620201",
        "620201001",
    ]


def test_the_division_file_of_jiayuguan_is_read_parents_first() -> None:
    content = Path("services/registry/organisation/data/jiayuguan-divisions.csv").read_bytes()
    nodes = read_divisions(content, "2024")
    assert len(nodes) == 56
    assert [node.code for node in nodes[:3]] == ["62", "6202", "620201"]
    seen: set[str] = set()
    for node in nodes:
        assert node.parent is None or node.parent in seen
        seen.add(node.code)


def test_a_file_in_gb18030_with_columns_in_another_order_is_read() -> None:
    nodes = read_divisions("Name,CODE\n祁连社区,620201001004\n".encode("gb18030"), "x")
    assert [(node.code, node.name) for node in nodes] == [("620201001004", "祁连社区")]


@pytest.mark.parametrize("content", [b"", b"a,b\n1,2\n", b"code,name\n", b"\xff\xff\xff", b'code,name\n"'])
def test_what_is_no_division_file_is_refused(content: bytes) -> None:
    with pytest.raises(DivisionFileUnreadable):
        read_divisions(content, "x")


@pytest.mark.parametrize(
    "rows", ["62020,x", "620201,", "６２０２０１,x", "620201,a\x01b", "62,a\n62,a", "6202,a\n620301001,b"]
)
def test_a_wrong_row_refuses_the_file_and_names_the_row(rows: str) -> None:
    with pytest.raises(DivisionRowWrong) as refusal:
        read_divisions(f"code,name\n{rows}\n".encode(), "x")
    assert refusal.value.params["row"] == rows.count("\n") + 2
