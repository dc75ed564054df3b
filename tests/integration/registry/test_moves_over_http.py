"""A volunteer who moves to another community, over HTTP and a real database."""

from datetime import date
from typing import Any

from tests.conftest import COMMUNITY, DISTRICT, FOREIGN
from tests.integration.registry.conftest import Registry, id_number


def moving(registry: Registry, sequence: int = 1, **body: Any) -> dict[str, Any]:
    person = registry.person(sequence)
    return {"community": FOREIGN, "name": person["name"], "id_number": person["id_number"], **body}


async def test_the_office_that_receives_a_volunteer_serves_them_from_then_on(registry: Registry) -> None:
    anna, there = await registry.volunteer(1), registry.client("community", FOREIGN)
    me = registry.client("volunteer", COMMUNITY, anna["id"])
    path = f"/v1/volunteers/{anna['id']}"
    told = await registry.refused(
        there.post("/v1/volunteers", json=registry.person(1, community=FOREIGN)), 409, "volunteer_already_registered"
    )
    assert "迁入" in told["detail"]
    await registry.refused(there.get(path), 403, "outside_your_node")
    version = (await registry.clerk.get(path)).headers["etag"]

    moved = await registry.ok(there.post("/v1/volunteer-moves", json=moving(registry)), 201)
    assert (moved["id"], moved["number"], moved["community"]) == (anna["id"], anna["number"], FOREIGN)

    for sees in (there, me):  # whose token still names the old community
        assert (await registry.ok(sees.get(path)))["community"] == FOREIGN
        assert [one["id"] for one in (await registry.ok(sees.get("/v1/volunteers")))["items"]] == [anna["id"]]
    found = await registry.ok(there.post("/v1/volunteers/search", json={"name": "样例甲"}))
    assert [one["id"] for one in found["items"]] == [anna["id"]]
    await registry.ok(there.patch(path, json={"phone": "13700000009"}))
    assert (await there.get(path)).headers["etag"] != version
    await registry.refused(registry.clerk.get(path), 403, "outside_your_node")
    for search in ({"name": "样例甲"}, {"id_number": id_number(1)}):
        assert (await registry.ok(registry.clerk.post("/v1/volunteers/search", json=search)))["items"] == []
    assert (await registry.ok(registry.clerk.get("/v1/volunteers")))["items"] == []

    expected = {
        "volunteer_id": anna["id"],
        "number": anna["number"],
        "from_community": COMMUNITY,
        "community": FOREIGN,
        "moved_on": "2026-03-20",
    }
    for sees in (registry.clerk, there, registry.client("district", DISTRICT), me):
        assert (await registry.ok(sees.get("/v1/volunteer-moves")))["items"] == [expected]
    elsewhere = registry.client("community", "620201001006")
    assert (await registry.ok(elsewhere.get("/v1/volunteer-moves")))["items"] == []


async def test_teams_and_sign_ups_stay_with_a_volunteer_who_moves(registry: Registry) -> None:
    anna, there = await registry.volunteer(1), registry.client("community", FOREIGN)
    team, activity = await registry.team(), await registry.activity(start=24)
    await registry.post(f"/v1/teams/{team['id']}/members", volunteers=[anna["id"]])
    await registry.post(f"/v1/activities/{activity['id']}/sign-ups", volunteer=anna["id"])
    await registry.ok(there.post("/v1/volunteer-moves", json=moving(registry)), 201)
    for room in ("teams", "sign-ups"):
        assert len((await registry.ok(there.get(f"/v1/volunteers/{anna['id']}/{room}")))["items"]) == 1
    members = await registry.ok(registry.clerk.get(f"/v1/teams/{team['id']}/members"))
    assert [one["number"] for one in members["items"]] == [anna["number"]]
    await registry.post(f"/v1/teams/{team['id']}/departures", volunteer=anna["number"])


async def test_what_makes_no_move_is_told_with_what_to_do(registry: Registry) -> None:
    anna, district = await registry.volunteer(1), registry.client("district", DISTRICT)
    there = registry.client("community", FOREIGN)
    for client, change, status, code in (
        (registry.clerk, {}, 403, "outside_your_node"),
        (there, {"name": "样例乙"}, 422, "name_differs"),
        (there, {"id_number": id_number(2)}, 422, "document_unknown"),
        (there, {"id_number": "62020119850614001"}, 422, "detail_not_valid"),
        (there, {"moved_on": "2026-03-21"}, 422, "dated_in_future"),
        (there, {"moved_on": "2026-03-01"}, 422, "dated_too_far_back"),
        (district, {"community": "620201001999"}, 422, "community_unknown"),
        (registry.clerk, {"community": COMMUNITY}, 409, "volunteer_at_home_already"),
        (registry.client("volunteer", FOREIGN, anna["id"]), {}, 403, "role_not_allowed"),
    ):
        await registry.refused(client.post("/v1/volunteer-moves", json=moving(registry, **change)), status, code)
    await registry.post(f"/v1/volunteers/{anna['id']}/consent-withdrawal")
    await registry.refused(there.post("/v1/volunteer-moves", json=moving(registry)), 409, "volunteer_consent_withdrawn")
    await registry.post(f"/v1/volunteers/{anna['id']}/forgetting")
    await registry.refused(there.post("/v1/volunteer-moves", json=moving(registry)), 422, "document_unknown")


async def test_a_move_happens_once_and_can_be_made_good(registry: Registry) -> None:
    await registry.volunteer(1)
    there, headers = registry.client("community", FOREIGN), {"idempotency-key": "a-move-of-the-clerk"}
    for _ in range(2):
        await registry.ok(there.post("/v1/volunteer-moves", json=moving(registry), headers=headers), 201)
    await registry.refused(there.post("/v1/volunteer-moves", json=moving(registry)), 409, "volunteer_at_home_already")
    back = moving(registry, community=COMMUNITY, moved_on=date(2026, 3, 20).isoformat())
    await registry.ok(registry.client("district", DISTRICT).post("/v1/volunteer-moves", json=back), 201)
    params = {"newest_first": True, "limit": 1}
    page = await registry.ok(registry.clerk.get("/v1/volunteer-moves", params=params))
    assert (page["items"][0]["community"], page["next_cursor"] is None) == (COMMUNITY, False)
