"""Points lapse on a real ledger: announced, run once, put right afterwards, and the same in a rebuild."""

import functools
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer
from sqlalchemy import text

from services.points.anomalies.model import Find, Hold
from services.points.anomalies.views import FLAGS
from services.points.app import build
from services.points.ledger.holds import LapsedMeanwhile
from services.points.proof.rebuild import rebuild
from services.points.proof.verify import verify
from services.points.redemptions.model import Reserve
from services.points.redemptions.views import REDEMPTIONS
from services.points.settings import PointsSettings
from shared.contracts.anomalies import AnomalyEvidence, HeldPoints, Measure, Sign, SuspectRecord
from shared.contracts.envelope import header_map
from shared.metrics import REGISTRY
from tests.conftest import COMMUNITY, until
from tests.integration.points.producing import attendance, completed, corrected
from tests.integration.points.test_explanations import booked, tell_at

SERVED = datetime(2024, 5, 6, 1, tzinfo=UTC)
"""What was earned on this day can be spent until the end of 2025."""


class Calendar:
    """A clock that a test moves."""

    def __init__(self, at: datetime) -> None:
        self.now = at

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def calendar() -> Calendar:
    return Calendar(datetime(2025, 11, 30, 4, tzinfo=UTC))


@pytest.fixture
async def points(start: Any, calendar: Calendar) -> Any:
    # A look at the records would find no ground for the flag by which a test has points held.
    often = {"expiry_check_interval_s": "1", "anomalies_check_interval_s": "3600"}
    return await start(functools.partial(build, clock=calendar), settings=PointsSettings, **often)


async def balance(points: Any, person: uuid.UUID) -> int:
    return int((await points.client().get(f"/v1/accounts/{person}/POINT")).json()["posted"])


async def earn(producing: Any, points: Any, *served: tuple[uuid.UUID, int, datetime]) -> list[tuple[uuid.UUID, Any]]:
    told = []
    for person, minutes, at in served:
        event_id, event = completed([attendance(person, minutes, at, record_id=uuid.uuid4())])
        await tell_at(producing, at + timedelta(hours=8), event_id, event)
        told.append((event_id, event))
    await booked(points, *(event_id for event_id, _ in told))
    return told


async def alter_lapses(points: Any, how: str) -> None:
    async with points.service.database.transaction() as connection:
        await connection.execute(text(f"ALTER TABLE ledger.lapses {how}"))


async def reserve(points: Any, person: uuid.UUID, price: int, quantity: int = 1) -> str:
    client = points.client()
    item = (
        await client.post("/v1/items", json={"community": COMMUNITY, "name": "米（演示）", "price_points": price})
    ).json()
    await client.post(f"/v1/items/{item['id']}/receipts", json={"quantity": 1 + quantity})
    order = {"volunteer_id": str(person), "item_id": item["id"], "quantity": quantity}
    reserved = await client.post("/v1/redemptions", json=order)
    assert reserved.status_code == 201, reserved.text
    return str(reserved.json()["id"])


async def reserving(points: Any, work: Any, person: uuid.UUID, like: str) -> None:
    """A reservation of ten points, decided and not yet committed, of the item of another one."""
    item = await points.value("SELECT item_id FROM redemptions WHERE id = :id", id=uuid.UUID(like))
    redemption_id, collect_by = uuid.uuid4(), work.now + timedelta(days=3)
    command = Reserve(redemption_id, COMMUNITY, person, item, 1, 10, False, work.now, collect_by)
    work.create(REDEMPTIONS, redemption_id, command)


async def hold_for_a_look(points: Any, person: uuid.UUID, told: tuple[uuid.UUID, Any]) -> uuid.UUID:
    """A flag that holds what somebody's record brought."""
    event_id, activity = told
    record, flag_id = activity.attendances[0], uuid.uuid4()
    suspect = SuspectRecord(
        record_id=record.record_id, volunteer_id=person, event_id=event_id, started_at=record.started_at, minutes=300
    )
    evidence = AnomalyEvidence(
        sign=Sign.IMPOSSIBLE_DAY,
        records=(suspect,),
        since=record.started_at,
        until=record.started_at + timedelta(hours=5),
        measure=Measure.MINUTES,
        measured=300,
        limit=200,
        policy_version=1,
    )
    held = (HeldPoints(volunteer_id=person, worth=50, points=50),)
    async with points.service.workshop.transaction() as work:
        await work.execute(FLAGS, flag_id, Find(flag_id, COMMUNITY, evidence, work.now))
        hold = Hold(uuid.uuid4(), held, None, work.now, (record.record_id,))
        await work.execute(FLAGS, flag_id, hold)
        await work.finish()
    return flag_id


def _by_person(found: list[dict[str, Any]]) -> dict[str, dict[str, int]]:
    for one in found:
        assert one["points"] == sum(day["points"] for day in one["days"])
    return {one["volunteer_id"]: {day["last_day"]: day["points"] for day in one["days"]} for one in found}


async def test_points_are_announced_lapse_and_come_out_right_when_the_past_changes(
    points: Any, producing: Any, calendar: Calendar, stack: Any, namespace: str
) -> None:
    saver, spender, reserver, watched = (uuid.uuid4() for _ in range(4))
    later = SERVED + timedelta(days=300)
    told = await earn(
        producing, points, (saver, 300, SERVED), (spender, 300, SERVED), (spender, 120, later), (reserver, 300, SERVED),
        (watched, 300, SERVED),
    )  # fmt: skip
    flag_id = await hold_for_a_look(points, watched, told[-1])
    client = points.client()
    spent = await reserve(points, spender, 30)
    await client.post(f"/v1/redemptions/{spent}/collection", json={"identified_by": "card"})
    lots = (await client.get(f"/v1/accounts/{spender}/POINT/lots")).json()
    assert [(lot["amount"], lot["spent"], lot["left"], lot["last_day"]) for lot in lots["items"]] == [
        (50, 30, 20, "2025-12-31"),
        (20, 0, 20, "2026-12-31"),
    ]
    assert lots["text"] == "有 20 积分将在 2025-12-31 之后失效，请在此前使用。"

    async def expiring(asking: Any, until: str, **more: Any) -> dict[str, Any]:
        answer = await asking.get("/v1/expiring-points", params={"until": until, **more})
        assert answer.status_code == 200, answer.text
        found, cursor = answer.json()["items"], answer.json()["next_cursor"]
        if cursor is not None:
            return {**_by_person(found), **await expiring(asking, until, **{**more, "cursor": cursor})}
        return _by_person(found)

    this_year = {str(one): {"2025-12-31": 50} for one in (saver, reserver, watched)}
    this_year[str(spender)] = {"2025-12-31": 20}
    assert await expiring(client, "2025-12-30") == {}
    assert await expiring(client, "2025-12-31") == this_year
    assert await expiring(client, "2026-12-30", limit=1) == this_year
    both = {**this_year, str(spender): {"2025-12-31": 20, "2026-12-31": 20}}
    assert await expiring(client, "2199-12-31", node=COMMUNITY) == both
    assert await expiring(points.client("volunteer", subject=str(spender)), "2025-12-31") == {
        str(spender): {"2025-12-31": 20}
    }
    assert await expiring(points.client("community", node="620201001009"), "2025-12-31") == {}
    elsewhere = await client.get("/v1/expiring-points", params={"until": "2025-12-31", "node": "620202"})
    assert elsewhere.status_code == 403

    never_fetched = await reserve(points, reserver, 30)
    calendar.now = datetime(2025, 12, 1, 4, tzinfo=UTC)

    parts = {person.int % 256 for person in (saver, spender, reserver, watched)}

    async def announced() -> bool:
        query = "SELECT count(*) FROM events WHERE type LIKE '%PointsExpiryAnnounced%'"
        return bool(await points.value(query) == len(parts))

    async def notices() -> list[tuple[Any, ...]]:
        rows = await points.rows(
            "SELECT n->>'volunteer_id', (n->>'points')::int, n->>'last_day' FROM events,"
            " jsonb_array_elements(data->'notices') AS n WHERE type LIKE '%PointsExpiryAnnounced%' ORDER BY position"
        )
        return [tuple(row) for row in rows]

    await until(announced)
    ahead = await notices()
    assert set(ahead) == {
        (str(saver), 50, "2025-12-31"),
        (str(spender), 20, "2025-12-31"),
        (str(reserver), 20, "2025-12-31"),
        (str(watched), 50, "2025-12-31"),
    }
    # What was spoken for on the day of the announcement, and was not fetched, is told once it is there to lapse.
    await client.post(f"/v1/redemptions/{never_fetched}/cancellation")
    calendar.now = datetime(2025, 12, 4, 4, tzinfo=UTC)

    async def told_more() -> bool:
        return len(await notices()) > len(ahead)

    await until(told_more)

    calendar.now = datetime(2025, 12, 30, 4, tzinfo=UTC)
    held, in_part = await reserve(points, reserver, 20), await reserve(points, reserver, 10, quantity=3)
    calendar.now = datetime(2025, 12, 31, 15, 59, tzinfo=UTC)
    # Something is wrong with one part of the people. The others have their turn all the same.
    in_trouble = min(parts - {spender.int % 256})
    await alter_lapses(points, f"ADD CONSTRAINT in_trouble CHECK (part <> {in_trouble})")

    async def lapsed(but: int = 1) -> bool:
        return bool(await points.value("SELECT count(*) FROM ledger.lapses") == len(parts) - but)

    # Who reserves in the last minute of the year in Shanghai and is overtaken by the run is asked to do it again:
    # by its time the reservation would have kept points that the run has let lapse.
    async def overtaken() -> None:
        async with points.service.workshop.transaction() as work:
            await reserving(points, work, spender, spent)
            calendar.now = datetime(2025, 12, 31, 16, 1, tzinfo=UTC)
            await until(lapsed)
            await work.finish()

    with pytest.raises(LapsedMeanwhile):
        await overtaken()
    assert REGISTRY.get_sample_value("liuling_parts_failed_total", {"round": "expiry"})
    await alter_lapses(points, "DROP CONSTRAINT in_trouble")
    await until(functools.partial(lapsed, but=0))
    assert (await notices())[len(ahead) :] == [(str(reserver), 30, "2025-12-31")]
    assert (await balance(points, saver), await balance(points, spender)) == (0, 20)
    assert (await balance(points, reserver), await balance(points, watched)) == (50, 50)  # held since before
    released = await client.post(f"/v1/anomalies/{flag_id}/release")
    assert released.status_code == 200, released.text
    assert await balance(points, watched) == 0
    calendar.now += timedelta(hours=1)
    await client.post(f"/v1/redemptions/{held}/cancellation")
    assert await balance(points, reserver) == 30
    taken = await client.post(f"/v1/redemptions/{in_part}/collection", json={"identified_by": "card", "quantity": 2})
    assert taken.status_code == 200, taken.text
    assert await balance(points, reserver) == 0
    spent_and_lapsed = (await client.get(f"/v1/accounts/{reserver}/POINT/statement")).json()["items"]
    assert sorted(line["amount"] for line in spent_and_lapsed) == [-20, -20, -10, 50]
    # What they took is brought back: the points come back as if they had been held till now, and lapse now.
    calendar.now += timedelta(hours=1)
    back = await client.post(f"/v1/redemptions/{in_part}/reversal", json={"reason": "returned"})
    assert (back.status_code, back.json().get("stage")) == (200, "reversed"), back.text
    assert await balance(points, reserver) == 0
    reversal = await points.value("SELECT event_id FROM events ORDER BY position DESC LIMIT 1")
    lines = (await client.get(f"/v1/accounts/{reserver}/POINT/explanation")).json()["items"]
    (given_back,) = [line for line in lines if line["reason"] == "taken_back"]
    (collected,) = [line for line in lines if line["id"] == given_back["corrects"]]
    assert collected["corrected_by"] == [given_back["id"]]
    assert collected["text"].endswith("兑换物品“米（演示）”：预约 3 件，领取 2 件，扣减 20 积分。"), "nothing is owed"
    assert given_back["text"] == "2026-01-01 的兑换“米（演示）”2 件已于 2026-01-01 撤回（物品退回）：增加 20 积分。"
    (lapsed_then,) = [line for line in lines if line["caused_by"] == [str(reversal)]]
    assert lapsed_then["amount"] == -20
    assert lapsed_then["text"].endswith("起因：2025-12-30 的一次兑换撤回，积分退回。")
    caused = (await client.get(f"/v1/events/{reversal}/effects")).json()["items"]
    assert [one["id"] for one in caused if one["caused_by"] == [str(reversal)]] == [lapsed_then["id"]]
    explained = (await client.get(f"/v1/accounts/{spender}/POINT/explanation")).json()["items"]
    line = explained[0]
    assert (line["reason"], line["amount"]) == ("expiry", -20)
    assert explained[1]["text"].endswith("先得先用，用的是：2024-05-06 所得 30 分。")
    assert explained[-1]["text"].endswith("这 50 分：已用 30 分，2026-01-01 到期失效 20 分。")
    for at, became in (
        ("2025-12-30T00:00:00Z", "这 50 分：已用 30 分，还有 20 分，可用到 2025-12-31。"),
        ("2025-11-01T00:00:00Z", "这 50 分都还没有用，可用到 2025-12-31。"),
    ):
        for known in ("now", "then"):
            query = {"at": at, "as_known": known}
            then = await client.get(f"/v1/accounts/{spender}/POINT/explanation", params=query)
            assert then.json()["items"][-1]["text"].endswith(became)
    assert line["text"].startswith("2026-01-01 有 20 积分到期失效：2024-05-06 服务所得，")
    assert [(g["place"], g["value"]) for g in line["grounds"]] == [("/expiry/POINT", {"rule": "end_of_next_year"})]

    # The record that lapsed turns out to be shorter: what lapsed was never there.
    _, activity = told[0]
    shorter = corrected(activity.attendances[0], 60, activity)
    correction_id = uuid.uuid4()
    await tell_at(producing, datetime(2026, 1, 5, tzinfo=UTC), correction_id, shorter)
    await booked(points, correction_id)
    assert await balance(points, saver) == 0
    lines = (await client.get(f"/v1/accounts/{saver}/POINT/explanation")).json()["items"]
    (given_back,) = [line for line in lines if (line["reason"], line["amount"]) == ("expiry_restated", 40)]
    effects = (await client.get(f"/v1/events/{given_back['source']['event_id']}/effects")).json()["items"]
    assert given_back["text"] in [effect["text"] for effect in effects]
    assert given_back["caused_by"] == [str(correction_id)]
    caused = (await client.get(f"/v1/events/{correction_id}/effects")).json()["items"]
    assert [one["id"] for one in caused if one["caused_by"] == [str(correction_id)]] == [given_back["id"]]
    assert "重新计算 2024-05-06 服务所得积分的到期失效：退还 40 积分。" in given_back["text"]
    # Service of that year that is told only now has lapsed by the time it is known.
    await earn(producing, points, (saver, 60, SERVED + timedelta(days=1)))
    assert await balance(points, saver) == 0
    runs = await points.value("SELECT count(*) FROM events WHERE type LIKE '%PointsLapsed%'")
    calendar.now += timedelta(days=1)
    await earn(producing, points, (spender, 60, SERVED + timedelta(days=700)))
    assert await points.value("SELECT count(*) FROM events WHERE type LIKE '%PointsLapsed%'") == runs
    assert await verify(points.service) == 0
    assert await rebuild(points.service) == 0
    assert await rebuild(points.service, switch=True) == 0
    assert await balance(points, spender) == 30

    # Subscribers hear of it.
    consumer = AIOKafkaConsumer(
        f"{namespace}.points.v1", bootstrap_servers=stack.kafka_bootstrap, auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        heard: set[bytes] = set()
        while b"liuling.points.PointsLapsed.v1" not in heard:
            for records in (await consumer.getmany(timeout_ms=1000)).values():
                heard |= {header_map(record.headers)["ce_type"] for record in records}
    finally:
        await consumer.stop()
    assert b"liuling.points.PointsExpiryAnnounced.v1" in heard
