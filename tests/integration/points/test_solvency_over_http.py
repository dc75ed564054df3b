"""Whether the time bank can keep its promises, asked over HTTP of a real ledger."""

import uuid
from datetime import datetime, timedelta
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from services.points.app import build
from services.points.ledger import holders
from services.points.ledger.clauses import Clause
from services.points.ledger.schema import LIVE
from services.points.ledger.transfer import Transfer
from services.points.ledger.writing import AccountKey, LedgerWriter
from services.points.settings import PointsSettings
from services.points.solvency.model import OLDEST_FROM
from services.points.solvency.reading import GROUPS, ORDER_CLAUSES
from services.points.units import Unit
from shared.contracts import Evidence
from shared.contracts.registry import PersonForgotten
from shared.database import driver_connection
from tests.conftest import COMMUNITY, DISTRICT, FOREIGN
from tests.integration.points.ordering import Order, post
from tests.integration.points.producing import attendance, completed, corrected
from tests.integration.points.serving import registration, serve
from tests.integration.telling import tell
from tests.moments import now, today


@pytest.fixture
async def points(start: Any) -> Any:
    return await start(build, working=False, settings=PointsSettings)


async def somebody(points: Any, age_from: int | None, hours: int, served_until: datetime | None = None) -> uuid.UUID:
    person = uuid.uuid4()
    told = registration(person, now() - timedelta(days=800)).model_copy(update={"age_group_from": age_from})
    await tell(points.service, told)
    await serve(points.service, person, hours, served_until or now())
    return person


async def test_balances_spending_and_service_are_told_by_age(points: Any) -> None:
    long_ago = now() - timedelta(days=400)
    old = await somebody(points, 70, 20, long_ago)
    await somebody(points, 60, 8)
    await somebody(points, 60, 4)
    young = await somebody(points, 30, 10)
    # What was voided, shortened to nothing that counts, or estimated from the start, is no service.
    voided, weaker, guessed = (
        attendance(young, 60, now() - timedelta(days=day), evidence)
        for day, evidence in ((20, Evidence.SCANNED), (21, Evidence.SCANNED), (22, Evidence.ESTIMATED))
    )
    await tell(points.service, completed([voided, weaker, guessed])[1])
    await tell(points.service, corrected(voided, 0))
    await tell(points.service, corrected(weaker, 60, evidence=Evidence.ESTIMATED))
    await somebody(points, None, 2)
    gone = await somebody(points, 65, 3)
    await tell(points.service, PersonForgotten(volunteer_id=gone, community=COMMUNITY))
    # Paid for an order: the payer was issued these minutes first, so 20 hours are left.
    await post(points.service, Order(COMMUNITY, FOREIGN, 120, now(), payer=old, clause=ORDER_CLAUSES[1]))
    await post(points.service, Order(COMMUNITY, FOREIGN, 60, long_ago, payer=old, clause=ORDER_CLAUSES[0]))
    answer = await points.client().get("/v1/solvency", params={"node": COMMUNITY})
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert [
        (g["age_from"], g["holders"], g["balance_minutes"], g["spent_minutes"], g["volunteers"], g["served_minutes"])
        for g in found["groups"]
    ] == [
        (30, 1, 600, 0, 1, 600),
        (60, 2, 720, 0, 2, 720),
        (70, 1, 1200, 120, 0, 0),
        (None, 1, 120, 0, 1, 120),
    ]
    assert (found["outstanding_minutes"], found["forgotten_minutes"], found["clearing_minutes"]) == (2640, 180, 180)
    assert [(g["draw_percent"], g["draw_observed"]) for g in found["groups"]] == [
        (0.0, False), (10.0, False), (10.0, True), (0.0, False),
    ]  # fmt: skip
    first = found["years"][0]
    assert (first["demanded_minutes"], first["supplied_minutes"]) == (72 + 120, 1440)
    assert first["coverage_percent"] == 750.0
    assert len(found["years"]) == 5
    assert {"zh", "en", "code"} == set(found["assumptions"][0])
    assert "10%" in next(a["en"] for a in found["assumptions"] if a["code"] == "drawing")
    bold = (await points.client().get("/v1/solvency", params={"node": COMMUNITY, "assumed_draw_percent": 50})).json()
    assert bold["years"][0]["demanded_minutes"] == 360 + 120


async def test_pools_stand_by_themselves_and_only_a_part_of_the_service_is_earned(points: Any) -> None:
    person = await somebody(points, 60, 9)
    # On a day without other service: together they would reach the cap of a day.
    by_hand = attendance(person, 180, now() - timedelta(days=10), Evidence.BACKFILLED)
    await tell(points.service, completed([by_hand])[1])
    at, pool, source = now(), holders.pool(COMMUNITY), holders.issuance(COMMUNITY)
    async with points.service.database.transaction() as connection:
        db, writer = await driver_connection(connection), LedgerWriter()
        keys = [AccountKey(source, Unit.MINUTE), AccountKey(pool, Unit.MINUTE)]
        numbers = await writer.accounts(db, keys, COMMUNITY)
        # As if a quarter of an hour of somebody's service had overflowed into the pool.
        gift = Transfer(
            numbers[keys[0]], numbers[keys[1]], 15, None, at, at, person, person, Unit.MINUTE, None, Clause.RATE
        )
        await writer.post(db, [gift])
    found = (await points.client().get("/v1/solvency", params={"node": COMMUNITY})).json()
    assert (found["outstanding_minutes"], found["pools_minutes"]) == (540, 15)
    first = found["years"][0]
    assert (first["supplied_minutes"], first["earned_minutes"]) == (720, 720 * 555 // 720)
    assert "77.1%" in next(a["zh"] for a in found["assumptions"] if a["code"] == "earning")


async def test_a_plot_and_a_paper_say_the_same_and_others_see_nothing(points: Any) -> None:
    await somebody(points, 60, 8)
    drawn = await points.client().get("/v1/solvency/plot.svg", params={"node": COMMUNITY})
    assert (drawn.status_code, drawn.headers["content-type"]) == (200, "image/svg+xml")
    assert "60–64" in "".join(ET.fromstring(drawn.text).itertext())
    paper = await points.client("district", node=DISTRICT).get("/v1/solvency/report.pdf", params={"node": COMMUNITY})
    assert (paper.status_code, paper.content[:5]) == (200, b"%PDF-")
    assert (await points.client(node=FOREIGN).get("/v1/solvency", params={"node": COMMUNITY})).status_code == 403
    assert (await points.client("volunteer").get("/v1/solvency", params={"node": COMMUNITY})).status_code == 403
    empty = (await points.client("district", node=DISTRICT).get("/v1/solvency", params={"node": FOREIGN})).json()
    assert (empty["groups"], empty["outstanding_minutes"]) == ([], 0)


async def test_the_ledger_is_not_read_as_a_whole(points: Any) -> None:
    """People come from one range of the accounts' index, and what they spent and served from indexes, too."""
    await somebody(points, 60, 8)
    async with points.service.database.transaction() as connection:
        await connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        db = (await connection.get_raw_connection()).driver_connection
        rows = await db.fetch(
            "EXPLAIN " + GROUPS, DISTRICT, DISTRICT + ":", today(), now(), list(ORDER_CLAUSES), OLDEST_FROM
        )
    plan = "\n".join(row[0] for row in rows)
    assert "accounts_community" in plan
    assert "transfers_debit" in plan
    assert "days_pkey" in plan
    assert f"Seq Scan on {LIVE}" not in plan
    assert "Seq Scan on transfers" not in plan
