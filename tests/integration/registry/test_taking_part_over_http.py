"""What one is signed up for, and what was entered of it by mistake, over HTTP and a real database."""

from tests.conftest import FOREIGN
from tests.integration.registry.conftest import Registry


async def test_whoever_was_checked_in_by_mistake_is_taken_out_and_may_serve_elsewhere(registry: Registry) -> None:
    anna, bo = await registry.volunteer(1), await registry.volunteer(2)
    wrong, right = await registry.activity(), await registry.activity()
    path, other = f"/v1/activities/{wrong['id']}", f"/v1/activities/{right['id']}"
    await registry.post(f"{path}/sign-ups", volunteer=bo["id"], signed_up_at=registry.at(-4))
    await registry.post(f"{path}/check-ins", volunteers=[anna["id"], bo["id"]], checked_in_at=registry.at(-3))
    arrival = {"volunteers": [anna["id"]], "checked_in_at": registry.at(-3)}
    await registry.refused(registry.clerk.post(f"{other}/check-ins", json=arrival), 409, "already_serving")
    await registry.refused(
        registry.clerk.post(f"{path}/cancellation", json={"reason": "other"}), 409, "service_recorded"
    )
    state = await registry.post(f"{path}/attendance-withdrawals", volunteer=anna["number"])
    assert (state["attended_count"], state["signed_up_count"]) == (1, 1)
    await registry.post(f"{other}/check-ins", **arrival)
    await registry.post(f"{path}/attendance-withdrawals", volunteer=bo["id"])
    shown = await registry.ok(registry.clerk.get(f"{path}/participants"))
    assert [(one["volunteer_id"], one["started_at"], one["evidence"]) for one in shown["items"]] == [
        (bo["id"], None, None)
    ]
    assert (await registry.ok(registry.clerk.get(path)))["attended_count"] == 0
    again = registry.clerk.post(f"{path}/attendance-withdrawals", json={"volunteer": bo["id"]})
    await registry.refused(again, 409, "not_attended")
    foreign = registry.client("community", FOREIGN)
    taken = foreign.post(f"{other}/attendance-withdrawals", json={"volunteer": anna["id"]})
    await registry.refused(taken, 403, "outside_your_node")
    await registry.post(f"{path}/cancellation", reason="other")


async def test_my_sign_ups_are_found_again(registry: Registry) -> None:
    anna = await registry.volunteer(1)
    me, mine = registry.client("volunteer", subject=anna["id"]), f"/v1/volunteers/{anna['id']}/sign-ups"
    past, ahead, later = [await registry.activity(hours) for hours in (-3, 24, 48)]
    await registry.post(f"/v1/activities/{past['id']}/sign-ups", volunteer=anna["id"], signed_up_at=registry.at(-4))
    for activity in (ahead, later):
        await registry.ok(me.post(f"/v1/activities/{activity['id']}/sign-ups", json={}))
    arrival = {"volunteers": [anna["id"]], "checked_in_at": registry.at(-3)}
    await registry.post(f"/v1/activities/{past['id']}/check-ins", **arrival)
    await registry.post(f"/v1/activities/{past['id']}/completion")
    await registry.ok(me.post(f"/v1/activities/{later['id']}/sign-up-withdrawals", json={}))
    listed = (await registry.ok(me.get(mine)))["items"]
    assert [(one["activity_id"], one["stage"], one["attended"]) for one in listed] == [
        (ahead["id"], "published", False),
        (past["id"], "completed", True),
    ]
    ahead_only = await registry.ok(me.get(mine, params={"stage": "published", "limit": 1}))
    assert ([one["activity_id"] for one in ahead_only["items"]], ahead_only["next_cursor"]) == ([ahead["id"]], None)
