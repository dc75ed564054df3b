"""The search for personal data finds what it looks for; otherwise the demo's promise would be empty."""

import pytest

from deploy.demo.evidence import holds_personal

PERSONAL = frozenset({"62029819800101001X", "15400000001", "王建国", "欧阳春花"})


@pytest.mark.parametrize(
    "text",
    [
        '{"id_number": "62029819800101001X"}',
        "62029819800101001x",
        "电话15400000001。",
        "0086015400000001",
        '{"title": "感谢王建国同志"}',
        "欧阳春花",
    ],
)
def test_a_name_or_number_is_found_wherever_it_stands(text: str) -> None:
    assert holds_personal(text, PERSONAL)


@pytest.mark.parametrize(
    "text",
    ["", "019cbc0b-8ec0-7651-863b-f5d902262b17", "620201001004-000001", "国家建设王府", "1540000000", "欧阳春 花"],
)
def test_what_only_looks_similar_is_not(text: str) -> None:
    assert not holds_personal(text, PERSONAL)
