"""Teams formed, joined, left and led, over HTTP and a real database."""

import asyncio

from tests.conftest import FOREIGN
from tests.integration.registry.conftest import Registry


async def test_a_team_name_belongs_to_one_team_of_the_community(registry: Registry) -> None:
    body = {"community": "620201001004", "name": "样例环保队", "kind": "environment", "origin": "self_formed"}
    answers = await asyncio.gather(*(registry.clerk.post("/v1/teams", json=body) for _ in range(3)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409]
    listed = await registry.ok(registry.clerk.get("/v1/teams", params={"origin": "self_formed"}))
    assert [team["name"] for team in listed["items"]] == ["样例环保队"]


async def test_members_join_leave_and_lead_and_the_history_stays(registry: Registry) -> None:
    anna, bo = await registry.volunteer(1), await registry.volunteer(2)
    team = await registry.team(formed_on="2026-03-14")
    path = f"/v1/teams/{team['id']}"
    state = await registry.post(f"{path}/members", volunteers=[anna["number"], bo["id"]], joined_on="2026-03-15")
    assert state["members_count"] == 2
    await registry.post(f"{path}/leader", volunteer=anna["number"], appointed_on="2026-03-16")
    state = await registry.post(f"{path}/leader", volunteer=bo["number"], appointed_on="2026-03-18")
    assert state["leader_id"] == bo["id"]
    state = await registry.post(f"{path}/departures", volunteer=bo["number"], left_on="2026-03-19")
    assert (state["leader_id"], state["members_count"]) == (None, 1)
    leaders = (await registry.ok(registry.clerk.get(f"{path}/leaders")))["items"]
    assert [(item["volunteer_id"], item["appointed_on"], item["until"]) for item in leaders] == [
        (anna["id"], "2026-03-16", "2026-03-18"),
        (bo["id"], "2026-03-18", "2026-03-19"),
    ]
    members = (await registry.ok(registry.clerk.get(f"{path}/members")))["items"]
    assert [item["number"] for item in members] == [anna["number"]]
    ever = (await registry.ok(registry.clerk.get(f"{path}/members", params={"past": True})))["items"]
    assert len(ever) == 2
    mine = await registry.ok(registry.clerk.get(f"/v1/volunteers/{bo['id']}/teams"))
    assert mine["items"][0]["left_on"] == "2026-03-19"
    seen = registry.client("volunteer", subject=bo["id"])
    assert (await registry.ok(seen.get(f"{path}/members")))["items"] == []


async def test_a_team_formed_by_a_slip_is_dissolved_and_its_name_is_free(registry: Registry) -> None:
    anna, bo = await registry.volunteer(1), await registry.volunteer(2)
    team = await registry.team("样例巾帼对")
    path = f"/v1/teams/{team['id']}"
    await registry.post(f"{path}/members", volunteers=[anna["id"], bo["id"]])
    await registry.post(f"{path}/leader", volunteer=anna["id"])
    foreign = registry.client("community", FOREIGN)
    await registry.refused(foreign.post(f"{path}/dissolution", json={}), 403, "outside_your_node")
    state = await registry.post(f"{path}/dissolution")
    assert (state["members_count"], state["leader_id"]) == (0, None)
    assert (await registry.ok(registry.clerk.get("/v1/teams")))["items"] == []
    [shown] = (await registry.ok(registry.clerk.get("/v1/teams", params={"dissolved": True})))["items"]
    assert (shown["id"], shown["dissolved_on"]) == (team["id"], "2026-03-20")
    assert len((await registry.ok(registry.clerk.get(f"{path}/members", params={"past": True})))["items"]) == 2
    await registry.refused(registry.clerk.post(f"{path}/dissolution", json={}), 409, "team_dissolved")
    join = registry.clerk.post(f"{path}/members", json={"volunteers": [anna["id"]]})
    await registry.refused(join, 409, "team_dissolved")
    body = {"community": team["community"], "team_id": team["id"], "title": "样例活动"}
    times = {"planned_start": registry.at(1), "planned_end": registry.at(2)}
    await registry.refused(registry.clerk.post("/v1/activities", json={**body, **times}), 409, "team_dissolved")
    assert (await registry.team("样例巾帼对"))["id"] != team["id"]


async def test_what_a_team_refuses(registry: Registry) -> None:
    anna = await registry.volunteer(1)
    team = await registry.team()
    path = f"/v1/teams/{team['id']}"
    post = registry.clerk.post
    missing = "00000000-0000-7000-8000-000000000000"
    await registry.refused(post(f"/v1/teams/{missing}/members", json={"volunteers": [anna["id"]]}), 404, "not_found")
    await registry.refused(post(f"{path}/members", json={"volunteers": [missing]}), 422, "volunteer_unknown")
    await registry.refused(post(f"{path}/leader", json={"volunteer": anna["id"]}), 409, "not_team_member")
    await registry.refused(post(f"{path}/departures", json={"volunteer": anna["id"]}), 409, "not_team_member")
    await registry.post(f"{path}/members", volunteers=[anna["id"]])
    again = post(f"{path}/members", json={"volunteers": [anna["id"]]})
    assert anna["number"] in (await registry.refused(again, 409, "already_team_member"))["detail"]
    late = {"volunteer": anna["id"], "left_on": "2026-03-21"}
    await registry.refused(post(f"{path}/departures", json=late), 422, "dated_in_future")
    foreign = registry.client("community", FOREIGN)
    await registry.refused(foreign.get(path), 403, "outside_your_node")
    await registry.refused(foreign.post(f"{path}/members", json={"volunteers": [anna["id"]]}), 403, "outside_your_node")
