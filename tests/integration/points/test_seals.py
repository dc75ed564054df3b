"""Days of the ledger are sealed once, in a chain that a subscriber can check with what is published."""

import asyncio
import json
import uuid
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer
from sqlalchemy.exc import IntegrityError

from examples.check_seals import faults_of_chain, faults_of_day
from services.points.app import build
from services.points.proof.checks import CHECKS
from services.points.proof.rebuild import rebuild
from services.points.proof.schedule import VerifySchedule
from services.points.proof.verify import verify
from services.points.seals.sealing import Sealer
from services.points.settings import PointsSettings
from shared.clock import local_day
from shared.contracts import wire_type
from shared.contracts.points import LedgerSealed
from shared.metrics import LEDGER_SEALED, LEDGER_VERIFIED
from tests.conftest import COMMUNITY, FOREIGN, until
from tests.integration.points.producing import Told, attendance, completed, headers, registered
from tests.integration.points.test_from_events_to_goods import has_balance, item_on_the_shelf
from tests.moments import morning, now

HOUR = timedelta(hours=1)


async def tell_at(producing: Any, told: Told, at: datetime) -> None:
    """Publish an event that was told at a moment of the past, and arrives now."""
    event_id, event = told
    heads = [h for h in headers(event_id, event, f"stream-{event_id}") if h[0] != "ce_time"]
    heads.append(("ce_time", at.isoformat().replace("+00:00", "Z").encode()))
    body = event.model_dump_json(exclude_none=True).encode()
    await producing.tell_raw(event.CONTEXT, f"stream-{event_id}", body, heads)


async def seal(points: Any, days_later: int = 2) -> int:
    """Seal as the service does it when so many days have passed."""
    workshop = replace(points.service.workshop, clock=lambda: now() + days_later * 24 * HOUR)
    db = await points.service.database.dedicated()
    try:
        return await Sealer(workshop, 2 * HOUR).seal(db)
    finally:
        await db.close()


async def look(points: Any) -> dict[str, int]:
    db = await points.service.database.dedicated()
    try:
        return await VerifySchedule(points.service.database, 60).look(db)
    finally:
        await db.close()


async def published(stack: Any, namespace: str, count: int) -> list[dict[str, Any]]:
    """Bodies of the seals on the topic, as any subscriber reads them."""
    consumer = AIOKafkaConsumer(
        f"{namespace}.points.v1", bootstrap_servers=stack.kafka_bootstrap, auto_offset_reset="earliest"
    )
    await consumer.start()
    seals: list[dict[str, Any]] = []
    try:
        async with asyncio.timeout(20):
            while len(seals) < count:
                record = await consumer.getone()
                if dict(record.headers)["ce_type"].decode() == wire_type(LedgerSealed):
                    seals.append(json.loads(record.value))
    finally:
        await consumer.stop()
    return seals


async def lines_of(points: Any, day: date, limit: int = 3) -> list[str]:
    """All lines of a day, page by page."""
    client, lines, after = points.client("auditor", "620201"), [], None
    while True:
        query = {"limit": str(limit), **({"after": after} if after else {})}
        answer = await client.get(f"/v1/seals/{COMMUNITY}/{day}/lines", params=query)
        assert answer.status_code == 200, answer.text
        lines += answer.text.splitlines()
        after = answer.headers.get("next-after")
        if after is None:
            return lines


async def some_days(points: Any, producing: Any) -> tuple[uuid.UUID, date, date]:
    """Service told two days ago and today, and goods reserved and collected today."""
    person, other = uuid.uuid4(), uuid.uuid4()
    earlier = now() - 2 * 24 * HOUR
    await tell_at(producing, completed([attendance(p, 120, morning(3)) for p in (person, other)]), earlier)
    await tell_at(producing, completed([attendance(person, 60, morning(3) + 4 * HOUR)]), now())
    await has_balance(points, person, 30)
    item = await item_on_the_shelf(points)
    client = points.client()
    order = {"volunteer_id": str(person), "item_id": item}
    reserved = (await client.post("/v1/redemptions", json=order)).json()
    shown = {"identified_by": "card"}
    assert (await client.post(f"/v1/redemptions/{reserved['id']}/collection", json=shown)).is_success
    return person, local_day(earlier), local_day(now())


async def test_a_subscriber_proves_a_copy_with_what_is_published(
    start: Any, producing: Any, stack: Any, namespace: str
) -> None:
    points = await start(build, settings=PointsSettings)
    _, earlier, today = await some_days(points, producing)
    assert await seal(points) == 2
    seals = await published(stack, namespace, 2)
    assert [(s["day"], s["revision"], s["sequence"]) for s in seals] == [
        (earlier.isoformat(), 1, 1),
        (today.isoformat(), 1, 2),
    ]
    assert faults_of_chain(seals) == []
    for day in (earlier, today):
        copy = await lines_of(points, day)
        assert faults_of_day(seals, day.isoformat(), copy) == []
        assert faults_of_day(seals, day.isoformat(), copy[1:])
        holder, unit, amount = copy[0].rsplit("|", 2)
        assert faults_of_day(seals, day.isoformat(), [f"{holder}|{unit}|{int(amount) + 1}", *copy[1:]])
    assert all(entry["gained"] == entry["given"] for s in seals for entry in s["sums"])
    by_unit = {entry["unit"]: entry["gained"] for entry in seals[0]["sums"]}
    assert by_unit == {"POINT": 40, "MINUTE": 240, "SERVICE_MINUTE": 240}
    forged = [seals[0] | {"lines": 99}, seals[1]]
    assert faults_of_chain(forged)


async def test_a_day_is_sealed_once_also_by_two_at_the_same_time(start: Any, producing: Any) -> None:
    points = await start(build, settings=PointsSettings)
    await some_days(points, producing)
    made = await asyncio.gather(*(seal(points) for _ in range(3)))
    assert sum(made) == 2
    assert await seal(points) == 0
    assert await seal(points, days_later=9) == 0
    assert await points.value("SELECT count(*) FROM seals") == 2


async def test_a_day_is_not_sealed_before_it_is_over_and_settled(start: Any, producing: Any) -> None:
    points = await start(build, settings=PointsSettings)
    await some_days(points, producing)
    assert await seal(points, days_later=0) == 1
    assert await seal(points, days_later=2) == 1


async def test_what_arrives_after_its_day_was_sealed_is_sealed_in_the_next_revision(
    start: Any, producing: Any, stack: Any, namespace: str
) -> None:
    points = await start(build, settings=PointsSettings)
    person, earlier, _ = await some_days(points, producing)
    await seal(points)
    late = now() - 2 * 24 * HOUR
    await tell_at(producing, completed([attendance(person, 60, morning(3) + 8 * HOUR)]), late)
    await has_balance(points, person, 30)
    assert await verify(points.service) == 0, "what is late is not wrong"
    assert await seal(points, days_later=3) == 1
    seals = await published(stack, namespace, 3)
    assert (seals[2]["day"], seals[2]["revision"], seals[2]["sequence"]) == (earlier.isoformat(), 2, 3)
    assert faults_of_chain(seals) == []
    assert faults_of_day(seals, earlier.isoformat(), await lines_of(points, earlier)) == []
    answer = (await points.client().get(f"/v1/seals/{COMMUNITY}/{earlier}")).json()
    assert answer["revision"] == 2
    assert await verify(points.service) == 0


async def test_seals_stay_when_somebodys_home_becomes_known(start: Any, producing: Any) -> None:
    points = await start(build, settings=PointsSettings)
    person, earlier, _ = await some_days(points, producing)
    await seal(points)
    await producing.tell([registered(person, FOREIGN)])

    async def moved() -> bool:
        query = "SELECT count(*) FROM ledger.accounts WHERE holder = :h AND community = :c"
        return bool(await points.value(query, h=str(person), c=FOREIGN))

    await until(moved)
    assert await seal(points, days_later=3) == 0
    assert any(str(person) in line for line in await lines_of(points, earlier))
    assert (await look(points))["seals"] == 0


async def test_an_interrupted_night_goes_on_where_it_was(start: Any, producing: Any) -> None:
    points = await start(build, settings=PointsSettings)
    await some_days(points, producing)
    stranger = uuid.uuid4()
    await tell_at(producing, completed([attendance(stranger, 120, morning(3))], FOREIGN), now())
    await has_balance(points, stranger, 20)
    async with points.service.database.transaction() as connection:
        # The second community's seal fails.
        await connection.exec_driver_sql(f"ALTER TABLE seals ADD CONSTRAINT withheld CHECK (community <> '{FOREIGN}')")
    with pytest.raises(IntegrityError, match="withheld"):
        await seal(points)
    assert await points.value("SELECT count(*) FROM seals") == 2
    async with points.service.database.transaction() as connection:
        await connection.exec_driver_sql("ALTER TABLE seals DROP CONSTRAINT withheld")
    assert await seal(points) == 1
    assert await points.value("SELECT count(*) FROM seals") == 3


async def test_a_changed_past_is_found(start: Any, producing: Any) -> None:
    points = await start(build, settings=PointsSettings)
    person, _, _ = await some_days(points, producing)
    await seal(points)
    assert await verify(points.service) == 0
    assert set((await look(points)).values()) == {0}
    async with points.service.database.transaction() as connection:
        await connection.exec_driver_sql("ALTER TABLE ledger.transfers DISABLE TRIGGER USER")
        await connection.exec_driver_sql(
            "UPDATE ledger.transfers SET amount = amount + 1 WHERE unit = 1 AND credit_account ="
            f" (SELECT id FROM ledger.accounts WHERE holder = '{person}' AND unit = 1) AND amount = 20"
        )
        # And the balances with it, so that nothing but the seal can tell.
        await connection.exec_driver_sql(
            "UPDATE ledger.accounts AS a SET credits = (SELECT coalesce(sum(amount), 0) FROM ledger.transfers"
            " WHERE credit_account = a.id), debits = (SELECT coalesce(sum(amount), 0) FROM ledger.transfers"
            " WHERE debit_account = a.id)"
        )
        await connection.exec_driver_sql("ALTER TABLE ledger.transfers ENABLE TRIGGER USER")
    assert {name: breaks for name, breaks in (await look(points)).items() if breaks} == {"seals": 1}
    assert await verify(points.service) == 1


async def test_a_changed_seal_is_found(start: Any, producing: Any) -> None:
    points = await start(build, settings=PointsSettings)
    await some_days(points, producing)
    await seal(points)
    async with points.service.database.transaction() as connection:
        await connection.exec_driver_sql("UPDATE seals SET lines = lines + 1 WHERE sequence = 1")
    assert (await look(points))["seal_chain"] == 1


async def test_seals_outlive_a_switch_to_a_rebuilt_ledger(start: Any, producing: Any) -> None:
    points = await start(build, settings=PointsSettings)
    await some_days(points, producing)
    await seal(points)
    assert await rebuild(points.service, switch=True) == 0
    assert await verify(points.service) == 0
    assert await seal(points, days_later=3) == 0, "looked at anew, and found to be the same"
    assert (await look(points))["seals"] == 0


async def test_seals_are_read_by_staff_auditors_and_systems_of_their_node(start: Any, producing: Any) -> None:
    points = await start(build, settings=PointsSettings)
    person, earlier, today = await some_days(points, producing)
    await seal(points)
    for role in ("community", "auditor", "system"):
        listed = (await points.client(role).get("/v1/seals")).json()["items"]
        assert [item["day"] for item in listed] == [earlier.isoformat(), today.isoformat()]
    one = (await points.client().get("/v1/seals", params={"day": today.isoformat(), "community": COMMUNITY})).json()
    assert [item["sequence"] for item in one["items"]] == [2]
    assert (await points.client("volunteer", subject=str(person)).get("/v1/seals")).status_code == 403
    foreign = points.client("community", FOREIGN)
    assert (await foreign.get("/v1/seals")).json()["items"] == []
    for path in (f"/v1/seals/{COMMUNITY}/{today}", f"/v1/seals/{COMMUNITY}/{today}/lines"):
        assert (await foreign.get(path)).status_code == 403
    missing = await points.client().get(f"/v1/seals/{COMMUNITY}/2020-01-01/lines")
    assert (missing.status_code, missing.json()["code"]) == (404, "not_found")
    assert "次日两点之后封存" in missing.json()["detail"]
    for after in ("line\nfeed", "é", "x" * 300):
        refused = await points.client().get(f"/v1/seals/{COMMUNITY}/{today}/lines", params={"after": after})
        assert refused.status_code == 422


async def test_a_look_at_the_whole_ledger_is_shown_as_metrics(start: Any, producing: Any) -> None:
    points = await start(build, settings=PointsSettings)
    await some_days(points, producing)
    await seal(points)
    began = datetime.now(UTC).timestamp()
    await look(points)
    shown = await shown_metrics(points)
    assert {name for name in shown if name.startswith("liuling_ledger_breaks")} == {
        f'liuling_ledger_breaks{{check="{name}"}}'
        for name in (*(check.name for check in CHECKS), "seal_chain", "seals")
    }
    assert shown["liuling_ledger_verified_timestamp_seconds"] >= began
    async with points.service.database.transaction() as connection:
        await connection.exec_driver_sql("UPDATE ledger.accounts SET credits = credits + 1 WHERE id > 0 AND unit = 1")
    await look(points)
    shown = await shown_metrics(points)
    assert shown['liuling_ledger_breaks{check="sum"}'] == 1
    assert shown['liuling_ledger_breaks{check="balances"}'] >= 2


async def test_the_service_looks_at_its_ledger_by_itself(start: Any) -> None:
    LEDGER_VERIFIED.set(0)
    await start(build, settings=PointsSettings, ledger_verify_interval_s=1)

    async def looked() -> bool:
        return LEDGER_VERIFIED._value.get() > 0

    await until(looked)


async def test_the_service_seals_by_itself(start: Any) -> None:
    LEDGER_SEALED.set(0)
    await start(build, settings=PointsSettings)

    async def sealed() -> bool:
        return LEDGER_SEALED._value.get() > 0

    await until(sealed)


async def shown_metrics(points: Any) -> dict[str, float]:
    text = (await points.client().get("/metrics")).text
    rows = (line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, value in rows}
