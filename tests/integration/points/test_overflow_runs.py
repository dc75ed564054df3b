"""Time above the cap goes to the public pool when the day is over, comes back when it ought to, and says so."""

import functools
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer

from services.points.app import build
from services.points.ledger import holders
from services.points.ledger.clauses import Clause
from services.points.ledger.holds import Leg
from services.points.ledger.payments import Payments
from services.points.ledger.writing import AccountKey, LedgerWriter
from services.points.proof.rebuild import rebuild
from services.points.proof.verify import verify
from services.points.settings import PointsSettings
from services.points.units import Unit
from shared.contracts.envelope import header_map
from shared.contracts.registry import ActivityCategory
from shared.database import driver_connection
from tests.conftest import COMMUNITY, until
from tests.integration.points.producing import attendance, completed, corrected, registered
from tests.integration.points.publishing import publish
from tests.integration.points.test_expiry_runs import Calendar
from tests.integration.points.test_explanations import booked, tell_at

NINE = datetime(2026, 3, 5, 1, tzinfo=UTC)
"""In the morning, in Shanghai."""
CAP = {"title": {"zh": "本社区时间银行办法", "en": "Our time bank"}, "time_bank": {"cap_minutes": 300}}
POOL = f"pool:{COMMUNITY}"


@pytest.fixture
def calendar() -> Calendar:
    return Calendar(NINE - timedelta(days=3))


@pytest.fixture
async def points(start: Any, calendar: Calendar) -> Any:
    running = await start(
        functools.partial(build, clock=calendar), settings=PointsSettings, overflow_check_interval_s="1"
    )
    await publish(running.client("district", node="620201"), COMMUNITY, "2026-03-04", CAP)
    return running


async def minutes(points: Any, holder: Any) -> int:
    answer = await points.client().get(f"/v1/accounts/{holder}/MINUTE")
    return int(answer.json()["posted"]) if answer.status_code == 200 else 0


async def serve(points: Any, producing: Any, person: uuid.UUID, amount: int, at: datetime) -> tuple[uuid.UUID, Any]:
    told = completed([attendance(person, amount, at, record_id=uuid.uuid4())], category=ActivityCategory.CARE)
    await tell_at(producing, at + timedelta(hours=8), *told)
    await booked(points, told[0])
    return told


async def test_time_above_the_cap_flows_over_comes_back_and_is_the_same_in_a_rebuild(
    points: Any, producing: Any, calendar: Calendar, stack: Any, namespace: str
) -> None:
    saver, modest = uuid.uuid4(), uuid.uuid4()
    stranger = uuid.UUID(int=uuid.uuid4().int & ~255 | saver.int & 255)  # in the same part of the people
    people = [registered(saver), registered(modest)]
    await producing.tell(people)
    await booked(points, *(event_id for event_id, _ in people))
    _, first = await serve(points, producing, saver, 400, NINE)
    await serve(points, producing, modest, 250, NINE)
    await serve(points, producing, stranger, 400, NINE)  # whose home is not known yet
    calendar.now = datetime(2026, 3, 5, 16, 10, tzinfo=UTC)  # ten past midnight: somebody may still be at it
    client = points.client()
    assert await minutes(points, saver) == 400

    calendar.now = datetime(2026, 3, 5, 16, 16, tzinfo=UTC)

    async def pooled() -> bool:
        return await minutes(points, POOL) == 100

    await until(pooled)
    assert [await minutes(points, who) for who in (saver, modest, stranger)] == [300, 250, 400]
    explained = (await client.get(f"/v1/accounts/{saver}/MINUTE/explanation")).json()
    line = explained["items"][0]
    assert (line["reason"], line["amount"], explained["balance"]) == ("pooled", -100, 300)
    assert line["text"] == (
        "2026-03-06 结算：时间银行每人最多存 5 小时，多出的 100 分钟归入社区公益时间池，留给需要帮助的人。"
        "依据《本社区时间银行办法》（第 2 版）。"
    )
    assert [(g["place"], g["value"]) for g in line["grounds"]] == [("/time_bank/cap_minutes", 300)]
    of_pool = (await client.get(f"/v1/accounts/{POOL}/MINUTE/explanation")).json()["items"][0]
    assert of_pool["text"].startswith("2026-03-06 结算：有人的时间银行超过 5 小时，多出的 100 分钟归入公益时间池。")
    sheet = await client.get(
        f"/v1/accounts/{saver}/MINUTE/statement.xlsx", params={"from": "2026-03-01", "to": "2026-03-31"}
    )
    assert sheet.status_code == 200

    # Whoever's home becomes known later is dealt with then.
    at_home = registered(stranger)
    await producing.tell([at_home])
    await booked(points, at_home[0])
    assert (await minutes(points, stranger), await minutes(points, POOL)) == (300, 200)

    # Service of that day that is told only now flows over as it is known; a correction brings back what ought not to.
    before = await minutes(points, POOL)
    await serve(points, producing, saver, 60, NINE + timedelta(hours=9))
    assert (await minutes(points, saver), await minutes(points, POOL)) == (300, before + 60)
    shorter = corrected(first.attendances[0], 320, first)
    shorter_id = uuid.uuid4()
    await tell_at(producing, NINE + timedelta(days=2), shorter_id, shorter)
    await booked(points, shorter_id)
    assert (await minutes(points, saver), await minutes(points, POOL)) == (300, before - 20)
    english = await client.get(f"/v1/accounts/{saver}/MINUTE/explanation", headers={"accept-language": "en"})
    texts = [item["text"] for item in english.json()["items"] if item["reason"] == "pooled_restated"]
    assert any("80 minutes came back from the public pool" in text for text in texts)

    rounds = await points.value("SELECT count(*) FROM events WHERE type LIKE '%MinutesPooled%'")
    assert rounds == len({person.int % 256 for person in (saver,)})
    assert await verify(points.service) == 0
    assert await rebuild(points.service) == 0
    assert await rebuild(points.service, switch=True) == 0
    assert await minutes(points, saver) == 300

    # Subscribers hear of it.
    consumer = AIOKafkaConsumer(
        f"{namespace}.points.v1", bootstrap_servers=stack.kafka_bootstrap, auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        heard: set[bytes] = set()
        while b"liuling.points.MinutesPooled.v1" not in heard:
            for records in (await consumer.getmany(timeout_ms=1000)).values():
                heard |= {header_map(record.headers)["ce_type"] for record in records}
    finally:
        await consumer.stop()


async def test_after_an_outage_one_round_takes_what_stood_above_and_nothing_that_was_spent(
    points: Any, producing: Any, calendar: Calendar
) -> None:
    saver, spender = uuid.uuid4(), uuid.uuid4()
    await producing.tell([registered(saver), registered(spender)])
    for person in (saver, spender):
        await serve(points, producing, person, 400, NINE)

    # Just after midnight somebody gives away what the round would take, and more; then nothing runs until the morning.
    calendar.now = datetime(2026, 3, 5, 16, 5, tzinfo=UTC)
    given = {"volunteer_id": str(spender), "minutes": 350}
    answer = await points.client("volunteer", subject=str(spender)).post("/v1/minutes/donations", json=given)
    assert answer.status_code == 201, answer.text
    calendar.now = datetime(2026, 3, 6, 0, tzinfo=UTC)

    async def pooled() -> bool:
        return await minutes(points, POOL) == 350 + 100

    await until(pooled)
    query = "SELECT data->'spent'->0->>'minutes' FROM events WHERE type LIKE '%MinutesPooled%' ORDER BY position"

    async def said() -> bool:  # each of the two is in a part of their own
        return "350" in [row[0] for row in await points.rows(query)]

    await until(said)
    assert [await minutes(points, who) for who in (saver, spender)] == [300, 50]

    # A week without a round: that of the last night takes it all, and what the registry told meanwhile as it arrives.
    calendar.now = NINE + timedelta(days=1, hours=9)
    await serve(points, producing, saver, 60, NINE + timedelta(days=1))
    assert await minutes(points, saver) == 360
    calendar.now = NINE + timedelta(days=8)

    async def after_the_week() -> bool:
        return await minutes(points, saver) == 300

    await until(after_the_week)
    await serve(points, producing, saver, 60, NINE + timedelta(days=3))
    assert await minutes(points, saver) == 300
    assert await minutes(points, POOL) == 350 + 100 + 120
    of_saver = f"part = {saver.int % 256}"
    query = f"SELECT array_agg(through::text ORDER BY through) FROM ledger.pool_rounds WHERE {of_saver}"
    assert (await points.value(query))[-2:] == ["2026-03-05", "2026-03-12"]
    assert await verify(points.service) == 0
    assert await rebuild(points.service, switch=True) == 0
    assert await minutes(points, spender) == 50


async def test_a_pool_that_gave_away_what_has_to_come_back_is_made_up_for(
    points: Any, producing: Any, calendar: Calendar
) -> None:
    person = uuid.uuid4()
    await producing.tell([registered(person)])
    _, first = await serve(points, producing, person, 480, NINE)
    calendar.now = datetime(2026, 3, 5, 17, tzinfo=UTC)

    async def pooled() -> bool:
        return await minutes(points, POOL) == 180

    await until(pooled)
    # The pool gives what it has, as an order for somebody in need would take it.
    await _give_from_pool(points, 150, calendar.now)
    shorter = corrected(first.attendances[0], 330, first)
    shorter_id = uuid.uuid4()
    await tell_at(producing, NINE + timedelta(days=2), shorter_id, shorter)
    await booked(points, shorter_id)
    assert (await minutes(points, person), await minutes(points, POOL)) == (300, 0)
    line = (await points.client().get(f"/v1/accounts/{POOL}/MINUTE/explanation")).json()["items"][0]
    assert (line["reason"], line["amount"]) == ("pool_made_good", 120)
    assert "公益时间池不足，由社区补足" in line["text"]
    # Both lines go by other events; the correction leads to them, and the line of the person leads back.
    caused = (await points.client().get(f"/v1/events/{shorter_id}/effects")).json()["items"]
    indirect = [one for one in caused if one["caused_by"] == [str(shorter_id)]]
    assert [(one["reason"], one["amount"]) for one in indirect] == [("pooled_restated", 150), ("pool_made_good", 120)]
    told = (await points.client().get(f"/v1/accounts/{person}/MINUTE/explanation")).json()["items"]
    # Of the round's two lines, either has the greater id: connections number from stocks of their own.
    (back,) = [line for line in told if line["id"] == indirect[0]["id"]]
    assert back["caused_by"] == [str(shorter_id)]
    assert "起因：2026-03-05 的一条服务记录更正了。" in back["text"]
    assert await verify(points.service) == 0


async def _give_from_pool(points: Any, amount: int, at: datetime) -> None:
    writer = LedgerWriter()
    async with points.service.database.transaction() as connection:
        db = await driver_connection(connection)
        keys = [AccountKey(POOL, Unit.MINUTE), AccountKey(holders.clearing(COMMUNITY), Unit.MINUTE)]
        numbers = await writer.accounts(db, keys, COMMUNITY)
        leg = Leg(numbers[keys[0]], numbers[keys[1]], Unit.MINUTE, amount, Clause.REDEMPTION)
        await Payments(writer).pay(
            db, [leg], record_id=uuid.uuid4(), event_id=uuid.uuid4(), occurred_at=at, recorded_at=at
        )
