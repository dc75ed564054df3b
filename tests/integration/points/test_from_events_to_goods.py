"""The points service from events on the bus to goods over the counter, on a real PostgreSQL and Kafka."""

import asyncio
import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer

from services.points.app import build
from services.points.proof.verify import verify
from services.points.settings import PointsSettings
from shared.contracts import Evidence
from shared.contracts.points import BalanceChanged
from shared.contracts.registry import (
    ActivityCategory,
    PersonForgotten,
    VolunteerRegistered,
)
from tests.conftest import COMMUNITY, FOREIGN, create_topic, until
from tests.integration.points.producing import attendance, completed, corrected, headers, registered
from tests.integration.points.publishing import publish, tried
from tests.moments import morning

# Nine in the morning in Shanghai: what follows within hours is still the same day there.


@pytest.fixture
async def points(start: Any) -> Any:
    return await start(build, settings=PointsSettings)


async def balance(points: Any, holder: object, unit: str = "POINT") -> int | None:
    rows = await points.rows(
        "SELECT credits - debits FROM ledger.accounts JOIN units u ON u.id = unit WHERE holder = :h AND u.code = :u",
        h=str(holder),
        u=unit,
    )
    return rows[0][0] if rows else None


async def has_balance(points: Any, holder: object, amount: int, unit: str = "POINT") -> None:
    async def there() -> bool:
        return await balance(points, holder, unit) == amount

    await until(there)


async def item_on_the_shelf(points: Any, price: int = 10, pieces: int = 5) -> str:
    client = points.client()
    made = await client.post(
        "/v1/items", json={"community": COMMUNITY, "name": "洗衣液（演示）", "price_points": price}
    )
    assert made.status_code == 201, made.text
    item: str = made.json()["id"]
    received = await client.post(f"/v1/items/{item}/receipts", json={"quantity": pieces})
    assert received.status_code == 201, received.text
    return item


async def test_the_national_default_is_seeded_once(points: Any) -> None:
    await points.service.migrate()
    answer = await points.client("volunteer", subject=str(uuid.uuid4())).get("/v1/policies")
    assert [(p["policy_version"], p["node"]) for p in answer.json()["items"]] == [(1, None)]


async def test_an_activity_becomes_points_minutes_and_service_record(points: Any, producing: Any) -> None:
    scanned, backfilled, estimated = uuid.uuid4(), uuid.uuid4(), uuid.uuid4()
    activity = completed(
        [
            attendance(scanned, 120, morning()),
            attendance(backfilled, 120, morning(), Evidence.BACKFILLED),
            attendance(estimated, 120, morning(), Evidence.ESTIMATED),
        ],
        category=ActivityCategory.PROFESSIONAL,
    )
    await producing.tell([activity, activity])
    await has_balance(points, scanned, 24)
    assert await balance(points, scanned, "MINUTE") == 120
    assert await balance(points, scanned, "SERVICE_MINUTE") == 120
    assert await balance(points, backfilled, "SERVICE_MINUTE") == 120
    assert await balance(points, backfilled) == 0
    assert await balance(points, estimated, "SERVICE_MINUTE") == 0
    statement = await points.client().get(f"/v1/accounts/{scanned}/POINT/statement")
    (line,) = statement.json()["items"]
    assert (line["amount"], line["balance_after"], line["reason"], line["policy_version"]) == (24, 24, "rate", 1)
    assert line["event_id"] == str(activity[0])
    assert line["counterparty"] == f"issuance:{COMMUNITY}"


async def test_a_statement_pages_with_running_balances(points: Any, producing: Any) -> None:
    person = uuid.uuid4()
    hours = [completed([attendance(person, 30, morning() - timedelta(days=n))]) for n in range(7)]
    await producing.tell(hours)
    await has_balance(points, person, 35)
    client, lines, cursor = points.client(), [], ""
    while True:
        page = (await client.get(f"/v1/accounts/{person}/POINT/statement?limit=3{cursor}")).json()
        lines += page["items"]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert [line["balance_after"] for line in lines] == [35, 30, 25, 20, 15, 10, 5]
    assert [line["occurred_at"] for line in lines] == sorted((line["occurred_at"] for line in lines), reverse=True)


async def test_goods_are_reserved_and_collected(points: Any, producing: Any) -> None:
    person = uuid.uuid4()
    await producing.tell([registered(person), completed([attendance(person, 300, morning())])])
    await has_balance(points, person, 50)
    item = await item_on_the_shelf(points, price=20, pieces=5)
    client = points.client()
    reserved = await client.post("/v1/redemptions", json={"volunteer_id": str(person), "item_id": item, "quantity": 2})
    assert reserved.status_code == 201, reserved.text
    account = (await client.get(f"/v1/accounts/{person}/POINT")).json()
    assert (account["posted"], account["pending"], account["available"], account["owed"]) == (50, 40, 10, 0)
    shelf = (await client.get(f"/v1/items/{item}")).json()
    assert (shelf["in_stock"], shelf["available"]) == (5, 3)
    collected = await client.post(f"/v1/redemptions/{reserved.json()['id']}/collection", json={"identified_by": "card"})
    assert collected.json()["stage"] == "collected"
    account = (await client.get(f"/v1/accounts/{person}/POINT")).json()
    assert (account["posted"], account["pending"]) == (10, 0)
    assert (await client.get(f"/v1/items/{item}")).json()["in_stock"] == 3
    again = await client.post(f"/v1/redemptions/{reserved.json()['id']}/cancellation")
    assert (again.status_code, again.json()["code"]) == (409, "redemption_ended")


async def test_what_is_not_there_cannot_be_redeemed(points: Any, producing: Any) -> None:
    person = uuid.uuid4()
    await producing.tell([completed([attendance(person, 300, morning())])])
    await has_balance(points, person, 50)
    item = await item_on_the_shelf(points, price=20, pieces=1)
    client = points.client()

    async def reserve(quantity: int, who: uuid.UUID = person) -> Any:
        body = {"volunteer_id": str(who), "item_id": item, "quantity": quantity}
        return await client.post("/v1/redemptions", json=body)

    assert (await reserve(2)).json()["code"] == "out_of_stock"
    assert (await reserve(3)).json()["code"] in ("not_enough_points", "out_of_stock")
    assert (await reserve(1, uuid.uuid4())).json()["code"] == "not_enough_points"
    dear = await item_on_the_shelf(points, price=30, pieces=9)
    short = await client.post("/v1/redemptions", json={"volunteer_id": str(person), "item_id": dear, "quantity": 2})
    assert "需要 60 分，可用 50 分" in short.json()["detail"]
    assert (await reserve(1)).status_code == 201
    held = await client.post("/v1/redemptions", json={"volunteer_id": str(person), "item_id": dear, "quantity": 2})
    assert "可用 30 分" in held.json()["detail"], "what is held is not available"
    assert (await reserve(1)).json()["code"] == "out_of_stock"
    assert await points.value("SELECT count(*) FROM ledger.holds") == 2


async def test_fifty_buyers_of_the_last_three_pieces_get_three(points: Any, producing: Any) -> None:
    people = [uuid.uuid4() for _ in range(50)]
    await producing.tell([completed([attendance(person, 120, morning()) for person in people])])
    await has_balance(points, people[-1], 20)
    item = await item_on_the_shelf(points, price=20, pieces=3)
    client = points.client()
    answers = await asyncio.gather(
        *[client.post("/v1/redemptions", json={"volunteer_id": str(p), "item_id": item}) for p in people]
    )
    outcomes = sorted(answer.json().get("code", "reserved") for answer in answers)
    assert outcomes.count("reserved") == 3
    assert set(outcomes) <= {"reserved", "out_of_stock"}
    shelf = (await client.get(f"/v1/items/{item}")).json()
    assert (shelf["in_stock"], shelf["available"]) == (3, 0)


async def test_nobody_comes_and_the_reservation_expires(start: Any, producing: Any) -> None:
    points = await start(build, settings=PointsSettings)
    person = uuid.uuid4()
    await producing.tell([completed([attendance(person, 120, morning())])])
    await has_balance(points, person, 20)
    item = await item_on_the_shelf(points, price=20, pieces=1)
    client = points.client()
    reserved = (await client.post("/v1/redemptions", json={"volunteer_id": str(person), "item_id": item})).json()
    async with points.service.database.transaction() as connection:
        await connection.exec_driver_sql("UPDATE timers SET due_at = now() + interval '-1 hour'")

    # Due too early by the reservation's own time: the timer fires and nothing happens.
    async def fired() -> bool:
        return await points.value("SELECT count(*) FROM timers") == 0

    await until(fired)
    answer = (await client.get(f"/v1/redemptions/{reserved['id']}")).json()
    assert answer["stage"] == "reserved"


async def test_a_correction_after_spending_leaves_a_debt_and_closes_redeeming(points: Any, producing: Any) -> None:
    person = uuid.uuid4()
    told = attendance(person, 300, morning())
    await producing.tell([completed([told])])
    await has_balance(points, person, 50)
    item = await item_on_the_shelf(points, price=40, pieces=5)
    client = points.client()
    reserve = {"volunteer_id": str(person), "item_id": item}
    reserved = (await client.post("/v1/redemptions", json=reserve)).json()
    await client.post(f"/v1/redemptions/{reserved['id']}/collection", json={"identified_by": "card"})
    cheap = await item_on_the_shelf(points, price=10, pieces=5)
    waiting = (await client.post("/v1/redemptions", json={"volunteer_id": str(person), "item_id": cheap})).json()
    correction = corrected(told, 0)
    await producing.tell([(uuid.uuid4(), correction)])
    await has_balance(points, person, -40)
    account = (await client.get(f"/v1/accounts/{person}/POINT")).json()
    assert (account["available"], account["owed"]) == (-50, 50)
    why = (await client.get(f"/v1/accounts/{person}/POINT/explanation")).json()
    assert "现欠 50 积分" in why["text"], why["text"]
    earlier = {"at": (morning() - timedelta(days=1)).isoformat()}
    why = (await client.get(f"/v1/accounts/{person}/POINT/explanation", params=earlier)).json()
    assert "现欠" not in why["text"], "of that day nothing can be said about today"
    refused = await client.post("/v1/redemptions", json={"volunteer_id": str(person), "item_id": cheap})
    assert refused.json()["code"] == "not_enough_points"
    assert "需要 10 分，可用 -50 分" in refused.json()["detail"], "it owes"
    collection = f"/v1/redemptions/{waiting['id']}/collection"
    refused = await client.post(collection, json={"identified_by": "card"})
    assert (refused.status_code, refused.json()["code"]) == (409, "account_owes")
    assert "50 积分" in refused.json()["detail"]
    lines = (await client.get(f"/v1/accounts/{person}/POINT/statement")).json()["items"]
    corrections = [line for line in lines if line["reason"] == "correction"]
    originals = [line for line in lines if line["reason"] == "rate"]
    assert [line["corrects"] for line in corrections] == [originals[0]["id"]]
    await producing.tell([completed([attendance(person, 300, morning() - timedelta(days=3))])])
    await has_balance(points, person, 10)
    assert (await client.get(f"/v1/accounts/{person}/POINT")).json()["owed"] == 0
    assert (await client.post(collection, json={"identified_by": "card"})).status_code == 200


async def test_a_forgotten_person_keeps_the_balance_and_cannot_redeem(points: Any, producing: Any) -> None:
    person = uuid.uuid4()
    await producing.tell([completed([attendance(person, 300, morning())])])
    await has_balance(points, person, 50)
    order = {"volunteer_id": str(person), "item_id": await item_on_the_shelf(points)}
    waiting = (await points.client().post("/v1/redemptions", json=order)).json()
    await producing.tell([(uuid.uuid4(), PersonForgotten(volunteer_id=person, community=COMMUNITY))])

    async def forgotten() -> bool:
        return await points.value("SELECT count(*) FROM ledger.members WHERE forgotten_at IS NOT NULL") == 1

    await until(forgotten)
    collect = f"/v1/redemptions/{waiting['id']}/collection", {"identified_by": "card"}
    for path, body in (("/v1/redemptions", order), collect):
        refused = await points.client().post(path, json=body)
        assert refused.json()["code"] == "account_closed"
    assert await balance(points, person) == 50


async def test_a_record_that_cannot_be_understood_is_parked_and_others_flow_on(points: Any, producing: Any) -> None:
    person = uuid.uuid4()
    bad_id, bad = completed([attendance(person, 60, morning())])
    await producing.tell_raw("registry", "activity-bad", b'{"nonsense": 1}', headers(bad_id, bad, "activity-bad"))
    unknown = json.loads(bad.model_dump_json())
    future_id, future = completed([attendance(person, 60, datetime.now(UTC) + timedelta(days=9))])
    await producing.tell_raw(
        "registry", "future", future.model_dump_json().encode(), headers(future_id, future, "future")
    )
    unknown["category"] = "space_travel"
    await producing.tell_raw("registry", "unknown", json.dumps(unknown).encode(), headers(uuid.uuid4(), bad, "unknown"))
    await producing.tell([completed([attendance(person, 60, morning())])])
    await has_balance(points, person, 10)

    async def three_parked() -> bool:
        return await points.value("SELECT count(*) FROM parked") == 3

    await until(three_parked)
    reasons = {row[0] for row in await points.rows("SELECT reason FROM parked")}
    assert "service_from_the_future" in reasons


async def test_balances_are_published_for_subscribers(points: Any, producing: Any, stack: Any, namespace: str) -> None:
    person = uuid.uuid4()
    await producing.tell([registered(person, FOREIGN), completed([attendance(person, 60, morning())])])
    await has_balance(points, person, 10)
    consumer = AIOKafkaConsumer(
        f"{namespace}.points.balances.v1", bootstrap_servers=stack.kafka_bootstrap, auto_offset_reset="earliest"
    )
    await consumer.start()
    latest: dict[str, BalanceChanged] = {}
    try:
        async with asyncio.timeout(20):
            while f"{person}/POINT" not in latest or latest[f"{person}/POINT"].community != FOREIGN:
                message = await consumer.getone()
                latest[message.key.decode()] = BalanceChanged.model_validate_json(message.value)
    finally:
        await consumer.stop()
    assert latest[f"{person}/POINT"].posted == 10

    async def recorded_no_more() -> bool:
        return await points.value("SELECT count(*) FROM ledger.balance_changes") == 0

    await until(recorded_no_more)


async def test_a_policy_is_published_for_a_node_and_refused_when_bad(points: Any) -> None:
    client = points.client("district", node="620201")
    title = {"zh": "嘉峪关市积分办法", "en": "Points in Jiayuguan"}

    async def refused(document: Any, **changed: Any) -> Any:
        body = {"node": "620201", "in_force_from": "2199-01-01", "document": document, **changed}
        return await client.post("/v1/policies", json=body)

    good = {"title": title, "caps_per_day": {"POINT": 80}}
    assert await publish(client, "620201", "2199-01-01", good) == 2
    again = await tried(client, {"node": "620201", "in_force_from": "2199-01-01", "document": good})
    del again["document"]
    assert (await refused(good, **again)).json()["code"] == "policy_overlaps"
    bad = await refused({"title": title, "points": {"weights_percent": {"activity.swimming": 1, "activity.care": -1}}})
    assert (bad.status_code, bad.json()["code"]) == (422, "bad_policy")
    places = {error["field"]: error["problem"] for error in bad.json()["errors"]}
    swimming, care = "/points/weights_percent/activity.swimming", "/points/weights_percent/activity.care"
    assert places == {swimming: "没有这一项或这个取值", care: "不能为负"}
    late = await refused(good, in_force_from="2020-01-01")
    assert late.json()["code"] == "policy_retroactive"
    assert (await refused(good, node="11")).status_code == 403
    terms = await client.get(f"/v1/policies/in-force?community={COMMUNITY}&day=2199-02-01")
    assert terms.json()["caps_per_day"]["POINT"] == {"value": 80, "policy_version": 2}
    assert terms.json()["caps_per_day"]["MINUTE"] == {"value": 480, "policy_version": 1}
    before = await client.get(f"/v1/policies/in-force?community={COMMUNITY}&day=2198-12-31")
    assert before.json()["caps_per_day"]["POINT"]["value"] == 100


async def test_accounts_are_shown_to_those_they_concern(points: Any, producing: Any) -> None:
    person, other = uuid.uuid4(), uuid.uuid4()
    await producing.tell([completed([attendance(person, 60, morning()), attendance(other, 60, morning())])])
    await has_balance(points, other, 10)
    mine = points.client("volunteer", subject=str(person))
    assert (await mine.get(f"/v1/accounts/{person}/POINT")).status_code == 200
    assert (await mine.get(f"/v1/accounts/{other}/POINT")).status_code == 403
    assert {a["holder"] for a in (await mine.get("/v1/accounts")).json()["items"]} == {str(person)}
    elsewhere = points.client(node=FOREIGN)
    assert (await elsewhere.get(f"/v1/accounts/{person}/POINT")).status_code == 403
    assert (await elsewhere.get("/v1/accounts")).json()["items"] == []
    issuance = await points.client().get(f"/v1/accounts/issuance:{COMMUNITY}/POINT")
    assert issuance.json()["posted"] == -20
    refused = await points.client().get(f"/v1/accounts/issuance:{COMMUNITY}/POINT/statement")
    assert refused.json()["code"] == "statement_not_kept"


async def test_a_home_that_becomes_known_later_moves_the_account(points: Any, producing: Any) -> None:
    person = uuid.uuid4()
    await producing.tell([completed([attendance(person, 60, morning())])])
    await has_balance(points, person, 10)
    assert isinstance(registered(person, FOREIGN)[1], VolunteerRegistered)
    await producing.tell([registered(person, FOREIGN)])

    async def moved() -> bool:
        rows = await points.rows("SELECT DISTINCT community FROM ledger.accounts WHERE holder = :h", h=str(person))
        return [row[0] for row in rows] == [FOREIGN]

    await until(moved)


async def test_a_backlog_of_newcomers_is_booked_two_batches_abreast(
    start: Any, producing: Any, stack: Any, namespace: str
) -> None:
    """Batches beside each other open the same people's accounts; some records come twice, in another batch."""
    for context in ("registry", "grid_patrol", "mediation"):
        await create_topic(stack.kafka_bootstrap, f"{namespace}.{context}.v1")
    people = [uuid.uuid4() for _ in range(150)]
    told = [
        completed(
            [attendance(people[(number * 3 + n) % 150], 60, morning() - timedelta(days=number % 40)) for n in range(3)]
        )
        for number in range(2000)
    ]
    await producing.tell([*told, *told[::20]])
    points = await start(build, settings=PointsSettings, consumer_batch_size_max=600)

    async def all_there() -> bool:
        rows = await points.rows("SELECT count(*) FROM consumed")
        return bool(rows[0][0] == 2000)

    await until(all_there, 60)
    assert await verify(points.service) == 0
    # Of a person's ten hours on one day the cap leaves eight; which of them, depends on what was known when.
    minutes = await points.value("SELECT sum(amount) FROM ledger.transfers WHERE unit = 3 AND clause = 1")
    assert minutes == 2000 * 3 * 60
