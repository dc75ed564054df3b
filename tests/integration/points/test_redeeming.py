"""Who may collect, at what price, and how much a household may have in a month."""

import asyncio
import re
import uuid
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from services.points.app import build
from services.points.proof.checks import check_tables
from services.points.proof.rebuild import rebuild
from services.points.settings import PointsSettings
from shared.database import driver_connection
from tests.conftest import COMMUNITY, FOREIGN
from tests.integration.points.producing import attendance, completed, registered
from tests.integration.points.test_from_events_to_goods import has_balance, item_on_the_shelf
from tests.integration.points.test_goods_come_and_go import made
from tests.moments import morning, today


@pytest.fixture
async def points(start: Any) -> Any:
    return await start(build, settings=PointsSettings)


async def people_with_points(points: Any, producing: Any, count: int) -> list[str]:
    people = [uuid.uuid4() for _ in range(count)]
    await producing.tell([*map(registered, people), completed([attendance(p, 300, morning()) for p in people])])
    for person in people:
        await has_balance(points, person, 50)
    return [str(person) for person in people]


async def limit_to(points: Any, pieces: int) -> None:
    """A policy that is in force today; through the API the first day is tomorrow."""
    async with points.service.database.transaction() as connection:
        await connection.exec_driver_sql(
            "UPDATE policies SET document = jsonb_set(document, '{market,pieces_per_household_per_month}',"
            f" '{pieces}'), policy_version = policy_version + 1"
        )


async def test_the_code_of_a_reservation_opens_it_and_no_other(points: Any, producing: Any) -> None:
    person, other = await people_with_points(points, producing, 2)
    item, client = await item_on_the_shelf(points), points.client()
    one = await made(client, "/v1/redemptions", {"volunteer_id": person, "item_id": item})
    two = await made(client, "/v1/redemptions", {"volunteer_id": other, "item_id": item})
    mine = points.client("volunteer", subject=person)
    code = (await mine.get(f"/v1/redemptions/{one['id']}/code")).json()["code"]
    assert re.fullmatch(r"\d{6}", code)
    assert (await mine.get(f"/v1/redemptions/{two['id']}/code")).status_code == 403
    assert (await client.get(f"/v1/redemptions/{one['id']}/code")).status_code == 403
    other_code = (await points.client("volunteer", subject=other).get(f"/v1/redemptions/{two['id']}/code")).json()
    assert other_code["code"] != code
    wrong = await client.post(f"/v1/redemptions/{two['id']}/collection", json={"code": code})
    assert (wrong.status_code, wrong.json()["code"]) == (409, "wrong_collection_code")
    await made(client, f"/v1/redemptions/{one['id']}/collection", {"code": code})
    shown = (await client.get(f"/v1/redemptions/{one['id']}")).json()
    assert (shown["identified_by"], shown["item_name"]) == ("code", "洗衣液（演示）")
    assert shown["volunteer_number"] == await points.value(
        f"SELECT number FROM ledger.members WHERE volunteer_id = '{person}'"
    )
    (listed,) = (await client.get("/v1/redemptions", params={"volunteer_id": person})).json()["items"]
    assert listed == shown
    assert (await mine.get(f"/v1/redemptions/{one['id']}/code")).json()["code"] == "redemption_ended"
    kept = await points.value("SELECT string_agg(data::text || metadata::text, '') FROM events")
    assert code not in kept
    assert await points.value("SELECT count(*) FROM collection_tries") == 1
    await _call_off_ones_own(points, two, other, mine)


async def _call_off_ones_own(points: Any, reserved: Any, person: str, somebody: Any) -> None:
    """Nobody else's, and wherever they live now; once."""
    path = f"/v1/redemptions/{reserved['id']}/cancellation"
    assert (await somebody.post(path)).json()["code"] == "outside_your_node"
    moved = points.client("volunteer", FOREIGN, person)
    assert (await made(moved, path))["stage"] == "cancelled"
    assert (await moved.post(path)).json()["code"] == "redemption_ended"
    assert (await moved.post(f"/v1/redemptions/{uuid.uuid4()}/cancellation")).status_code == 404
    purse = (await moved.get(f"/v1/accounts/{person}/POINT")).json()
    assert (purse["pending"], purse["available"]) == (0, purse["posted"])
    assert await points.value("SELECT count(*) FROM timers WHERE kind LIKE 'redemption.%'") == 0


async def test_somebody_without_a_phone_shows_a_card_or_a_document(points: Any, producing: Any) -> None:
    (person,) = await people_with_points(points, producing, 1)
    item, client = await item_on_the_shelf(points), points.client()
    for shown in ("card", "id_document"):
        reserved = await made(client, "/v1/redemptions", {"volunteer_id": person, "item_id": item})
        path = f"/v1/redemptions/{reserved['id']}/collection"
        for bad in ({}, {"code": "123456", "identified_by": shown}, {"identified_by": "code"}, {"code": "12345"}):
            assert (await client.post(path, json=bad)).status_code == 422
        await made(client, path, {"identified_by": shown})
        assert (await client.get(f"/v1/redemptions/{reserved['id']}")).json()["identified_by"] == shown


async def test_five_wrong_codes_lock_a_reservation_also_when_they_come_at_once(points: Any, producing: Any) -> None:
    (person,) = await people_with_points(points, producing, 1)
    item, client = await item_on_the_shelf(points), points.client()
    reserved = await made(client, "/v1/redemptions", {"volunteer_id": person, "item_id": item})
    path = f"/v1/redemptions/{reserved['id']}"
    code = (await points.client("volunteer", subject=person).get(f"{path}/code")).json()["code"]
    wrong = f"{(int(code) + 1) % 10**6:06d}"
    answers = await asyncio.gather(*[client.post(f"{path}/collection", json={"code": wrong}) for _ in range(9)])
    counted = Counter(answer.json()["code"] for answer in answers)
    assert counted == {"wrong_collection_code": 5, "collection_code_locked": 4}
    right = await client.post(f"{path}/collection", json={"code": code})
    assert right.json()["code"] == "collection_code_locked"
    async with points.service.database.transaction() as connection:
        await connection.exec_driver_sql("UPDATE collection_tries SET locked_until = now() - interval '1 second'")
    await made(client, f"{path}/collection", {"code": code})
    assert await points.value("SELECT count(*) FROM collection_tries") == 0


async def test_the_same_wrong_code_sent_twice_by_a_shaky_line_counts_once(points: Any, producing: Any) -> None:
    (person,) = await people_with_points(points, producing, 1)
    item, client = await item_on_the_shelf(points), points.client()
    reserved = await made(client, "/v1/redemptions", {"volunteer_id": person, "item_id": item})
    path = f"/v1/redemptions/{reserved['id']}"
    code = (await points.client("volunteer", subject=person).get(f"{path}/code")).json()["code"]
    wrong = {"code": f"{(int(code) + 1) % 10**6:06d}"}
    for _ in range(3):
        answer = await client.post(f"{path}/collection", json=wrong, headers={"idempotency-key": "shaky-line-1"})
        assert answer.json()["code"] == "wrong_collection_code"
    assert await points.value("SELECT wrong FROM collection_tries") == 1


async def one_of_three_is_broken(points: Any, person: str) -> None:
    """Two are taken and paid for; the third is on the shelf again, and in the month."""
    client = points.client()
    (reserved,) = (await client.get("/v1/redemptions", params={"volunteer_id": person})).json()["items"]
    path, item = f"/v1/redemptions/{reserved['id']}", f"/v1/items/{reserved['item_id']}"
    before = (await client.get(item)).json()
    for wrong, code in ((4, "more_than_reserved"), (0, "validation_failed")):
        refused = await client.post(f"{path}/collection", json={"identified_by": "card", "quantity": wrong})
        assert refused.json()["code"] == code, refused.text
    await made(client, f"{path}/collection", {"identified_by": "card", "quantity": 2})
    shown = (await client.get(path)).json()
    assert (shown["quantity"], shown["reserved_quantity"], shown["points"]) == (2, 3, 2)
    purse = (await client.get(f"/v1/accounts/{person}/POINT")).json()
    assert (purse["posted"], purse["pending"], purse["available"]) == (48, 0, 48)
    after = (await client.get(item)).json()
    assert (after["in_stock"], after["available"]) == (before["in_stock"] - 2, before["available"] + 1)
    (line, *_) = (await client.get(f"/v1/accounts/{person}/POINT/explanation")).json()["items"]
    assert "兑换物品“洗衣液（演示）”：预约 3 件，领取 2 件，扣减 2 积分。" in line["text"]
    await made(client, "/v1/redemptions", {"volunteer_id": person, "item_id": reserved["item_id"]})
    over = await client.post("/v1/redemptions", json={"volunteer_id": person, "item_id": reserved["item_id"]})
    assert over.json()["code"] == "monthly_limit_reached"


async def test_a_household_has_so_many_pieces_a_month_also_when_all_come_at_once(points: Any, producing: Any) -> None:
    people = await people_with_points(points, producing, 4)
    await limit_to(points, 3)
    item, client = await item_on_the_shelf(points, price=1, pieces=50), points.client()
    await made(client, "/v1/households", {"community": COMMUNITY, "name": "演示户", "members": people[:3]})
    orders = [{"volunteer_id": person, "item_id": item} for person in people[:3] for _ in range(3)]
    answers = await asyncio.gather(*[client.post("/v1/redemptions", json=order) for order in orders])
    counted = Counter(answer.json().get("code", "reserved") for answer in answers)
    assert counted == {"reserved": 3, "monthly_limit_reached": 6}
    alone = {"volunteer_id": people[3], "item_id": item, "quantity": 3}
    await made(client, "/v1/redemptions", alone)
    over = await client.post("/v1/redemptions", json={**alone, "quantity": 1})
    assert over.json()["code"] == "monthly_limit_reached"
    given_back = next(answer.json()["id"] for answer in answers if answer.status_code == 201)
    await made(client, f"/v1/redemptions/{given_back}/cancellation")
    await made(client, "/v1/redemptions", orders[0])
    again = await client.post("/v1/redemptions", json=orders[0])
    assert again.json()["code"] == "monthly_limit_reached"
    assert await points.value("SELECT sum(pieces) FROM household_months") == 6
    await one_of_three_is_broken(points, people[3])
    # The counters are a function of the events: another program reads them off the same.
    async with points.service.database.transaction() as connection:
        await connection.exec_driver_sql(
            "UPDATE policies SET policy_version = 1,"
            " document = (SELECT data->'document' FROM events WHERE type = 'liuling.points.PolicyPublished.v1')"
        )
    assert await rebuild(points.service) == 0
    # Somebody who writes to holds is found out.
    async with points.service.database.transaction() as connection:
        await connection.exec_driver_sql("UPDATE ledger.holds SET posted = posted - 1 WHERE posted > 1")
        found = await check_tables(await driver_connection(connection))
    assert {check.name: check.breaks for check in found if check.breaks} == {"holds": 2}


async def test_a_reservation_takes_the_price_of_the_day_and_says_why(points: Any, producing: Any) -> None:
    (person,) = await people_with_points(points, producing, 1)
    item, client = await item_on_the_shelf(points, price=20), points.client()
    order = {"volunteer_id": person, "item_id": item}
    base = await made(client, "/v1/redemptions", order)
    assert base["price"] == {"points_each": 20, "reason": "base", "first_day": None, "last_day": None}
    tomorrow = (today() + timedelta(days=1)).isoformat()
    festival = {"price_points": 5, "first_day": today().isoformat(), "last_day": tomorrow}
    prices = await made(client, f"/v1/items/{item}/prices", festival)
    assert (prices["base_points"], prices["today_points"]) == (20, 5)
    cheap = await made(client, "/v1/redemptions", order)
    assert (cheap["points"], cheap["price"]) == (
        5,
        {"points_each": 5, "reason": "period", "first_day": today().isoformat(), "last_day": tomorrow},
    )
    overlapping = {"price_points": 7, "first_day": tomorrow, "last_day": tomorrow}
    refused = await client.post(f"/v1/items/{item}/prices", json=overlapping)
    assert refused.json()["code"] == "price_periods_overlap"
    for named in (f"{tomorrow}–{tomorrow}: 7", f"{today()}–{tomorrow}: 5"):
        assert named in refused.json()["detail"]
    await made(client, f"/v1/items/{item}/prices/{today()}/withdrawal")
    assert (await client.get(f"/v1/items/{item}/prices")).json()["today_points"] == 20
    assert (await made(client, "/v1/redemptions", order))["points"] == 20


async def test_the_catalogue_says_what_an_item_is(points: Any) -> None:
    item, client = await item_on_the_shelf(points), points.client()
    assert (await client.get(f"/v1/items/{item}")).json()["piece"] is None
    said = {"category": "household", "piece": "瓶", "specification": "2 kg"}
    await made(client, f"/v1/items/{item}/description", said)
    (shown,) = (await client.get("/v1/items")).json()["items"]
    assert {name: shown[name] for name in said} == said


async def test_nobody_redeems_with_the_card_of_somebody_who_died(points: Any, producing: Any) -> None:
    (person,) = await people_with_points(points, producing, 1)
    item, client = await item_on_the_shelf(points, price=20), points.client()
    order = {"volunteer_id": person, "item_id": item}
    waiting = await made(client, "/v1/redemptions", order)
    collection = f"/v1/redemptions/{waiting['id']}/collection"
    code = (await points.client("volunteer", subject=person).get(f"/v1/redemptions/{waiting['id']}/code")).json()[
        "code"
    ]
    recorded = await made(client, "/v1/deaths", {"volunteer_id": person, "died_on": today().isoformat()})
    tries = (("/v1/redemptions", order), (collection, {"code": code}), (collection, {"identified_by": "card"}))
    for path, body in tries:
        refused = await client.post(path, json=body)
        assert (refused.status_code, refused.json()["code"]) == (409, "account_closed")
    await made(client, f"/v1/deaths/{recorded['id']}/withdrawal")
    await made(client, collection, {"code": code})
    again = await made(client, "/v1/redemptions", order)
    await made(client, "/v1/deaths", {"volunteer_id": person, "died_on": today().isoformat()})
    assert (await made(client, f"/v1/redemptions/{again['id']}/cancellation"))["stage"] == "cancelled"


async def test_an_office_spends_nobodys_points_who_is_at_home_elsewhere(points: Any, producing: Any) -> None:
    neighbour = uuid.uuid4()
    await producing.tell([registered(neighbour, FOREIGN), completed([attendance(neighbour, 300, morning())])])
    await has_balance(points, neighbour, 50)
    item = await item_on_the_shelf(points)
    body = {"volunteer_id": str(neighbour), "item_id": item}
    refused = await points.client().post("/v1/redemptions", json=body)
    assert (refused.status_code, refused.json()["code"]) == (403, "outside_your_node")
    assert (await points.rows("SELECT pending_debits FROM ledger.accounts WHERE holder = :h", h=str(neighbour)))[0][
        0
    ] == 0
    for client in (points.client("district", "620201"), points.client("volunteer", subject=str(neighbour))):
        await made(client, "/v1/redemptions", body)
