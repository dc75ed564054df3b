"""Services paid with minutes, over HTTP, on the real parts."""

import asyncio
import functools
from collections import Counter
from datetime import timedelta
from typing import Any

from services.points.proof.rebuild import rebuild
from services.points.proof.verify import verify
from shared.contracts.common import Evidence
from tests.conftest import COMMUNITY, FOREIGN, until
from tests.integration.points.producing import attendance, completed
from tests.integration.points.serving import correct
from tests.integration.points.test_from_events_to_goods import has_balance
from tests.integration.points.time_bank_scene import (
    YOUNG,
    Bank,
    made,
    order_of,
    refused,
    synthetic_id_number,
)


async def test_a_person_who_is_no_volunteer_is_known_to_the_office_alone(bank: Bank) -> None:
    number = synthetic_id_number("19500615", 7)
    person = {
        "name": "合成老人甲",
        "id_number": f" {number[:6]} {number[6:]}",
        "phone": "0937-0000001",
        "address": "合成路 1 号",
    }
    clerk = bank.clerk()
    known = await made(clerk, "/v1/beneficiaries", {"community": COMMUNITY, "person": person})
    assert (known["volunteer_id"], known["age_group_from"]) == (None, 75)
    shown = (await clerk.get(f"/v1/beneficiaries/{known['id']}")).json()
    assert (shown["name"], shown["id_number"], shown["address"]) == ("合成老人甲", number, "合成路 1 号")
    again = {"community": FOREIGN, "person": {"name": "合成老人乙", "id_number": number}}
    await refused(bank.clerk(FOREIGN), "/v1/beneficiaries", "beneficiary_already_registered", again)
    wrong = {"community": COMMUNITY, "person": {**person, "id_number": "620298195006150000"}}
    await refused(clerk, "/v1/beneficiaries", "beneficiary_id_number_wrong", wrong)
    assert (await bank.clerk(FOREIGN).get(f"/v1/beneficiaries/{known['id']}")).status_code == 403
    auditor = bank.running.client("auditor", "620201")
    (listed,) = (await auditor.get("/v1/beneficiaries")).json()["items"]
    assert listed["name"] is None
    stored = await bank.running.value("SELECT string_agg(data::text, '') FROM events")
    for personal in ("合成老人甲", number, "1950", "0937-0000001"):
        assert personal not in stored
    await made(clerk, f"/v1/beneficiaries/{known['id']}/forgetting")
    assert (await clerk.get(f"/v1/beneficiaries/{known['id']}")).json()["name"] is None
    assert await bank.running.value("SELECT count(*) FROM beneficiary_identities") == 0
    await made(bank.clerk(FOREIGN), "/v1/beneficiaries", again)


async def test_a_person_with_another_document_can_be_served(bank: Bank) -> None:
    clerk = bank.clerk()

    def body(**document: str) -> dict[str, Any]:
        return {"community": COMMUNITY, "person": {"name": "合成老人丙", **document}}

    await refused(clerk, "/v1/beneficiaries", "beneficiary_id_number_wrong", body(id_number="0123456701"))
    permit = {"id_number": "0123456701", "id_kind": "taiwan_permit"}
    await refused(clerk, "/v1/beneficiaries", "beneficiary_id_number_wrong", body(**permit))
    known = await made(clerk, "/v1/beneficiaries", body(**permit, born_on="1950-06-15"))
    assert known["age_group_from"] == 75
    shown = (await clerk.get(f"/v1/beneficiaries/{known['id']}")).json()
    assert (shown["id_kind"], shown["id_number"]) == ("taiwan_permit", "01234567")
    renewed = body(id_number="01234567", id_kind="taiwan_permit", born_on="1950-06-15")
    await refused(clerk, "/v1/beneficiaries", "beneficiary_already_registered", renewed)


async def test_minutes_are_held_served_and_paid_to_the_last_one(bank: Bank) -> None:
    (mother,) = await bank.people(200)
    (provider,) = await bank.people(0, age=YOUNG)
    person = await bank.beneficiary(mother)
    mine = bank.volunteer(mother)
    order = await made(mine, "/v1/time-orders", order_of(person, 120, agreed=False))
    assert (order["stage"], order["payer_community"]) == ("requested", COMMUNITY)
    assert await bank.minutes(mother) == (200, 120)
    helper = bank.volunteer(provider)
    assert [one["id"] for one in (await helper.get("/v1/time-orders?stage=requested")).json()["items"]] == [order["id"]]
    path = f"/v1/time-orders/{order['id']}"
    (far,) = await bank.people(0, age=YOUNG, community=FOREIGN)
    told = await refused(
        bank.volunteer(far, FOREIGN), f"{path}/acceptance", "time_order_elsewhere", {"provider_id": far}
    )
    assert (told["status"], COMMUNITY in told["detail"]) == (403, True)
    await made(helper, f"{path}/acceptance", {"provider_id": provider})
    started = bank.clock()
    bank.clock.ahead += timedelta(hours=2)
    await refused(
        helper, f"{path}/service", "more_minutes_than_planned", {"started_at": started.isoformat(), "minutes": 121}
    )
    await made(helper, f"{path}/service", {"started_at": started.isoformat(), "minutes": 90})
    assert await bank.minutes(mother) == (200, 90)
    assert (await helper.post(f"{path}/confirmation")).status_code == 403
    await made(mine, f"{path}/confirmation")
    assert (await bank.minutes(mother), await bank.minutes(provider)) == ((110, 0), (90, 0))
    assert await bank.minutes(provider, "SERVICE_MINUTE") == (0, 0)
    await refused(bank.clerk(), f"{path}/confirmation", "time_order_ended")
    served = await bank.running.value("SELECT event_id FROM events WHERE type LIKE '%TimeOrderServed.v1'")
    held = (await mine.get(f"/v1/events/{served}/effects")).json()["held"]
    assert {(one["holder"], one["amount"], one["state"]) for one in held} == {
        (mother, 120, "voided"),
        (mother, 90, "posted"),
    }, "what was planned is free, and what was served is held"
    shown = (await mine.get(path)).json()
    assert (shown["stage"], shown["minutes"], shown["provider_id"]) == ("confirmed", 90, provider)
    for who, sign, word in ((mother, "-", "支付 90 分钟"), (provider, "", "获得 90 分钟")):
        explained = (await bank.volunteer(who).get(f"/v1/accounts/{who}/MINUTE/explanation")).json()["items"][0]
        assert (explained["reason"], explained["amount"]) == ("order_paid", int(f"{sign}90"))
        assert word in explained["text"]
        assert "家务" in explained["text"]
    assert await bank.sums() == {0}
    assert await verify(bank.running.service) == 0
    assert await rebuild(bank.running.service) == 0


async def test_an_order_by_telephone_is_entered_with_its_service_afterwards(bank: Bank) -> None:
    (mother,) = await bank.people(200)
    (provider,) = await bank.people(0, age=YOUNG)
    person, clerk = await bank.beneficiary(mother), bank.clerk()
    asked = bank.clock() - timedelta(days=2)
    started = {"started_at": (asked + timedelta(hours=1)).isoformat(), "minutes": 60}
    ahead, long_ago = bank.clock() + timedelta(minutes=1), bank.clock() - timedelta(days=400)
    for moment, code in ((ahead, "goods_dated_in_future"), (long_ago, "goods_dated_too_far_back")):
        await refused(clerk, "/v1/time-orders", code, order_of(person, requested_at=moment.isoformat()))
    orders = {}
    for name, moment in (("by telephone", asked.isoformat()), ("now", None)):
        order = await made(clerk, "/v1/time-orders", order_of(person, requested_at=moment))
        orders[name] = f"/v1/time-orders/{order['id']}"
        assert order["serve_by"] > bank.clock().isoformat()
        await made(clerk, f"{orders[name]}/acceptance", {"provider_id": provider})
    await refused(clerk, f"{orders['now']}/service", "served_out_of_bounds", started)
    await made(clerk, f"{orders['by telephone']}/service", started)
    await made(bank.colleague(), f"{orders['by telephone']}/confirmation")
    assert await bank.minutes(provider) == (60, 0)
    assert await rebuild(bank.running.service) == 0


async def test_of_two_orders_for_the_last_minutes_exactly_one_wins(bank: Bank) -> None:
    (mother,) = await bank.people(60)
    person, clerk = await bank.beneficiary(mother), bank.clerk()
    answers = await asyncio.gather(*[clerk.post("/v1/time-orders", json=order_of(person)) for _ in range(4)])
    counted = Counter(answer.json().get("code", "requested") for answer in answers)
    assert counted == {"requested": 1, "not_enough_minutes": 3}
    assert await bank.minutes(mother) == (60, 60)
    assert await rebuild(bank.running.service) == 0


async def test_what_nobody_serves_in_time_is_free_again(bank: Bank) -> None:
    (mother,) = await bank.people(60)
    (provider,) = await bank.people(0, age=YOUNG)
    person, clerk = await bank.beneficiary(mother), bank.clerk()
    order = await made(clerk, "/v1/time-orders", order_of(person))
    await made(clerk, f"/v1/time-orders/{order['id']}/acceptance", {"provider_id": provider})
    assert await bank.minutes(mother) == (60, 60)
    bank.clock.ahead += timedelta(hours=1)
    began = bank.clock()
    bank.clock.ahead += timedelta(days=31)

    async def timed_out() -> bool:
        return bool((await clerk.get(f"/v1/time-orders/{order['id']}")).json()["stage"] == "timed_out")

    await until(timed_out)
    assert await bank.minutes(mother) == (60, 0)
    assert await bank.running.rows("SELECT DISTINCT state FROM ledger.holds") == [(3,)]
    late = {"started_at": bank.clock().isoformat(), "minutes": 1}
    path = f"/v1/time-orders/{order['id']}"
    await refused(clerk, f"{path}/service", "time_order_ended", late)

    # Somebody had come, and nobody had entered it: the office still can, while the minutes are there.
    came = {"started_at": began.isoformat(), "minutes": 40}
    await refused(bank.volunteer(provider), f"{path}/service", "time_order_ended", came)
    give = {"volunteer_id": mother, "minutes": 25, "agreed": True}
    await made(clerk, "/v1/minutes/donations", give)
    await refused(clerk, f"{path}/service", "not_enough_minutes", came)
    await made(clerk, f"{path}/service", {**came, "minutes": 35})
    assert await bank.minutes(mother) == (35, 35)
    shown = (await clerk.get(path)).json()
    assert (shown["stage"], shown["ended_at"], shown["reminders"]) == ("served", None, 0)

    # Nobody confirms: somebody is reminded of it, again and again, and the minutes wait.
    async def told(reminders: int) -> bool:
        waiting = (await clerk.get("/v1/time-orders?unconfirmed=true")).json()["items"]
        return [(one["id"], one["reminders"]) for one in waiting] == [(order["id"], reminders)]

    for reminders in (1, 2):
        assert not await told(reminders)
        bank.clock.ahead += timedelta(days=7)
        await until(functools.partial(told, reminders))
    assert await bank.minutes(mother) == (35, 35)
    await made(bank.colleague(), f"{path}/confirmation")
    assert (await clerk.get("/v1/time-orders?unconfirmed=true")).json()["items"] == []
    assert await bank.running.value("SELECT count(*) FROM timers WHERE kind = 'time_order.expiry'") == 0
    assert (await bank.minutes(mother), await bank.minutes(provider)) == ((0, 0), (35, 0))
    assert await rebuild(bank.running.service) == 0


async def test_earned_in_one_community_and_spent_in_another(bank: Bank) -> None:
    """The daughter is at home elsewhere, the mother is served here, and what communities owe sums to zero."""
    (daughter,) = await bank.people(300, age=YOUNG, community=FOREIGN)
    (provider,) = await bank.people(0, age=YOUNG)
    person = await bank.beneficiary()
    clerk = bank.clerk()
    gift = order_of(person, 100, "gift", payer_volunteer_id=daughter)
    await refused(clerk, "/v1/time-orders", "not_verified_kin", gift)
    await bank.kin(daughter, person)
    await refused(clerk, "/v1/time-orders", "holder_has_not_agreed", {**gift, "agreed": False})
    order = await made(bank.volunteer(daughter, FOREIGN), "/v1/time-orders", {**gift, "agreed": False})
    assert order["payer_community"] == FOREIGN
    assert await bank.minutes(daughter) == (300, 100)
    await bank.served(order["id"], provider, 100)
    await made(bank.volunteer(daughter, FOREIGN), f"/v1/time-orders/{order['id']}/confirmation")
    assert (await bank.minutes(daughter), await bank.minutes(provider)) == ((200, 0), (100, 0))
    assert await bank.minutes(f"clearing:{FOREIGN}") == (100, 0)
    assert await bank.minutes(f"clearing:{COMMUNITY}") == (-100, 0)
    homes = await bank.running.rows("SELECT holder, community FROM ledger.accounts WHERE holder LIKE 'clearing:%'")
    assert all(holder == f"clearing:{community}" for holder, community in homes)
    explained = (await bank.volunteer(provider).get(f"/v1/accounts/{provider}/MINUTE/explanation")).json()["items"][0]
    assert explained["reason"] == "order_paid_across"
    assert await bank.sums() == {0}
    assert await verify(bank.running.service) == 0
    assert await rebuild(bank.running.service) == 0


async def test_many_orders_between_two_communities_at_once_do_not_get_in_each_others_way(bank: Bank) -> None:
    here, there = (await bank.people(480)), (await bank.people(480, community=FOREIGN))
    people = {COMMUNITY: here[0], FOREIGN: there[0]}
    homes = {home: await bank.beneficiary(person, home) for home, person in people.items()}
    orders: list[tuple[str, str]] = []
    for home, other in ((COMMUNITY, FOREIGN), (FOREIGN, COMMUNITY)):
        for _ in range(4):
            order = await made(bank.clerk(home), "/v1/time-orders", order_of(homes[home], 60))
            provider = {"provider_id": people[other]}
            await made(bank.clerk(home), f"/v1/time-orders/{order['id']}/acceptance", provider)
            orders.append((order["id"], home))
    started = bank.clock()
    bank.clock.ahead += timedelta(hours=8)

    def told(number: int) -> dict[str, Any]:
        return {"started_at": (started + number % 4 * timedelta(hours=1)).isoformat(), "minutes": 45}

    serving = [
        bank.clerk(home).post(f"/v1/time-orders/{order}/service", json=told(number))
        for number, (order, home) in enumerate(orders)
    ]
    assert {answer.status_code for answer in await asyncio.gather(*serving)} == {200}
    confirming = [bank.colleague(home).post(f"/v1/time-orders/{order}/confirmation") for order, home in orders]
    assert {answer.status_code for answer in await asyncio.gather(*confirming)} == {200}
    assert [await bank.minutes(person) for person in people.values()] == [(480, 0)] * 2
    assert [await bank.minutes(f"clearing:{home}") for home in people] == [(0, 0)] * 2
    assert await bank.sums() == {0}
    assert await rebuild(bank.running.service) == 0


async def test_the_pool_helps_those_who_have_nothing_when_two_say_so(bank: Bank) -> None:
    (donor, mother) = await bank.people(200, 30)
    (daughter, provider) = await bank.people(90, 0, age=YOUNG)
    await made(bank.volunteer(donor), "/v1/minutes/donations", {"volunteer_id": donor, "minutes": 100})
    person, poor = await bank.beneficiary(mother), await bank.beneficiary()
    clerk, colleague = bank.clerk(), bank.colleague()
    answer = await refused(clerk, "/v1/time-orders", "pool_only_for_those_without", order_of(person, 60, "pool"))
    assert "30" in answer["detail"]
    await refused(clerk, "/v1/time-orders", "beneficiary_has_no_account", order_of(poor, 60))
    await bank.kin(daughter, poor)
    await refused(clerk, "/v1/time-orders", "kin_could_give", order_of(poor, 60, "pool"))
    order = await made(clerk, "/v1/time-orders", order_of(poor, 60, "pool", kin_asked=True))
    path = f"/v1/time-orders/{order['id']}"
    assert (order["stage"], await bank.minutes(f"pool:{COMMUNITY}")) == ("proposed", (100, 0))
    await refused(clerk, f"{path}/acceptance", "time_order_not_approved", {"provider_id": provider})
    await refused(clerk, f"{path}/approval", "time_order_own_request")
    await made(colleague, f"{path}/approval")
    assert await bank.minutes(f"pool:{COMMUNITY}") == (100, 60)
    second = await made(clerk, "/v1/time-orders", order_of(poor, 60, "pool", kin_asked=True))
    await refused(colleague, f"/v1/time-orders/{second['id']}/approval", "pool_too_small")
    await made(clerk, f"/v1/time-orders/{second['id']}/cancellation", {"reason": "refused"})
    await refused(clerk, f"{path}/acceptance", "provider_is_kin", {"provider_id": daughter})
    await bank.served(order["id"], provider, 50)
    await made(colleague, f"{path}/confirmation")
    assert await bank.minutes(f"pool:{COMMUNITY}") == (50, 0)
    pool = (await bank.volunteer(provider).get(f"/v1/pools/{COMMUNITY}")).json()
    assert pool["available_minutes"] == 50
    assert (await bank.volunteer(provider).get(f"/v1/pools/{FOREIGN}")).status_code == 403
    first = (await clerk.get(f"/v1/pools/{COMMUNITY}/history?limit=1")).json()
    rest = (await clerk.get(f"/v1/pools/{COMMUNITY}/history?cursor={first['next_cursor']}")).json()
    lines = [(line["amount"], line["balance_after"], line["reason"]) for line in first["items"] + rest["items"]]
    assert lines == [(-50, 50, "order_paid"), (100, 100, "donated_to_pool")]
    assert donor not in (await clerk.get(f"/v1/pools/{COMMUNITY}/history")).text
    assert await rebuild(bank.running.service) == 0


async def test_nobody_is_too_young_a_stranger_their_own_helper_or_paid_twice(bank: Bank) -> None:
    (mother,) = await bank.people(400)
    (young, provider) = await bank.people(200, 0, age=YOUNG)
    (ageless,) = await bank.people(100, age=None)
    clerk = bank.clerk()
    person = await bank.beneficiary(mother)
    for who, code in ((young, "too_young_for_time_bank"), (ageless, "age_unknown_for_time_bank")):
        await refused(clerk, "/v1/time-orders", code, order_of(await bank.beneficiary(who)))
    await refused(
        clerk, "/v1/beneficiaries", "beneficiary_already_registered", {"community": COMMUNITY, "volunteer_id": mother}
    )
    assert (await bank.volunteer(provider).post("/v1/time-orders", json=order_of(person))).status_code == 403
    order = await made(clerk, "/v1/time-orders", order_of(person))
    path = f"/v1/time-orders/{order['id']}"
    assert (await bank.clerk(FOREIGN).get(path)).status_code == 403
    assert (await bank.clerk(FOREIGN).post(f"{path}/cancellation", json={"reason": "other"})).status_code == 403
    await refused(clerk, f"{path}/acceptance", "provider_is_beneficiary", {"provider_id": mother})
    await refused(clerk, f"/v1/beneficiaries/{person}/forgetting", "beneficiary_has_open_orders")
    await bank.served(order["id"], provider, 60)
    await refused(clerk, f"{path}/confirmation", "time_order_own_record")
    # The same hour was told as an activity, too.
    shown = (await clerk.get(path)).json()
    began = bank.clock() - timedelta(minutes=31)
    assert shown["started_at"] < began.isoformat()
    await bank.producing.tell([completed([attendance(_id(provider), 20, began - timedelta(minutes=10))])])

    async def told_twice() -> bool:
        return await bank.minutes(provider) != (0, 0)

    await until(told_twice)
    await refused(bank.colleague(), f"{path}/confirmation", "service_already_credited")
    await made(clerk, f"{path}/cancellation", {"reason": "other"})
    assert await bank.minutes(mother) == (400, 0)


async def test_orders_are_found_by_who_they_concern_page_by_page(bank: Bank) -> None:
    (mother,) = await bank.people(480)
    (provider, stranger) = await bank.people(0, 0, age=YOUNG)
    person, other = await bank.beneficiary(mother), await bank.beneficiary()
    clerk = bank.clerk()
    orders = [(await made(clerk, "/v1/time-orders", order_of(person, 30)))["id"] for _ in range(3)]
    await made(clerk, f"/v1/time-orders/{orders[0]}/acceptance", {"provider_id": provider})

    async def found(client: Any, **asked: Any) -> list[str]:
        ids: list[str] = []
        cursor: str | None = None
        while True:
            params = {"limit": 2, **asked, **({"cursor": cursor} if cursor else {})}
            page = (await client.get("/v1/time-orders", params=params)).json()
            ids += [one["id"] for one in page["items"]]
            cursor = page["next_cursor"]
            if cursor is None:
                return ids

    assert await found(clerk, community=COMMUNITY) == orders
    assert await found(clerk, beneficiary_id=person) == orders
    assert await found(clerk, beneficiary_id=other) == []
    assert await found(clerk, provider_id=provider) == orders[:1]
    assert await found(bank.volunteer(mother)) == orders
    assert await found(bank.volunteer(provider)) == orders
    assert await found(bank.volunteer(stranger)) == orders[1:]
    assert await found(bank.clerk(FOREIGN)) == []
    assert (await bank.volunteer(stranger).get(f"/v1/time-orders/{orders[0]}")).status_code == 403


async def test_a_record_that_comes_after_the_payment_is_found_until_it_is_corrected(bank: Bank) -> None:
    (mother,) = await bank.people(120)
    (provider,) = await bank.people(0, age=YOUNG)
    person, clerk = await bank.beneficiary(mother), bank.clerk()
    order = await made(clerk, "/v1/time-orders", order_of(person, 60))
    await bank.served(order["id"], provider, 60)
    await made(bank.colleague(), f"/v1/time-orders/{order['id']}/confirmation")
    assert (await clerk.get("/v1/double-credits")).json()["items"] == []
    began = bank.clock() - timedelta(minutes=31)
    told = attendance(_id(provider), 20, began)
    await bank.producing.tell([completed([told])])
    await has_balance(bank.running, provider, 80, "MINUTE")
    for client in (clerk, bank.running.client("auditor", "620201")):
        (found,) = (await client.get("/v1/double-credits")).json()["items"]
        assert found["id"] == order["id"]
    assert (await bank.clerk(FOREIGN).get("/v1/double-credits")).json()["items"] == []
    assert (await bank.volunteer(provider).get("/v1/double-credits")).status_code == 403
    await correct(bank.running.service, told, 0)
    assert await bank.minutes(provider) == (60, 0)
    assert (await clerk.get("/v1/double-credits")).json()["items"] == []
    # What a correction made of a record counts: this one brought nothing before, and that one reached into the hour.
    backfilled = attendance(_id(provider), 20, began, Evidence.BACKFILLED)
    longer = attendance(_id(provider), 90, began - timedelta(minutes=90))
    await bank.producing.tell([completed([backfilled, longer])])
    await has_balance(bank.running, provider, 150, "MINUTE")
    await correct(bank.running.service, longer, 30)
    assert (await clerk.get("/v1/double-credits")).json()["items"] == []
    await correct(bank.running.service, backfilled, 20)
    assert await bank.minutes(provider) == (110, 0)
    (found,) = (await clerk.get("/v1/double-credits")).json()["items"]
    assert found["id"] == order["id"]
    # Later than it can be corrected it is looked for by day.
    async with bank.running.service.database.transaction() as connection:
        await connection.exec_driver_sql("UPDATE time_orders SET ended_at = ended_at - interval '100 days'")
    assert (await clerk.get("/v1/double-credits")).json()["items"] == []
    for span in ({"since": (bank.clock() - timedelta(days=102)).date()}, {"until": bank.clock().date()}):
        listed = (await clerk.get("/v1/double-credits", params=span)).json()["items"]
        assert [one["id"] for one in listed] == ([order["id"]] if "since" in span else [])


async def test_nobody_is_in_two_places_at_once(bank: Bank) -> None:
    (mother,) = await bank.people(480)
    (provider,) = await bank.people(0, age=YOUNG)
    person, clerk = await bank.beneficiary(mother), bank.clerk()
    orders = [(await made(clerk, "/v1/time-orders", order_of(person, 60)))["id"] for _ in range(3)]
    for order in orders:
        await made(clerk, f"/v1/time-orders/{order}/acceptance", {"provider_id": provider})
    started = bank.clock()
    bank.clock.ahead += timedelta(hours=3)
    told = {"started_at": started.isoformat(), "minutes": 60}
    answers = await asyncio.gather(*[clerk.post(f"/v1/time-orders/{o}/service", json=told) for o in orders[:2]])
    assert Counter(a.json().get("code", "served") for a in answers) == {"served": 1, "provider_served_elsewhere": 1}
    after = {"started_at": (started + timedelta(hours=1)).isoformat(), "minutes": 60}
    await made(clerk, f"/v1/time-orders/{orders[2]}/service", after)
    assert await bank.minutes(mother) == (480, 180)


async def test_a_relation_that_ended_counts_no_more_and_everybody_finds_their_own(bank: Bank) -> None:
    (mother,) = await bank.people(0)
    (daughter, stranger) = await bank.people(100, 0, age=YOUNG)
    person, clerk = await bank.beneficiary(mother), bank.clerk()
    tie = await bank.kin(daughter, person)
    for who, seen in ((mother, [person]), (daughter, [person]), (stranger, [])):
        client = bank.volunteer(who)
        assert [one["id"] for one in (await client.get("/v1/beneficiaries")).json()["items"]] == seen
        assert [one["id"] for one in (await client.get("/v1/kin")).json()["items"]] == ([tie] if seen else [])
        assert (await client.get(f"/v1/kin/{tie}")).status_code == (200 if seen else 403)
        assert (await client.get(f"/v1/beneficiaries/{person}")).status_code == 403
    entered = {"volunteer_id": daughter, "beneficiary_id": person, "relation": "parent"}
    await refused(clerk, "/v1/kin", "kin_already_entered", entered)
    await made(clerk, f"/v1/kin/{tie}/end")
    gift = order_of(person, 60, "gift", payer_volunteer_id=daughter)
    await refused(clerk, "/v1/time-orders", "not_verified_kin", gift)
    again = await made(clerk, "/v1/kin", entered)
    await refused(clerk, "/v1/time-orders", "not_verified_kin", gift)
    await refused(clerk, f"/v1/kin/{again['id']}/verification", "kin_own_proposal")


def _id(person: str) -> Any:
    from uuid import UUID

    return UUID(person)


async def test_nobody_of_the_office_approves_that_the_pool_pays_for_them(bank: Bank) -> None:
    (clerk_and_old,) = await bank.people(0)
    person = await bank.beneficiary(clerk_and_old)
    order = await made(bank.clerk(), "/v1/time-orders", order_of(person, 60, "pool"))
    own = bank.running.client("community", subject=clerk_and_old)
    await refused(own, f"/v1/time-orders/{order['id']}/approval", "time_order_own_request")
