"""An announced activity that is changed before it begins, over HTTP and a real database."""

import asyncio

from tests.conftest import FOREIGN
from tests.integration.registry.conftest import Registry


async def test_a_changed_activity_keeps_who_signed_up_and_shows_what_was_announced_before(registry: Registry) -> None:
    anna = await registry.volunteer(1)
    activity = await registry.activity(24, 2, places=5)
    path = f"/v1/activities/{activity['id']}"
    await registry.post(f"{path}/sign-ups", volunteer=anna["number"])
    moved = {"planned_start": registry.at(48), "planned_end": registry.at(50), "meeting_place": "东门广场"}
    state = await registry.ok(registry.clerk.patch(path, json=moved))
    assert state["signed_up_count"] == 1
    await registry.ok(registry.clerk.patch(path, json={"title": "清洁家园", "places": None}))
    await registry.ok(registry.clerk.patch(path, json={"title": "清洁家园"}))  # is what it says already

    shown = await registry.get(path)
    assert (shown["title"], shown["places"], shown["meeting_place"]) == ("清洁家园", None, "东门广场")
    assert shown["planned_start"][:13] == moved["planned_start"][:13]
    assert shown["changed_at"][:16] == registry.at()[:16]
    (listed,) = (await registry.get("/v1/activities"))["items"]
    assert listed["meeting_place"] == "东门广场"
    own = registry.client("volunteer", subject=anna["id"])
    (mine,) = (await registry.ok(own.get(f"/v1/volunteers/{anna['id']}/sign-ups")))["items"]
    assert (mine["title"], mine["meeting_place"], mine["changed_at"][:16]) == (
        "清洁家园",
        "东门广场",
        registry.at()[:16],
    )

    earlier = (await registry.ok(own.get(f"{path}/earlier-plans")))["items"]
    assert [(one["title"], one["places"], one["meeting_place"]) for one in earlier] == [
        ("样例活动", 5, None), ("样例活动", 5, "东门广场"),
    ]  # fmt: skip
    assert earlier[0]["planned_start"][:13] == registry.at(24)[:13]
    told = await registry.events("ActivityChanged")
    assert [one["title"] for one in told] == ["样例活动", "清洁家园"]
    assert len(told[0]["changed_by"]) == 36


async def test_service_is_recorded_at_the_time_that_was_announced_last(registry: Registry) -> None:
    anna, bo = await registry.volunteer(1), await registry.volunteer(2)
    activity = await registry.activity(1, 2)
    path = f"/v1/activities/{activity['id']}"
    await registry.ok(registry.clerk.patch(path, json={"planned_start": registry.at(5), "planned_end": registry.at(7)}))
    then = {"checked_in_at": registry.at(5), "checked_out_at": registry.at(6.5)}
    early = {"checked_in_at": registry.at(1), "checked_out_at": registry.at(2)}
    registry.clock.pass_by(hours=10)
    refused = registry.clerk.post(f"{path}/attendances", json={"entries": [{"volunteer": anna["id"], **early}]})
    await registry.refused(refused, 422, "outside_activity")
    await registry.post(f"{path}/attendances", entries=[{"volunteer": anna["id"], **then}])
    # 20:00 and ten hours: the activity was from 01:00 to 03:00 in Jiayuguan.
    sheet = f"志愿者编号,签到时间,签退时间\n{bo['number']},1:10,2:40\n".encode()
    taken = await registry.ok(
        registry.clerk.post(f"{path}/sign-in-sheet", files={"file": ("sheet.csv", sheet, "text/csv")}), 201
    )
    assert (taken["counts"]["recorded"], taken["problems"]) == (1, [])
    await registry.post(f"{path}/completion")
    (completed,) = await registry.events("ActivityCompleted")
    assert {one["started_at"][:16] for one in completed["attendances"]} == {
        registry.at(-5)[:16],
        registry.at(-5, 10)[:16],
    }


async def test_what_cannot_be_changed_is_told(registry: Registry) -> None:
    anna, bo = await registry.volunteer(1), await registry.volunteer(2)
    activity = await registry.activity(24, 2, places=5)
    path = f"/v1/activities/{activity['id']}"
    for one in (anna, bo):
        await registry.post(f"{path}/sign-ups", volunteer=one["number"])

    async def refused(status: int, code: str, **change: object) -> str:
        answer = await registry.refused(registry.clerk.patch(path, json=change), status, code)
        return str(answer["detail"])

    assert "2" in await refused(409, "fewer_places_than_signed_up", places=1)
    await refused(422, "activity_ends_before_start", planned_end=registry.at(23))
    await refused(422, "activity_too_long", planned_end=registry.at(47))
    await refused(422, "dated_too_far_back", planned_start=registry.at(-24 * 40), planned_end=registry.at(-24 * 40 + 2))
    await refused(422, "validation_failed")
    await refused(422, "validation_failed", title=None)
    await refused(422, "team_unknown", team_id=anna["id"])
    foreign = registry.client("community", FOREIGN)
    await registry.refused(foreign.patch(path, json={"title": "别人的"}), 403, "outside_your_node")
    nowhere = registry.clerk.patch(f"/v1/activities/{anna['id']}", json={"title": "没有"})
    await registry.refused(nowhere, 404, "not_found")
    seen = (await registry.clerk.get(path)).headers["etag"]
    await registry.ok(registry.clerk.patch(path, json={"title": "新名称"}, headers={"If-Match": seen}))
    late = registry.clerk.patch(path, json={"title": "旧页面"}, headers={"If-Match": seen})
    await registry.refused(late, 412, "version_changed")
    registry.clock.pass_by(hours=24)
    await refused(409, "activity_began", title="开始了")
    await registry.post(f"{path}/cancellation", reason="weather")
    await refused(409, "activity_cancelled", title="取消了")


async def test_whoever_is_signed_up_elsewhere_at_the_new_time_is_named_and_nothing_changes(registry: Registry) -> None:
    anna, bo = await registry.volunteer(1), await registry.volunteer(2)
    first, second = await registry.activity(24, 2), await registry.activity(48, 2)
    path = f"/v1/activities/{first['id']}"
    for one in (anna, bo):
        await registry.post(f"{path}/sign-ups", volunteer=one["number"])
    await registry.post(f"/v1/activities/{second['id']}/sign-ups", volunteer=anna["number"])
    moved = {"planned_start": registry.at(49), "planned_end": registry.at(51)}
    told = await registry.refused(registry.clerk.patch(path, json=moved), 409, "signed_up_elsewhere")
    assert anna["number"] in told["detail"]
    assert bo["number"] not in told["detail"]
    assert (await registry.get(path))["changed_at"] is None
    await registry.post(f"/v1/activities/{second['id']}/sign-up-withdrawals", volunteer=anna["number"])
    await registry.ok(registry.clerk.patch(path, json=moved))
    # The old time is free again, the new one is taken.
    third = await registry.activity(24, 2)
    await registry.post(f"/v1/activities/{third['id']}/sign-ups", volunteer=anna["number"])
    again = registry.clerk.post(f"/v1/activities/{second['id']}/sign-ups", json={"volunteer": anna["number"]})
    await registry.refused(again, 409, "already_booked")


async def test_a_sign_up_at_the_moment_of_a_change_is_bound_for_the_new_time(registry: Registry) -> None:
    people = [await registry.volunteer(number) for number in range(1, 6)]
    activity = await registry.activity(24, 2)
    path = f"/v1/activities/{activity['id']}"
    moved = {"planned_start": registry.at(48), "planned_end": registry.at(50)}
    answers = await asyncio.gather(
        registry.clerk.patch(path, json=moved),
        *(registry.clerk.post(f"{path}/sign-ups", json={"volunteer": one["number"]}) for one in people),
    )
    assert {answer.status_code for answer in answers} == {200}
    spans = "SELECT count(*), count(DISTINCT span), min(lower(span)) FROM engagements WHERE kind = 'booking'"
    ((count, spread, start),) = await registry.running.rows(spans)
    assert (count, spread, start.isoformat()[:13]) == (5, 1, registry.at(48)[:13])
