"""Communities settle with each other on a real ledger: previewed, proposed, confirmed by another, paid once."""

import asyncio
import functools
import io
import uuid
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer
from python_calamine import CalamineWorkbook

from services.points.app import build
from services.points.expiry.effects import LapseLater
from services.points.expiry.lapsing import Lapsing
from services.points.ledger.clauses import Clause
from services.points.ledger.schema import LIVE, REBUILT, copy_of_the_tables
from services.points.ledger.writing import LedgerWriter
from services.points.overflow.effects import PoolLater
from services.points.overflow.flowing import Overflow
from services.points.own_events import LedgerEffects
from services.points.proof.checks import check_tables, net_effects
from services.points.proof.verify import verify
from services.points.settings import PointsSettings
from services.points.settlements.rounds import SettlementRounds
from shared.contracts.envelope import header_map
from shared.database import driver_connection
from shared.eventstore import read_all
from tests.conftest import COMMUNITY, DISTRICT, FOREIGN, until
from tests.integration.points.ordering import Order, post
from tests.integration.points.test_expiry_runs import Calendar
from tests.moments import morning, now, today

A, B, C = COMMUNITY, FOREIGN, "620201001006"
OUTSIDE = "620102001001"


def yesterday() -> date:
    return today() - timedelta(days=1)


@pytest.fixture
async def points(start: Any) -> Any:
    return await start(build, working=False, settings=PointsSettings)


def district(points: Any, who: str, node: str = DISTRICT) -> Any:
    return points.client("district", node=node, subject=who)


async def proposed(points: Any, node: str = DISTRICT, through: date | None = None, who: str = "anna") -> Any:
    body = {"node": node, "through": (through or yesterday()).isoformat()}
    answer = await district(points, who, node).post("/v1/settlements", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def confirmed(points: Any, run: Any, who: str = "ben") -> Any:
    return await district(points, who, run["node"]).post(f"/v1/settlements/{run['id']}/confirmation")


async def clearing(points: Any) -> dict[str, int]:
    rows = await points.rows(
        "SELECT community, credits - debits FROM ledger.accounts WHERE holder LIKE 'clearing:%' ORDER BY 1"
    )
    return {row[0]: row[1] for row in rows if row[1]}


def orders() -> list[Order]:
    return [
        Order(A, B, 100, morning(3)),
        Order(B, A, 40, morning(3)),
        Order(A, C, 30, morning(3)),
        Order(C, B, 20, morning(3)),
    ]


async def test_a_run_brings_the_clearing_accounts_to_zero_with_the_fewest_payments(points: Any) -> None:
    told = orders()
    await post(points.service, *told)
    assert await clearing(points) == {A: 90, B: -80, C: -10}
    client = district(points, "anna")
    preview = (await client.get("/v1/settlements/preview", params={"node": DISTRICT})).json()
    assert [(o["debtor"], o["creditor"], o["minutes"]) for o in preview["obligations"]] == [(A, B, 80), (A, C, 10)]
    assert (preview["gross_minutes"], preview["flows"], preview["net_minutes"]) == (190, 4, 90)
    assert await clearing(points) == {A: 90, B: -80, C: -10}, "a preview moves nothing"

    run = await proposed(points)
    assert await clearing(points) == {A: 90, B: -80, C: -10}, "nor does a proposal"
    again = await client.post("/v1/settlements", json={"node": DISTRICT, "through": yesterday().isoformat()})
    assert again.json()["code"] == "settlement_already_proposed"
    own = await confirmed(points, run, "anna")
    assert (own.status_code, own.json()["code"]) == (409, "settlement_own_proposal")
    answer = await confirmed(points, run)
    assert (answer.status_code, answer.json()["stage"]) == (200, "confirmed")
    assert await clearing(points) == {}
    assert (await confirmed(points, run, "carl")).json()["code"] == "settlement_ended"
    lines = (await points.client().get(f"/v1/accounts/clearing:{A}/MINUTE/explanation")).json()["items"]
    assert [line["amount"] for line in lines if line["reason"] == "settled"] == [-10, -80]

    path = f"/v1/settlements/{run['id']}"
    found = (await client.get(path)).json()
    assert (found["gross_minutes"], found["flows"], found["net_minutes"], found["obligations"]) == (190, 4, 90, 2)
    assert (found["open_minutes"], found["monthly"]) == (0, False)
    flows = (await client.get(f"{path}/flows")).json()["items"]
    assert [(f["debtor"], f["creditor"], f["minutes"]) for f in flows] == [
        (A, B, 100), (B, A, 40), (A, C, 30), (C, B, 20),
    ]  # fmt: skip
    positions, cursor = [], ""
    while cursor is not None:
        page = (await client.get(f"{path}/positions?limit=2{cursor and '&cursor=' + cursor}")).json()
        positions += page["items"]
        cursor = page["next_cursor"]
    assert [(p["community"], p["inflow_minutes"], p["outflow_minutes"], p["settled_minutes"]) for p in positions] == [
        (A, 130, 40, 90), (B, 40, 120, -80), (C, 20, 30, -10),
    ]  # fmt: skip
    assert await verify(points.service) == 0
    assert await same_after_replay(points, told)


async def same_after_replay(points: Any, orders: list[Order]) -> bool:
    """The settlements of the event store, on a second ledger with the same orders, leave the same effects."""
    async with points.service.database.transaction() as connection:
        db = await driver_connection(connection)
        for statement in copy_of_the_tables(REBUILT):
            await db.execute(statement)
    await post(points.service, *orders, schema=REBUILT)
    async with points.service.database.transaction() as connection:
        db, writer = await driver_connection(connection), LedgerWriter(REBUILT)
        effects = LedgerEffects(writer, LapseLater(Lapsing(writer)), PoolLater(Overflow(writer)), replaying=True)
        async for recorded in read_all(connection):
            await effects.apply(db, recorded.event, recorded)
        assert [check.name for check in await check_tables(db, REBUILT) if check.breaks] == []
        return bool((await net_effects(db, LIVE)).digest == (await net_effects(db, REBUILT)).digest)


async def report(points: Any, run: Any) -> Any:
    answer = await district(points, "anna").get(f"/v1/settlements/{run['id']}/report.xlsx")
    assert answer.status_code == 200
    return CalamineWorkbook.from_filelike(io.BytesIO(answer.content))


async def test_the_report_is_a_workbook_in_both_languages_and_corrections_are_no_service(points: Any) -> None:
    told, wrong = orders(), Order(A, B, 60, morning(3))
    never_was = Order(B, A, 60, morning(3), clause=Clause.ORDER_CORRECTED, record=wrong.record)
    await post(points.service, *told, wrong, never_was)
    run = await proposed(points)
    book = await report(points, run)
    summary = dict(row[:2] for row in book.get_sheet_by_index(0).to_python() if len(row) > 1)
    assert summary["轧差前总额，更正除外（分钟） minutes before netting, corrections aside"] == 190
    assert summary["轧差后总额（分钟） minutes after netting"] == 90
    assert book.get_sheet_by_index(2).to_python()[1] == [A, "", B, "", 80, "1 小时 20 分钟 1 h 20 min"]
    assert len(book.get_sheet_by_index(1).to_python()) == len(book.get_sheet_by_index(3).to_python()) - 1 == 4

    # It is paid, and the next month hears that an order was shorter: nobody of A served anybody.
    await confirmed(points, run)
    known, (order, *_) = now() + timedelta(minutes=1), told
    back = Order(B, A, 30, order.at, known, clause=Clause.ORDER_CORRECTED, record=order.record)
    await post(points.service, back)
    run = await proposed(points)
    book = await report(points, run)
    summary = dict(row[:2] for row in book.get_sheet_by_index(0).to_python() if len(row) > 1)
    assert summary["轧差前总额，更正除外（分钟） minutes before netting, corrections aside"] == 0
    assert [row[0:1] + row[2:7] for row in book.get_sheet_by_index(1).to_python()[1:]] == [
        [A, 0, 0, 0, -30, -30], [B, 0, 0, 0, 30, 30],
    ]  # fmt: skip
    assert book.get_sheet_by_index(3).to_python()[1:] == [[B, "", A, "", 30, "30 分钟 30 min", 30]]
    (flow,) = (await district(points, "anna").get(f"/v1/settlements/{run['id']}/flows")).json()["items"]
    assert (flow["debtor"], flow["minutes"], flow["corrected_minutes"]) == (B, 30, 30)
    await confirmed(points, run)
    assert await clearing(points) == {}


async def test_what_becomes_known_late_and_what_happens_later_lands_in_the_next_run(points: Any) -> None:
    await post(points.service, Order(A, B, 60, morning(3)))
    first = await proposed(points)
    # Known only after the proposal, and of a day that it covers; and an order of today.
    known = now() + timedelta(minutes=1)
    await post(points.service, Order(A, B, 15, morning(3), known), Order(A, B, 7, now()))
    assert (await confirmed(points, first)).json()["net_minutes"] == 60
    assert await clearing(points) == {A: 22, B: -22}
    client = district(points, "anna")
    preview = (await client.get("/v1/settlements/preview", params={"node": DISTRICT})).json()
    assert [o["minutes"] for o in preview["obligations"]] == [15], "what was paid is not owed by any earlier day"
    assert {p["community"]: (p["carried_minutes"], p["inflow_minutes"]) for p in preview["positions"]} == {
        A: (0, 15),
        B: (0, 0),
    }
    # Called back: what was paid turns round.
    await post(points.service, Order(B, A, 75, morning(3), now() + timedelta(minutes=2)))
    preview = (await client.get("/v1/settlements/preview", params={"node": DISTRICT})).json()
    assert [(o["debtor"], o["creditor"], o["minutes"]) for o in preview["obligations"]] == [(B, A, 53)], (
        "as far as today has not paid it back already"
    )


async def test_what_is_owed_to_another_district_is_carried_until_a_higher_node_settles(points: Any) -> None:
    await post(points.service, Order(A, B, 60, morning(3)), Order(A, OUTSIDE, 25, morning(3)))
    run = await proposed(points)
    assert (await confirmed(points, run)).status_code == 200
    assert await clearing(points) == {A: 25, OUTSIDE: -25}
    assert (await district(points, "anna").get(f"/v1/settlements/{run['id']}")).json()["open_minutes"] == 25
    nothing = await district(points, "x").post(
        "/v1/settlements", json={"node": DISTRICT, "through": yesterday().isoformat()}
    )
    assert nothing.json()["code"] == "nothing_to_settle"
    province = await proposed(points, node="62")
    stood = (await district(points, "x", "62").get(f"/v1/settlements/{province['id']}/positions")).json()["items"]
    assert [(p["community"], p["carried_minutes"], p["settled_minutes"]) for p in stood] == [
        (OUTSIDE, 0, -25), (A, 25, 25),
    ]  # fmt: skip
    assert (await confirmed(points, province)).status_code == 200
    assert await clearing(points) == {}


async def test_two_runs_over_the_same_communities_pay_once_while_orders_come_in(points: Any) -> None:
    for _ in range(3):
        await post(points.service, Order(A, B, 50, morning(3)), Order(B, C, 20, morning(3)))
    runs = [await proposed(points), await proposed(points, node="6202"), await proposed(points, node="62")]
    busy = [post(points.service, Order(A, B, 1, now()), Order(C, A, 1, now())) for _ in range(12)]
    answers = await asyncio.gather(*[confirmed(points, run) for run in runs], *busy)
    assert sorted(answer.status_code for answer in answers[:3]) == [200, 409, 409]
    assert Counter(a.json().get("code", "paid") for a in answers[:3]) == {"paid": 1, "settlement_stale": 2}
    assert await clearing(points) == {B: -12, C: 12}
    assert await points.value("SELECT count(*) FROM ledger.transfers WHERE clause = 55") == 2
    assert await points.value("SELECT sum(credits - debits) FROM ledger.accounts WHERE unit = 2") == 0
    stale = next(run for run, answer in zip(runs, answers[:3], strict=True) if answer.status_code == 409)
    off = await district(points, "anna", stale["node"]).post(f"/v1/settlements/{stale['id']}/withdrawal")
    assert off.json()["stage"] == "withdrawn"
    assert await verify(points.service) == 0


async def test_one_run_is_confirmed_once_however_many_are_at_it(points: Any) -> None:
    await post(points.service, *orders())
    run = await proposed(points)
    answers = await asyncio.gather(*[confirmed(points, run, f"colleague-{n}") for n in range(6)])
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 5
    assert await clearing(points) == {}


async def test_a_run_is_refused_where_it_makes_no_sense_and_hidden_from_others(points: Any) -> None:
    await post(points.service, *orders())
    client = district(points, "anna")
    for body, status, code in (
        ({"node": A, "through": yesterday().isoformat()}, 422, "settlement_node_too_low"),
        ({"node": DISTRICT, "through": today().isoformat()}, 422, "settlement_day_not_over"),
        ({"node": "6201", "through": yesterday().isoformat()}, 403, None),
    ):
        answer = await client.post("/v1/settlements", json=body)
        assert answer.status_code == status, answer.text
        assert code is None or answer.json()["code"] == code
    run = await proposed(points)
    assert (await points.client().get("/v1/settlements")).status_code == 403, "a community is a party, not the judge"
    assert (await district(points, "x", "620102").get(f"/v1/settlements/{run['id']}")).status_code == 403
    assert (await client.get(f"/v1/settlements/{uuid.uuid4()}")).status_code == 404
    assert (await points.client().get("/v1/settlements/positions")).json()["items"] == []
    await confirmed(points, run)
    mine = (await points.client().get("/v1/settlements/positions")).json()["items"]
    assert [(p["community"], p["settled_minutes"]) for p in mine] == [(A, 90)]
    assert (await points.client().get("/v1/settlements/positions", params={"within": B})).status_code == 403


async def test_a_month_is_proposed_once_and_waits_for_a_person(start: Any) -> None:
    calendar = Calendar(datetime(2026, 3, 4, 2, tzinfo=UTC))
    points = await start(functools.partial(build, clock=calendar), working=False, settings=PointsSettings)
    in_february = datetime(2026, 2, 10, 2, tzinfo=UTC)
    await post(points.service, Order(A, B, 60, in_february, in_february))
    await post(points.service, Order(A, B, 5, calendar.now, calendar.now))
    rounds = [SettlementRounds(points.service.workshop, 5, 3600) for _ in range(3)]
    assert await rounds[0].go_round() == 0, "not on the fourth"
    calendar.now = datetime(2026, 3, 5, 2, tzinfo=UTC)
    assert sum(await asyncio.gather(*[each.go_round() for each in rounds])) == 1
    client = district(points, "ben")
    (run,) = (await client.get("/v1/settlements", params={"stage": "proposed"})).json()["items"]
    assert (run["node"], run["through"], run["net_minutes"], run["monthly"]) == (DISTRICT, "2026-02-28", 60, True)
    assert await clearing(points) == {A: 65, B: -65}

    # Its figures are wrong: it is taken back, and is not there again within the hour, whatever later days bring.
    assert (await client.post(f"/v1/settlements/{run['id']}/withdrawal")).status_code == 200
    await post(points.service, Order(B, A, 10, calendar.now, calendar.now))
    assert await rounds[0].go_round() == 0
    await post(points.service, Order(B, A, 20, in_february, calendar.now))
    assert sum(await asyncio.gather(*[each.go_round() for each in rounds])) == 1, "once they are put right it is"
    (anew,) = (await client.get("/v1/settlements", params={"stage": "proposed"})).json()["items"]
    assert (anew["through"], anew["net_minutes"], anew["monthly"]) == ("2026-02-28", 35, True)
    assert anew["id"] != run["id"]
    assert await rounds[0].go_round() == 0
    calendar.now = datetime(2026, 4, 6, 2, tzinfo=UTC)
    assert await rounds[0].go_round() == 1
    assert await rounds[1].go_round() == 0
    (run,) = (await client.get("/v1/settlements", params={"stage": "proposed"})).json()["items"]
    assert (run["through"], run["net_minutes"]) == ("2026-03-31", 35)
    assert (await client.post(f"/v1/settlements/{run['id']}/confirmation")).status_code == 200
    assert await clearing(points) == {}
    assert await verify(points.service) == 0


async def test_subscribers_hear_of_it(start: Any, stack: Any, namespace: str) -> None:
    points = await start(build, settings=PointsSettings)
    await post(points.service, *orders())
    assert (await confirmed(points, await proposed(points))).status_code == 200
    consumer = AIOKafkaConsumer(
        f"{namespace}.points.v1", bootstrap_servers=stack.kafka_bootstrap, auto_offset_reset="earliest"
    )
    await consumer.start()
    heard: set[bytes] = set()

    async def both() -> bool:
        for records in (await consumer.getmany(timeout_ms=500)).values():
            heard.update(header_map(record.headers)["ce_type"] for record in records)
        names = {f"liuling.points.SettlementRun{what}.v1".encode() for what in ("Proposed", "Confirmed")}
        return names <= heard

    try:
        await until(both)
    finally:
        await consumer.stop()
