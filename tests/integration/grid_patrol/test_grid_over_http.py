"""Cells and crews over HTTP."""

import asyncio
from typing import Any
from uuid import uuid4

from shared.contracts.registry import ConsentRenewed, ConsentWithdrawn, PersonForgotten
from tests.conftest import COMMUNITY, DISTRICT, FOREIGN
from tests.integration.grid_patrol.conftest import Grid
from tests.integration.repairing import assert_repaired
from tests.integration.telling import tell


async def test_five_hundred_cells_are_defined_at_once_and_again_without_effect(grid: Grid) -> None:
    body = {"community": COMMUNITY, "cells": [{"cell": f"QL-{n:03d}", "area_m2": 10_000} for n in range(500)]}
    assert await grid.ok(grid.clerk.post("/v1/cells", json=body), 201) == {"defined": 500, "unchanged": 0}
    assert await grid.ok(grid.clerk.post("/v1/cells", json=body), 201) == {"defined": 0, "unchanged": 500}
    page = await grid.get("/v1/cells", limit=400)
    rest = await grid.get("/v1/cells", limit=400, cursor=page["next_cursor"])
    codes = [cell["cell"] for cell in page["items"] + rest["items"]]
    assert codes == sorted(codes)
    assert len(codes) == 500
    assert rest["next_cursor"] is None


async def test_a_cell_with_another_area_stops_the_whole_definition(grid: Grid) -> None:
    await grid.cells("A")
    body = {"community": COMMUNITY, "cells": [{"cell": "B", "area_m2": 9000}, {"cell": "A", "area_m2": 9000}]}
    await grid.refused(grid.clerk.post("/v1/cells", json=body), 409, "cell_already_defined")
    await grid.refused(grid.clerk.get(f"/v1/cells/{COMMUNITY}/B"), 404, "not_found")


async def test_cells_are_retired_and_come_back(grid: Grid) -> None:
    await grid.cells("A", "B")
    await grid.post(f"/v1/cells/{COMMUNITY}/A/retirement")
    await grid.refused(grid.clerk.post(f"/v1/cells/{COMMUNITY}/A/retirement"), 409, "cell_already_retired")
    await grid.refused(grid.clerk.post(f"/v1/cells/{COMMUNITY}/Z/retirement"), 404, "not_found")
    assert [cell["cell"] for cell in (await grid.get("/v1/cells", retired=False))["items"]] == ["B"]
    await grid.cells("A")
    answer = await grid.clerk.get(f"/v1/cells/{COMMUNITY}/A")
    assert answer.json()["retired"] is False
    assert answer.headers["etag"] == '"3"'


async def test_malformed_and_foreign_cells_are_refused(grid: Grid) -> None:
    for cells in (
        [],
        [{"cell": "a b", "area_m2": 1}],
        [{"cell": "A", "area_m2": 0}],
        [{"cell": "A", "area_m2": 1}] * 2,
    ):
        body = {"community": COMMUNITY, "cells": cells}
        await grid.refused(grid.clerk.post("/v1/cells", json=body), 422, "validation_failed")
    body = {"community": FOREIGN, "cells": [{"cell": "A", "area_m2": 1}]}
    await grid.refused(grid.clerk.post("/v1/cells", json=body), 403, "outside_your_node")
    await grid.refused(grid.clerk.get("/v1/cells", params={"within": FOREIGN}), 403, "outside_your_node")


async def test_a_crew_lives(grid: Grid) -> None:
    anna, bo, chen, _ = grid.people
    crew = await grid.crew(anna, kind="joint_defence")
    await grid.post(f"/v1/crews/{crew}/members", volunteers=[str(bo), str(chen)])
    again = grid.clerk.post(f"/v1/crews/{crew}/members", json={"volunteers": [str(bo)]})
    await grid.refused(again, 409, "already_crew_member")
    await grid.ok(grid.clerk.delete(f"/v1/crews/{crew}/members/{bo}"))
    await grid.refused(grid.clerk.delete(f"/v1/crews/{crew}/members/{bo}"), 409, "not_crew_member")
    members = (await grid.get(f"/v1/crews/{crew}/members"))["items"]
    assert [member["volunteer_id"] for member in members] == [str(anna), str(chen)]
    shown = await grid.get(f"/v1/crews/{crew}")
    assert (shown["members_count"], shown["kind"]) == (2, "joint_defence")

    await grid.cells("A", "B")
    shift = await grid.shift(crew, [anna], begins=10)
    await grid.refused(grid.clerk.post(f"/v1/crews/{crew}/disbanding"), 409, "crew_has_open_shifts")
    await grid.post(f"/v1/shifts/{shift}/cancellation", reason="weather")
    await grid.post(f"/v1/crews/{crew}/disbanding")
    planning = grid.clerk.post("/v1/shifts", json=grid.shift_body(crew, [anna], 10, 60, ("A",)))
    await grid.refused(planning, 409, "crew_disbanded")
    assert (await grid.get("/v1/crews", disbanded=False))["items"] == []


async def test_only_known_volunteers_who_may_serve_join(grid: Grid) -> None:
    anna, bo, chen, _ = grid.people
    crew = await grid.crew(anna)

    async def refused(who: object, status: int, code: str) -> None:
        body = {"volunteers": [str(chen), str(who)]}
        await grid.refused(grid.clerk.post(f"/v1/crews/{crew}/members", json=body), status, code)

    await refused(uuid4(), 422, "volunteer_unknown")
    await tell(grid.running.service, ConsentWithdrawn(volunteer_id=bo, community=COMMUNITY))
    await refused(bo, 409, "volunteer_may_not_serve")
    await tell(grid.running.service, ConsentRenewed(volunteer_id=bo, community=COMMUNITY))
    await grid.post(f"/v1/crews/{crew}/members", volunteers=[str(bo)])
    await tell(grid.running.service, PersonForgotten(volunteer_id=bo, community=COMMUNITY))
    await refused(bo, 409, "volunteer_may_not_serve")
    await tell(grid.running.service, ConsentRenewed(volunteer_id=bo, community=COMMUNITY))
    await refused(bo, 409, "volunteer_may_not_serve")


async def test_a_name_belongs_to_one_crew_of_the_community_until_it_is_given_up(grid: Grid) -> None:
    def form(name: str, community: str = COMMUNITY) -> Any:
        body = {"community": community, "name": name, "kind": "cadre"}
        return grid.client("district", DISTRICT).post("/v1/crews", json=body)

    first = (await grid.ok(form("一组"), 201))["crew_id"]
    told = await grid.refused(form(" 一组 "), 409, "crew_name_taken")
    assert "一组" in told["detail"]
    await grid.ok(form("一组", FOREIGN), 201)
    second = (await grid.ok(form("二组"), 201))["crew_id"]

    def rename(crew: str, name: str, **headers: str) -> Any:
        return grid.clerk.patch(f"/v1/crews/{crew}", json={"name": name}, headers=headers)

    await grid.refused(rename(second, "一组"), 409, "crew_name_taken")
    await grid.ok(rename(first, "夜间组"))
    await grid.ok(rename(first, "夜间组"))
    await grid.ok(rename(second, "一组"))
    names = {crew["crew_id"]: crew["name"] for crew in (await grid.get("/v1/crews"))["items"]}
    assert (names[first], names[second]) == ("夜间组", "一组")
    assert [event["name"] for event in await grid.events("CrewRenamed")] == ["夜间组", "一组"]
    await grid.refused(rename(second, "三组", **{"if-match": '"1"'}), 412, "version_changed")
    foreign = grid.client("community", FOREIGN).patch(f"/v1/crews/{first}", json={"name": "别人的"})
    await grid.refused(foreign, 403, "outside_your_node")
    await grid.ok(grid.clerk.post(f"/v1/crews/{second}/disbanding", json={}))
    await grid.refused(rename(second, "三组"), 409, "crew_disbanded")
    await grid.ok(form("一组"), 201)
    await assert_repaired(grid.running, "crew_names")


async def test_of_two_who_want_one_name_at_once_one_gets_it(grid: Grid) -> None:
    body = {"community": COMMUNITY, "name": "一组", "kind": "cadre"}
    crew = await grid.crew()
    answers = await asyncio.gather(
        *(grid.clerk.post("/v1/crews", json=body) for _ in range(3)),
        grid.clerk.patch(f"/v1/crews/{crew}", json={"name": "一组"}),
    )
    assert sorted(answer.status_code for answer in answers)[1:] == [409, 409, 409]


async def test_a_forgotten_person_leaves_every_crew_and_no_track(grid: Grid) -> None:
    anna, bo, *_ = grid.people
    await grid.cells("A", "B")
    first, second = await grid.crew(anna, bo), await grid.crew(anna)
    shift = await grid.shift(first, [anna, bo])
    await grid.post(f"/v1/shifts/{shift}/start", started_at=grid.at(minutes=-120))
    await grid.post(f"/v1/shifts/{shift}/scans", scans=[grid.scan(anna), grid.scan(bo, device="device-2")])

    await tell(grid.running.service, PersonForgotten(volunteer_id=anna, community=COMMUNITY))

    for crew in (first, second):
        members = (await grid.get(f"/v1/crews/{crew}/members"))["items"]
        assert str(anna) not in [member["volunteer_id"] for member in members]
    tracks = (await grid.get(f"/v1/shifts/{shift}/scans"))["items"]
    assert [track["volunteer_id"] for track in tracks] == [str(bo)]
    # Who was planned by default is logged, but for whom no service may be recorded any more.
    logged = await grid.post(f"/v1/shifts/{shift}/log")
    assert [member["volunteer_id"] for member in logged["members"]] == [str(bo)]


async def test_a_stale_version_is_refused(grid: Grid) -> None:
    anna, bo, *_ = grid.people
    crew = await grid.crew(anna)
    version = (await grid.clerk.get(f"/v1/crews/{crew}")).headers["etag"]
    answer = await grid.clerk.post(
        f"/v1/crews/{crew}/members", json={"volunteers": [str(bo)]}, headers={"if-match": version}
    )
    assert answer.headers["etag"] == '"3"'
    stale = grid.clerk.post(f"/v1/crews/{crew}/disbanding", headers={"if-match": version})
    await grid.refused(stale, 412, "version_changed")
