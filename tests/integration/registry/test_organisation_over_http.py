"""The organisation tree from the published division file."""

from tests.conftest import DISTRICT, FOREIGN
from tests.integration.registry.conftest import DIVISIONS, Registry


async def test_the_tree_of_jiayuguan_is_imported_once(registry: Registry) -> None:
    district = registry.client("district", DISTRICT)
    answer = await registry.ok(
        district.post("/v1/organisation/imports", files={"file": ("d.csv", DIVISIONS)}, data={"source": "again"}),
        201,
    )
    assert answer == {"added": 0, "renamed": 0, "unchanged": 56, "absent": 0}
    communities = await registry.ok(district.get("/v1/organisation/nodes", params={"level": "community", "limit": 100}))
    assert len(communities["items"]) == 31 + 17
    node = await registry.ok(registry.clerk.get("/v1/organisation/nodes/620201001004"))
    assert (node["name"], node["parent"]) == ("祁连社区", "620201001")


async def test_a_renamed_division_is_renamed_and_a_missing_one_stays(registry: Registry) -> None:
    text = DIVISIONS.decode().replace("祁连社区", "新祁连社区").replace("甘肃省", "改名省")
    lines = [line for line in text.splitlines() if "明珠社区" not in line]
    answer = await registry.ok(
        registry.client("district", DISTRICT).post(
            "/v1/organisation/imports",
            files={"file": ("d.csv", "\n".join(reversed(lines[1:] + lines[:1])).encode())},
            data={"source": "2027"},
        ),
        201,
    )
    # The province lies above the district's node and is not the district's to rename.
    assert answer == {"added": 0, "renamed": 1, "unchanged": 54, "absent": 1}
    node = await registry.clerk.get("/v1/organisation/nodes/620201001004")
    assert (node.json()["name"], node.json()["source"], node.headers["etag"]) == ("新祁连社区", "2027", '"2"')
    assert (await registry.ok(registry.clerk.get("/v1/organisation/nodes/62")))["name"] == "甘肃省"


async def test_a_wrong_file_is_refused_whole(registry: Registry) -> None:
    district = registry.client("district", DISTRICT)
    for content, code in (
        (b"", "division_file_unreadable"),
        (b"\x00\xff\xfe", "division_file_unreadable"),
        (b"code,name\n", "division_file_unreadable"),
        (b'code,name\n"6', "division_file_unreadable"),
        (b"code,name\n6202012,x\n", "division_row_wrong"),
        (b"code,name,level\n620201,x,city\n", "division_row_wrong"),
        (b"code,name,level,parent\n620201,x,district,6203\n", "division_row_wrong"),
        (b"code,name\n620201,x\n620201,y\n", "division_row_wrong"),
        (b"code,name,level,parent\n620201,x,,\n620201009001,y,,620201009\n", "division_row_wrong"),
    ):
        call = district.post("/v1/organisation/imports", files={"file": ("d.csv", content)}, data={"source": "x"})
        await registry.refused(call, 422, code)
    foreign = b"code,name\n110101,x\n"
    call = district.post("/v1/organisation/imports", files={"file": ("d.csv", foreign)}, data={"source": "x"})
    await registry.refused(call, 403, "outside_your_node")
    call = registry.clerk.post("/v1/organisation/imports", files={"file": ("d.csv", DIVISIONS)}, data={"source": "x"})
    await registry.refused(call, 403, "role_not_allowed")


async def test_the_tree_is_read_at_ones_own_node_below_and_above(registry: Registry) -> None:
    own = await registry.ok(registry.clerk.get("/v1/organisation/nodes"))
    assert [item["code"] for item in own["items"]] == ["620201001004"]
    await registry.ok(registry.clerk.get("/v1/organisation/nodes/620201001"))
    await registry.refused(registry.clerk.get(f"/v1/organisation/nodes/{FOREIGN}"), 403, "outside_your_node")
    await registry.refused(
        registry.clerk.get("/v1/organisation/nodes", params={"within": "620201"}), 403, "outside_your_node"
    )
    missing = registry.client("district", DISTRICT).get("/v1/organisation/nodes/620201999")
    await registry.refused(missing, 404, "not_found")
