"""An activity from publication to correction, over HTTP and a real database."""

from tests.integration.registry.conftest import Registry


async def test_an_activity_runs_from_publication_to_completion(registry: Registry) -> None:
    anna, bo = await registry.volunteer(1), await registry.volunteer(2)
    activity = await registry.activity(places=5)
    path = f"/v1/activities/{activity['id']}"
    await registry.post(f"{path}/sign-ups", volunteer=anna["number"], signed_up_at=registry.at(-4))
    await registry.post(f"{path}/check-ins", volunteers=[anna["number"], bo["id"]], checked_in_at=registry.at(-3))
    state = await registry.post(f"{path}/check-outs", volunteers=[anna["id"]], checked_out_at=registry.at(-1.5))
    assert (state["attended_count"], state["open_count"]) == (2, 1)
    await registry.post(f"{path}/completion")
    shown = await registry.ok(registry.clerk.get(path))
    assert (shown["stage"], shown["attended_count"], shown["confirmed_minutes"]) == ("completed", 2, 90 + 120)
    people = await registry.ok(registry.clerk.get(f"{path}/participants", params={"names": True}))
    by_id = {item["volunteer_id"]: item for item in people["items"]}
    assert by_id[bo["id"]]["closed_at_planned_end"] is True
    assert by_id[anna["id"]]["minutes"] == 90
    assert by_id[anna["id"]]["name"] == "样*甲"
