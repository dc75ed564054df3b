"""Policies through the API: what is ready to publish, what is in force and who said it, and what follows them."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from services.points.app import build
from services.points.settings import PointsSettings
from shared.clock import SHANGHAI
from tests.conftest import COMMUNITY, until
from tests.integration.points.producing import attendance, completed

TITLE = {"zh": "试行办法", "en": "Trial"}


async def test_a_shipped_document_is_published_for_a_node_and_in_force_there(start: Any) -> None:
    points = await start(build, settings=PointsSettings, working=False)
    client = points.client("district", node="620201")
    shipped = {policy["name"]: policy for policy in (await client.get("/v1/policies/shipped")).json()["items"]}
    assert set(shipped) == {"national", "beijing_stars", "small_community_stars"}
    chosen = shipped["small_community_stars"]
    assert set(chosen["title"]) == {"zh", "en"}
    body = {"node": COMMUNITY, "in_force_from": "2199-01-01", "document": chosen["document"]}
    assert (await client.post("/v1/policies", json=body)).status_code == 201
    terms = (await client.get(f"/v1/policies/in-force?community={COMMUNITY}&day=2199-01-01")).json()
    assert terms["stars"] == {
        "minutes": {"value": [600, 1200, 1800, 2400, 3000], "policy_version": 2},
        "granted_by": {"value": ["district", "district", "city", "city", "province"], "policy_version": 1},
        "membership_months_min": {"value": 3, "policy_version": 2},
        "review_months": {"value": 12, "policy_version": 1},
    }
    assert terms["expiry"] == {
        "POINT": {"rule": "end_of_next_year", "months": None, "policy_version": 1},
        "announce_days": {"value": 30, "policy_version": 1},
    }
    assert terms["time_bank"]["on_death"] == {"value": "kin", "policy_version": 1}
    assert terms["time_bank"]["cap_minutes"] == {"value": 90_000, "policy_version": 1}
    assert terms["market"]["pieces_per_household_per_month"]["value"] == 0
    assert terms["certificates"]["publicity_days"]["value"] == 7


async def test_a_bad_rule_is_refused_in_words_and_with_its_place(start: Any) -> None:
    points = await start(build, settings=PointsSettings, working=False)
    document = {"title": TITLE, "stars": {"minutes": [1, 2, 3, 3, 9]}, "evidence": {"estimated": ["POINT"]}}
    body = {"node": "620201", "in_force_from": "2199-01-01", "document": document}
    bad = await points.client("district", node="620201").post("/v1/policies", json=body)
    assert (bad.status_code, bad.json()["code"]) == (422, "bad_policy")
    assert "/stars/minutes/3" in bad.json()["detail"]
    assert "/evidence/estimated" in bad.json()["detail"]


async def test_goods_wait_as_long_as_the_policy_of_the_day_says(start: Any, producing: Any) -> None:
    now = datetime.now(UTC)
    points = await start(lambda settings: build(settings, clock=lambda: now), settings=PointsSettings)
    client, person = points.client("district", node="620201"), uuid.uuid4()
    await producing.tell([completed([attendance(person, 300, now - timedelta(days=1))])])

    async def credited() -> bool:
        account = await client.get(f"/v1/accounts/{person}/POINT")
        return account.status_code == 200 and account.json()["posted"] == 50

    await until(credited)
    item = (
        await client.post("/v1/items", json={"community": COMMUNITY, "name": "香皂（演示）", "price_points": 10})
    ).json()["id"]
    await client.post(f"/v1/items/{item}/receipts", json={"quantity": 5})

    async def waits() -> timedelta:
        made = await client.post("/v1/redemptions", json={"volunteer_id": str(person), "item_id": item})
        assert made.status_code == 201, made.text
        return datetime.fromisoformat(made.json()["collect_by"]) - now

    assert await waits() == timedelta(hours=72)
    starts = (now.astimezone(SHANGHAI) + timedelta(days=2)).date()
    document = {"title": TITLE, "redemption": {"collect_within_hours": 5}}
    body = {"node": "620201", "in_force_from": starts.isoformat(), "document": document}
    assert (await client.post("/v1/policies", json=body)).status_code == 201
    assert await waits() == timedelta(hours=72)
    now += timedelta(days=2)
    assert await waits() == timedelta(hours=5)
