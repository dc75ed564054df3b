"""What the office knows of people is in the vault alone: it is put right there, and events never say what it is."""

import functools
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.points.app import build
from services.points.forgetting import ForgettingWatch
from services.points.proof.verify import verify
from services.points.settings import PointsSettings
from shared.contracts.envelope import header_map
from shared.contracts.love_market import HouseholdNeedRecognisedV1, HouseholdRegistered, NeedReason
from shared.eventstore import Recorded, append, writing
from tests.conftest import COMMUNITY, FOREIGN
from tests.integration.kernel.telling import read_topic
from tests.integration.points.test_goods_come_and_go import made
from tests.integration.points.time_bank_scene import Bank, MovableClock, order_of, refused, synthetic_id_number
from tests.moments import today


@pytest.fixture
async def points(start: Any) -> Any:
    return await start(build, settings=PointsSettings)


async def needy_since_events_told_why(points: Any, days: int) -> uuid.UUID:
    """A household that was recognised by an earlier program, for so many days from today."""
    household, at = uuid.uuid4(), datetime.now(UTC)
    common: dict[str, Any] = {"household_id": household, "community": COMMUNITY}
    until = today() + timedelta(days=days)
    events = (
        HouseholdRegistered(**common, members=(), registered_at=at),
        HouseholdNeedRecognisedV1(**common, reason=NeedReason.SERIOUS_ILLNESS, until=until, recognised_at=at),
    )
    stream = f"household-{household}"
    recorded = [Recorded(event, uuid.uuid4(), stream, n, COMMUNITY, at) for n, event in enumerate(events, 1)]
    async with writing(points.service.database) as connection:
        read = [Recorded(r.event.upcast(), r.event_id, stream, r.version, COMMUNITY, at) for r in recorded]
        await points.service.views.apply_all(connection, read)
        await points.service.workshop.vault.put(connection, household, {"name": "演示户"})
        await append(connection, recorded)
    return household


async def test_names_and_addresses_are_put_right_until_they_are_erased(points: Any, stack: Any) -> None:
    client, foreign = points.client(), points.client(node=FOREIGN)
    home = {"community": COMMUNITY}
    rooms = {
        "donors": ({"kind": "person", "name": "演示捐赠人"}, {"name": None}, {"name": None, "contact": "0937-0000009"}),
        "suppliers": ({"name": "演示批发部"}, {"contact": None}, {"name": "演示批发二部", "contact": None}),
        "households": ({"name": "演示户"}, {"address": "演示路 9 号"}, {"name": "演示户", "address": "演示路 9 号"}),
    }
    for room, (body, last, expected) in rooms.items():
        path = f"/v1/{room}/{(await made(client, f'/v1/{room}', {**home, **body}))['id']}"
        first = {"name": expected["name"] or "演示捐赠人乙", "contact": "0937-0000009"}
        if room == "households":
            first = {"name": "演示户", "address": "演示路 8 号"}
        stale = (await client.get(path)).headers["etag"]
        for change in (first, first, last):
            answer = await client.patch(path, json=change)
            assert answer.is_success, answer.text
        shown = (await client.get(path)).json()
        assert {name: shown[name] for name in expected} == expected, room
        lost = await client.patch(path, json={"name": "演示"}, headers={"if-match": stale})
        assert (lost.status_code, lost.json()["code"]) == (412, "version_changed")
        assert (await foreign.patch(path, json=first)).status_code == 403
        for wrong in ({}, {"community": FOREIGN}, *([] if room == "donors" else [{"name": None}])):
            assert (await client.patch(path, json=wrong)).json()["code"] == "validation_failed", wrong
        await made(client, f"{path}/forgetting")
        gone = await client.patch(path, json=first)
        assert gone.json()["code"] == f"{room[:-1]}_is_forgotten"
        assert (await client.get(path)).json()["name"] is None
        assert (await client.patch(f"/v1/{room}/{uuid.uuid4()}", json=first)).status_code == 404
    told = "SELECT string_agg(data->>'fields', ' ' ORDER BY position) FROM events WHERE type LIKE '%DetailsChanged%'"
    expected_fields = '["contact", "name"] ["name"] ["contact", "name"] ["contact"] ["address"] ["address"]'
    assert await points.value(told) == expected_fields
    assert "演示" not in await points.value("SELECT string_agg(data::text, '') FROM events WHERE type LIKE '%Changed%'")
    assert await points.value("SELECT count(*) FROM vault_keys") == 0


async def test_a_person_who_is_served_has_another_phone_or_number_also_while_orders_are_open(bank: Bank) -> None:
    """Another number may be somebody's, and then is nobody's; the age group follows from it."""
    clerk, there = bank.clerk(), bank.clerk(FOREIGN)
    wrong, right = synthetic_id_number("19500615", 7), synthetic_id_number("19400615", 7)

    def body(community: str, number: str) -> dict[str, Any]:
        person = {"name": "合成老人甲", "id_number": number, "phone": "0937-0000001", "address": "合成路 1 号"}
        return {"community": community, "person": person}

    known = (await made(clerk, "/v1/beneficiaries", body(COMMUNITY, wrong)))["id"]
    one, daughter, son = await bank.people(0, 60, 0)
    verified, open_one = await bank.kin(daughter, known), {"volunteer_id": son, "beneficiary_id": known}
    entered = (await made(clerk, "/v1/kin", {**open_one, "relation": "parent"}))["id"]
    given = order_of(known, 30, "gift", payer_volunteer_id=daughter)
    order = {"beneficiary_id": known, "service": "errands", "planned_minutes": 30, "payer": "pool", "kin_asked": True}
    await made(clerk, "/v1/time-orders", order)
    path, other = f"/v1/beneficiaries/{known}", (await made(there, "/v1/beneficiaries", body(FOREIGN, right)))["id"]
    change = {"id_number": right, "phone": "0937-0000002", "address": None}
    for wrongly, code in ((change, "already_registered"), ({"born_on": "1950-06-16"}, "id_number_wrong")):
        assert (await clerk.patch(path, json=wrongly)).json()["code"] == f"beneficiary_{code}"
    assert (await clerk.patch(path, json={"id_number": None})).status_code == 422
    assert (await there.patch(path, json=change)).status_code == 403
    await made(there, f"/v1/beneficiaries/{other}/forgetting")
    # Under another name it is the same person. With another number it is nobody's mother, until two people say so.
    same = (await clerk.patch(path, json={"name": "合成老人乙", "id_number": wrong})).json()
    assert (same["kin_ended"], (await made(clerk, "/v1/time-orders", given))["stage"]) == ([], "requested")
    await clerk.patch(path, json={"name": "合成老人甲"})
    for ended in (sorted([verified, entered]), []):
        changed = (await clerk.patch(path, json=change)).json()
        assert (changed["age_group_from"], changed["kin_ended"]) == (85, ended)
    await refused(clerk, "/v1/time-orders", "not_verified_kin", given)
    await refused(bank.colleague(), f"/v1/kin/{entered}/verification", "kin_not_open")
    await bank.kin(daughter, known)
    await made(clerk, "/v1/time-orders", given)
    shown = (await clerk.get(path)).json()
    assert (shown["name"], shown["age_group_from"]) == ("合成老人甲", 85)
    assert (shown["id_number"], shown["phone"], shown["address"]) == (right, "0937-0000002", None)
    await made(there, "/v1/beneficiaries", body(FOREIGN, wrong))  # the number that was wrong is free
    told = "SELECT string_agg(data->>'fields', ' ' ORDER BY position) FROM events WHERE type LIKE '%DetailsChanged%'"
    assert await bank.running.value(told) == '["name"] ["name"] ["address", "id_number", "phone"]'
    volunteer = await bank.beneficiary(one)
    answer = await clerk.patch(f"/v1/beneficiaries/{volunteer}", json=change)
    assert answer.json()["code"] == "beneficiary_is_volunteer"
    assert await verify(bank.running.service) == 0


async def test_why_a_household_is_in_need_is_for_the_office_alone(points: Any, stack: Any) -> None:
    client, auditor = points.client(), points.client("auditor", "620201")
    household, over = [await needy_since_events_told_why(points, days) for days in (100, -1)]
    for _ in range(2):
        await points.service.seed()
        assert (await client.get(f"/v1/households/{over}")).json()["need_reason"] is None
        assert (await client.get(f"/v1/households/{household}")).json()["need_reason"] == "serious_illness"
    need = {"reason": "disability", "until": (today() + timedelta(days=9)).isoformat()}
    assert "disability" not in str(await made(client, f"/v1/households/{household}/need", need))
    await points.service.seed()
    assert (await client.get(f"/v1/households/{household}")).json()["need_reason"] == "disability"
    listed = {item["id"]: item for item in (await auditor.get("/v1/households")).json()["items"]}
    assert listed[str(household)]["need_until"] == need["until"]
    assert "need_reason" not in listed[str(household)]
    assert (await auditor.get(f"/v1/households/{household}")).status_code == 403
    told = await read_topic(stack, points.service.settings.topic("points"), 6)
    versions = [header_map(message.headers)["ce_type"] for message in told]
    assert versions.count(b"liuling.points.HouseholdNeedRecognised.v2") == 3
    assert not [message for message in told if b"illness" in message.value or b"disability" in message.value]
    await made(client, f"/v1/households/{household}/need/end")
    await points.service.seed()
    shown = (await client.get(f"/v1/households/{household}")).json()
    assert (shown["name"], shown["need_reason"]) == ("演示户", None)
    assert await points.value("SELECT count(*) FROM vault_entries WHERE field = 'need_reason'") == 0


async def test_why_a_household_was_in_need_is_forgotten_when_the_need_runs_out(start: Any) -> None:
    clock = MovableClock()
    points = await start(functools.partial(build, clock=clock), settings=PointsSettings, working=False)
    client, watch = points.client(), ForgettingWatch(points.service.workshop, 60)
    path = f"/v1/households/{(await made(client, '/v1/households', {'community': COMMUNITY, 'name': '演示户'}))['id']}"
    until = today() + timedelta(days=1)
    need = {"reason": "disability", "until": until.isoformat()}
    await made(client, f"{path}/need", need)
    for reason, name in (("disability", "演示户"), ("disability", "演示户"), (None, "演示户")):
        await watch.let_go()
        shown = (await client.get(path)).json()
        assert (shown["need_reason"], shown["name"], shown["need_until"]) == (reason, name, need["until"])
        clock.ahead += timedelta(days=1)
    await made(client, f"{path}/need", need | {"until": (until + timedelta(days=9)).isoformat()})
    await watch.let_go()
    assert (await client.get(path)).json()["need_reason"] == "disability"
