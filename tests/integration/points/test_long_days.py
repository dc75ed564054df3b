"""A long day, from thirteen hours that were told to what counts of them: approved, approved for more, taken back."""

import uuid
from datetime import date
from typing import Any

import pytest

from services.points.app import build
from services.points.proof.rebuild import rebuild
from services.points.settings import PointsSettings
from shared.clock import local_day
from tests.conftest import COMMUNITY, FOREIGN, until
from tests.integration.points.producing import attendance, completed
from tests.integration.points.test_anomalies import HOUR, booked, flags, thirteen_hours, watch_of
from tests.integration.points.test_goods_come_and_go import made
from tests.moments import morning

LONG_DAYS = "/v1/long-days"
SERVED, BANKED = "SERVICE_MINUTE", "MINUTE"


def day() -> date:
    """Of the thirteen hours."""
    return local_day(morning(3))


@pytest.fixture
async def points(start: Any) -> Any:
    return await start(build, settings=PointsSettings, anomalies_check_interval_s=3600)


async def has(points: Any, person: uuid.UUID, minutes: int) -> None:
    for unit in (SERVED, BANKED):
        answer = await points.client().get(f"/v1/accounts/{person}/{unit}/balance")
        assert answer.json()["posted"] == minutes, unit


async def effects(client: Any, event_id: str) -> list[tuple[str, int]]:
    items = (await client.get(f"/v1/events/{event_id}/effects")).json()["items"]
    return sorted((item["unit"], item["amount"]) for item in items)


async def test_a_long_day_counts_as_far_as_an_office_approved_and_no_further_when_that_is_taken_back(
    points: Any, producing: Any
) -> None:
    person, clerk = uuid.uuid4(), points.client()
    await thirteen_hours(points, producing, person)
    await watch_of(points).look_at_everything()
    await has(points, person, 480)
    body = {"volunteer_id": str(person), "day": day().isoformat(), "minutes_max": 700, "reason": "emergency"}

    # Whoever may not: another place, the volunteer, a day of one's own, more than the community's.
    for client, code in (
        (points.client("community", FOREIGN), "outside_your_node"),
        (points.client("volunteer", subject=str(person)), "role_not_allowed"),
        (points.client(subject=str(person)), "long_day_own"),
    ):
        assert (await client.post(LONG_DAYS, json=body)).json()["code"] == code
    refused = (await clerk.post(LONG_DAYS, json=body | {"minutes_max": 780})).json()
    assert (refused["code"], "超过 720 分钟由区级批准" in refused["detail"]) == ("long_day_needs_district", True)
    unknown = await clerk.post(LONG_DAYS, json=body | {"volunteer_id": str(uuid.uuid4())})
    assert unknown.status_code == 404

    key = {"idempotency-key": uuid.uuid4().hex}
    approved = await clerk.post(LONG_DAYS, json=body, headers=key)
    assert (approved.status_code, approved.json().get("level")) == (201, "community"), approved.text
    assert (await clerk.post(LONG_DAYS, json=body, headers=key)).json() == approved.json()
    assert (await clerk.post(LONG_DAYS, json=body)).json()["code"] == "long_day_already_approved"
    await has(points, person, 700)
    path = f"{LONG_DAYS}/{approved.json()['id']}"
    first = (await clerk.get(path)).json()
    assert await effects(clerk, first["event_id"]) == [(BANKED, 220), (SERVED, 220)]
    line = (await clerk.get(f"/v1/accounts/{person}/{SERVED}/explanation")).json()["items"][0]
    assert (line["reason"], line["amount"], line["source"]["event_id"]) == ("long_day", 220, first["event_id"])
    assert line["text"] == (
        f"{day()} 的超时服务经社区批准（抢险救灾），当天最多计 700 分钟，补计 220 分钟。"
        "依据《全国默认积分办法》（第 1 版）。"
    )
    assert [(g["place"], g["value"]) for g in line["grounds"]] == [("/anomalies/day_minutes_approval", 480)]
    await watch_of(points).look_at_everything()
    assert [flag["stage"] for flag in await flags(clerk)] == ["raised"], "thirteen hours are more than were approved"

    # The district approves all of it; the sign is gone, and what is told later is cut where the approval ends.
    district = points.client("district", COMMUNITY[:6])
    more = await made(district, LONG_DAYS, body | {"minutes_max": 780, "reason": "standing_duty"})
    assert (more["id"], more["level"]) == (first["id"], "district")
    await has(points, person, 780)
    second = (await clerk.get(path)).json()
    assert await effects(clerk, second["event_id"]) == [(BANKED, 80), (SERVED, 80)]
    await watch_of(points).look_at_everything()
    (flag,) = await flags(clerk)
    assert (flag["stage"], flag["reason"], flag["decided_by"]) == ("dismissed", "approved", None)
    await producing.tell([completed([attendance(person, 60, morning(3) - 2 * HOUR)])])
    await until(lambda: booked(points, 3))
    await has(points, person, 780)
    assert (await clerk.post(f"{path}/withdrawal", json={"reason": "mistaken"})).status_code == 403

    # Taken back: as if it had never been approved, and the event says what went.
    withdrawn = await made(district, f"{path}/withdrawal", {"reason": "not_served"})
    assert withdrawn["stage"] == "withdrawn"
    await has(points, person, 480)
    mine = points.client("volunteer", subject=str(person))
    (listed,) = (await mine.get(LONG_DAYS)).json()["items"]
    assert listed["withdrawn_by"] is not None
    assert (await mine.get(path)).json() | {"node_names": 0} == (await clerk.get(path)).json() | {"node_names": 0}
    assert (await points.client("volunteer").get(path)).status_code == 403
    assert (await clerk.get(LONG_DAYS, params={"stage": "approved"})).json()["items"] == []
    gone = await effects(clerk, listed["withdrawal_event_id"])
    assert sum(amount for unit, amount in gone if unit == SERVED) == 300
    items = (await clerk.get(f"/v1/events/{listed['withdrawal_event_id']}/effects")).json()["items"]
    assert all(f"{day()} 的超时服务批准已经撤回（没有服务这么久）" in item["text"] for item in items)
    await watch_of(points).look_at_everything()
    assert [flag["stage"] for flag in await flags(clerk)] == ["raised"]

    assert await rebuild(points.service, switch=True) == 0
    await has(points, person, 480)
    assert await effects(clerk, first["event_id"]) == [(BANKED, 220), (SERVED, 220)]
    assert await effects(clerk, listed["withdrawal_event_id"]) == gone
