"""A dry run says whose stars, minutes and spending a document concerns, and what is done under it then bears it out."""

import functools
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.points.app import build
from services.points.settings import PointsSettings
from shared.contracts.registry import ActivityCategory, PersonForgotten
from tests.conftest import COMMUNITY, DISTRICT, until
from tests.integration.points.producing import attendance, completed
from tests.integration.points.publishing import publish
from tests.integration.points.serving import registration, serve
from tests.integration.points.test_expiry_runs import Calendar
from tests.integration.points.test_explanations import booked, tell_at
from tests.integration.points.test_stars_over_http import granted, said
from tests.integration.points.time_bank_scene import made, order_of
from tests.integration.telling import tell

TITLE = {"zh": "试行办法", "en": "Trial"}
HOUR = 60
ELSEWHERE = "110101001001"
NINE = datetime(2026, 3, 5, 1, tzinfo=UTC)
"""In the morning, in Shanghai."""
TOMORROW, AFTER = "2026-03-06", NINE + timedelta(days=1)


@pytest.fixture
def calendar() -> Calendar:
    return Calendar(NINE)


def question(rules: dict[str, Any], node: str = DISTRICT) -> dict[str, Any]:
    return {"node": node, "document": {"title": TITLE, **rules}}


async def whole_list(client: Any, path: str, asked: dict[str, Any], limit: int) -> list[Any]:
    rows, cursor = [], ""
    while cursor is not None:
        answer = await client.post(f"{path}?limit={limit}{cursor and f'&cursor={cursor}'}", json=asked)
        assert answer.status_code == 200, answer.text
        rows += answer.json()["items"]
        cursor = answer.json()["next_cursor"]
    return rows


async def members(points: Any, hours: dict[int, str], since: datetime = NINE - timedelta(days=900)) -> list[str]:
    people = []
    for amount, community in hours.items():
        person = uuid.uuid4()
        await tell(points.service, registration(person, since, community))
        await serve(points.service, person, amount, NINE, community)
        people.append(str(person))
    return people


async def test_who_would_meet_a_stars_threshold_can_then_apply_for_it_and_nobody_else(
    start: Any, calendar: Calendar
) -> None:
    points = await start(functools.partial(build, clock=calendar), working=False, settings=PointsSettings)
    client = points.client("district", DISTRICT)
    hours = {40: COMMUNITY, 80: COMMUNITY, 90: "620201001005", 120: COMMUNITY, 310: COMMUNITY, 500: ELSEWHERE}
    *people, _ = await members(points, hours)
    starred, (gone, dead) = people[3], (uuid.uuid4(), uuid.uuid4())
    await granted(points, uuid.UUID(starred), 1)
    for person in (gone, dead):
        await tell(points.service, registration(person, NINE))
        await serve(points.service, person, 90, NINE)
    await made(points.client(), "/v1/deaths", {"volunteer_id": str(dead), "died_on": NINE.date().isoformat()})
    await tell(points.service, PersonForgotten(volunteer_id=gone, community=COMMUNITY, forgotten_at=NINE))

    easier = question({"stars": {"minutes": [80 * HOUR, 400 * HOUR, 600 * HOUR, 1000 * HOUR, 1500 * HOUR]}})
    answer = (await client.post("/v1/policies/dry-run", json=easier)).json()
    counted = [tuple(grade.values()) for grade in answer["stars"]]
    # grade, before, after, newly, no longer, and of these who hold it
    assert counted == [
        (1, 2, 4, 2, 0, 0),
        (2, 1, 0, 0, 1, 0),
        (3, 0, 0, 0, 0, 0),
        (4, 0, 0, 0, 0, 0),
        (5, 0, 0, 0, 0, 0),
    ]
    rows = await whole_list(client, "/v1/policies/dry-run/stars", easier, limit=1)
    assert {row["volunteer_id"]: (row["grade_before"], row["grade_after"]) for row in rows} == {
        people[1]: (0, 1), people[2]: (0, 1), people[4]: (2, 1),
    }  # fmt: skip
    assert rows == await whole_list(client, "/v1/policies/dry-run/stars", easier, limit=50)
    assert [row["community"] for row in rows] == sorted(row["community"] for row in rows)

    harder = question({"stars": {"minutes": [200 * HOUR, 400 * HOUR, 600 * HOUR, 1000 * HOUR, 1500 * HOUR]}}, COMMUNITY)
    answer = (await client.post("/v1/policies/dry-run", json=harder)).json()
    assert tuple(answer["stars"][0].values()) == (1, 2, 1, 0, 1, 1)  # whoever holds the star keeps it
    (row,) = [r for r in await whole_list(client, "/v1/policies/dry-run/stars", harder, 50) if r["grade_after"] == 0]
    assert (row["volunteer_id"], row["grade_held"], row["minutes"]) == (starred, 1, 120 * HOUR)

    await publish(client, DISTRICT, TOMORROW, easier["document"])
    calendar.now = AFTER
    after = {row["volunteer_id"]: row["grade_after"] for row in rows}
    for person in people:
        grade = (1 if person == starred else 0) + 1
        body = {"volunteer_id": person, "grade": grade}
        can = (await client.post("/v1/stars/applications", json=body)).status_code
        assert can == (201 if after.get(person, 0) >= grade else 409), (person, can)
    same = await client.post("/v1/policies/dry-run", json=easier)
    assert all(grade["people_newly"] == grade["people_no_longer"] == 0 for grade in same.json()["stars"])
    assert await whole_list(client, "/v1/policies/dry-run/stars", easier, 50) == []


async def test_membership_and_assessments_count_as_they_do_for_an_application(start: Any, calendar: Calendar) -> None:
    points = await start(functools.partial(build, clock=calendar), working=False, settings=PointsSettings)
    client = points.client("district", DISTRICT)
    (old,) = await members(points, {110: COMMUNITY})
    (new,) = await members(points, {120: COMMUNITY}, since=NINE - timedelta(days=40))
    praised = uuid.uuid4()
    await tell(points.service, registration(praised, NINE - timedelta(days=900)))
    for record in await serve(points.service, praised, 100, NINE):
        await tell(points.service, said(record, praised, "organiser", "good"))

    asked = question({"stars": {"membership_months_min": 3}})
    (row,) = await whole_list(client, "/v1/policies/dry-run/stars", asked, 50)
    assert (row["volunteer_id"], row["grade_before"], row["grade_after"]) == (new, 1, 0)
    asked = question({"assessments": {"assessed_percent_min": 80, "good_percent_min": 90}})
    rows = await whole_list(client, "/v1/policies/dry-run/stars", asked, 1)
    assert {row["volunteer_id"]: row["grade_after"] for row in rows} == {old: 0, new: 0}
    answer = (await client.post("/v1/policies/dry-run", json=asked)).json()
    assert tuple(answer["stars"][0].values()) == (1, 3, 1, 0, 2, 0)


async def test_what_would_lie_above_the_cap_flows_over_on_the_first_night_and_who_could_spend_then_can(
    start: Any, producing: Any, calendar: Calendar
) -> None:
    points = await start(
        functools.partial(build, clock=calendar), settings=PointsSettings, overflow_check_interval_s="1"
    )
    client, clerk = points.client("district", DISTRICT), points.client()
    saver, holding, modest, young = (uuid.uuid4() for _ in range(4))
    ages = {saver: 60, holding: 60, modest: 55, young: None}
    for person, age in ages.items():
        told = registration(person, NINE - timedelta(days=900)).model_copy(update={"age_group_from": age})
        event_id = uuid.uuid4()
        await tell_at(producing, NINE, event_id, told)
        await booked(points, event_id)
    earned = {saver: 400, holding: 400, modest: 250, young: 100}
    day = NINE - timedelta(days=1)
    event_id, served = completed([attendance(p, m, day) for p, m in earned.items()], category=ActivityCategory.CARE)
    await tell_at(producing, NINE, event_id, served)
    await booked(points, event_id)
    beneficiary = (await made(clerk, "/v1/beneficiaries", {"community": COMMUNITY, "volunteer_id": str(holding)}))["id"]
    await made(clerk, "/v1/time-orders", order_of(beneficiary, 90))

    asked = question({"time_bank": {"cap_minutes": 240, "spend_from_age": 55}}, COMMUNITY)
    bank = (await client.post("/v1/policies/dry-run", json=asked)).json()["time_bank"]
    assert bank == {
        "people": 4,
        "over_cap_people": {"before": 0, "after": 3},
        "over_cap_minutes": {"before": 0, "after": 160 + 70 + 10},
        "people_newly_over_cap": 3,
        "people_no_longer_over_cap": 0,
        "spending_people": {"before": 2, "after": 3},
        "people_newly_spending": 1,
        "people_no_longer_spending": 0,
        "people_age_unknown": 1,
    }
    rows = {r["volunteer_id"]: r for r in await whole_list(client, "/v1/policies/dry-run/time-bank", asked, 1)}
    assert {person: (row["minutes"], row["over_cap_after"]) for person, row in rows.items()} == {
        str(saver): (400, 160), str(holding): (310, 70), str(modest): (250, 10),
    }  # fmt: skip
    assert (rows[str(modest)]["can_spend_before"], rows[str(modest)]["can_spend_after"]) == (False, True)
    older = question({"time_bank": {"spend_from_age": 65}}, COMMUNITY)
    bank = (await client.post("/v1/policies/dry-run", json=older)).json()["time_bank"]
    assert (bank["spending_people"], bank["people_no_longer_spending"]) == ({"before": 2, "after": 0}, 2)

    await publish(client, COMMUNITY, TOMORROW, asked["document"])
    calendar.now = datetime(2026, 3, 6, 16, 16, tzinfo=UTC)  # a quarter past the end of the first day

    async def pooled() -> bool:
        answer = await clerk.get(f"/v1/accounts/pool:{COMMUNITY}/MINUTE")
        return answer.status_code == 200 and answer.json()["posted"] == 160 + 70 + 10

    await until(pooled)
    for person in (modest, young):
        body = {"community": COMMUNITY, "volunteer_id": str(person)}
        beneficiary = (await made(clerk, "/v1/beneficiaries", body))["id"]
        answer = await clerk.post("/v1/time-orders", json=order_of(beneficiary, 30))
        assert (answer.status_code == 201) == (person == modest), answer.text


async def test_lists_of_a_dry_run_are_for_those_who_publish_there(start: Any) -> None:
    points = await start(build, settings=PointsSettings, working=False)
    for path in ("/v1/policies/dry-run/stars", "/v1/policies/dry-run/time-bank"):
        client = points.client("district", node=DISTRICT)
        assert (await client.post(path, json=question({}))).json()["items"] == []
        assert (await client.post(path, json=question({}, "11"))).status_code == 403
        assert (await client.post(f"{path}?cursor=x", json=question({}))).json()["code"] == "cursor_invalid"
        assert (await client.post(path, json=question({"stars": {"minutes": [1]}}))).json()["code"] == "bad_policy"
        clerk = points.client("community", node=COMMUNITY)
        assert (await clerk.post(path, json=question({}, COMMUNITY))).status_code == 403
