"""Minutes given to relatives and to the pool, and what becomes of them when somebody dies; over HTTP, on real parts."""

import asyncio
import json
import uuid
from collections import Counter
from datetime import timedelta

import pytest

from services.points.ledger.clauses import Clause
from services.points.ledger.transfer import Transfer
from services.points.ledger.writing import AccountKey, LedgerWriter
from services.points.proof.rebuild import rebuild
from services.points.proof.verify import verify
from services.points.units import Unit
from shared.clock import local_day
from shared.database import driver_connection
from tests.conftest import COMMUNITY, FOREIGN, until
from tests.integration.points.producing import attendance, completed
from tests.integration.points.serving import correct, serve
from tests.integration.points.test_from_events_to_goods import has_balance
from tests.integration.points.time_bank_scene import YOUNG, Bank, made, order_of, refused
from tests.moments import morning


async def donate_only(bank: Bank, person: str, minutes: int) -> None:
    """Minutes of a group activity, as a deposit books them; below zero, as a correction takes them back."""
    writer, at = LedgerWriter(), morning()
    keys = [AccountKey(f"issuance:{COMMUNITY}", Unit.DONATION_MINUTE), AccountKey(person, Unit.DONATION_MINUTE)]
    async with bank.running.service.database.transaction() as connection:
        db = await driver_connection(connection)
        numbers = await writer.accounts(db, keys, COMMUNITY)
        giver, taker = keys if minutes > 0 else reversed(keys)
        earned = Transfer(
            numbers[giver], numbers[taker], abs(minutes), None, at, at, uuid.uuid4(), uuid.uuid4(),
            Unit.DONATION_MINUTE, 1, Clause.DONATED,
        )  # fmt: skip
        await writer.post(db, [earned])


async def policy_says(bank: Bank, on_death: str) -> None:
    """A policy that is in force for the day; through the API the first day is tomorrow."""
    async with bank.running.service.database.transaction() as connection:
        await connection.exec_driver_sql(
            "UPDATE policies SET document = jsonb_set(document, '{time_bank,on_death}', "
            f"'{json.dumps(on_death)}'), policy_version = policy_version + 1"
        )


async def policy_as_published(bank: Bank) -> None:
    async with bank.running.service.database.transaction() as connection:
        await connection.exec_driver_sql(
            "UPDATE policies SET policy_version = 1,"
            " document = (SELECT data->'document' FROM events WHERE type = 'liuling.points.PolicyPublished.v1')"
        )


def today(bank: Bank) -> str:
    return local_day(bank.clock()).isoformat()


async def test_a_daughter_gives_to_her_mother_also_across_communities(bank: Bank) -> None:
    (mother,) = await bank.people(10)
    (daughter,) = await bank.people(200, age=YOUNG, community=FOREIGN)
    person = await bank.beneficiary(mother)
    hers = bank.volunteer(daughter, FOREIGN)
    gift = {"giver_id": daughter, "beneficiary_id": person, "minutes": 150}
    await refused(hers, "/v1/minutes/gifts", "not_verified_kin", gift)
    await bank.kin(daughter, person)
    assert (await bank.volunteer(mother).post("/v1/minutes/gifts", json=gift)).status_code == 403
    assert (await bank.clerk().post("/v1/minutes/gifts", json=gift)).status_code == 403
    await refused(bank.clerk(FOREIGN), "/v1/minutes/gifts", "holder_has_not_agreed", gift)
    await made(hers, "/v1/minutes/gifts", gift)
    await refused(hers, "/v1/minutes/gifts", "not_enough_minutes", gift)
    assert (await bank.minutes(mother), await bank.minutes(daughter)) == ((160, 0), (50, 0))
    assert await bank.minutes(f"clearing:{FOREIGN}") == (150, 0)
    assert await bank.minutes(f"clearing:{COMMUNITY}") == (-150, 0)
    await made(bank.clerk(FOREIGN), "/v1/minutes/gifts", {**gift, "minutes": 50, "agreed": True})
    assert [one["volunteer_id"] for one in (await hers.get("/v1/kin")).json()["items"]] == [daughter]
    for who, client in ((mother, bank.volunteer(mother)), (daughter, hers)):
        statement = (await client.get(f"/v1/accounts/{who}/MINUTE/statement")).json()["items"][0]
        assert statement["reason"] == "minutes_given_across"
    assert await bank.sums() == {0}
    assert await rebuild(bank.running.service) == 0


async def test_what_is_held_cannot_be_given(bank: Bank) -> None:
    (mother,) = await bank.people(100)
    person, mine = await bank.beneficiary(mother), bank.volunteer(mother)
    await made(mine, "/v1/time-orders", order_of(person, 60))
    give = {"volunteer_id": mother, "minutes": 30}
    answers = await asyncio.gather(*[mine.post("/v1/minutes/donations", json=give) for _ in range(3)])
    assert Counter(answer.json().get("code", "given") for answer in answers) == {"given": 1, "not_enough_minutes": 2}
    assert await bank.minutes(mother) == (70, 60)


async def test_donate_only_minutes_become_minutes_of_the_pool_and_each_unit_sums_to_zero(bank: Bank) -> None:
    (person,) = await bank.people(100, age=YOUNG)
    await donate_only(bank, person, 90)
    mine = bank.volunteer(person)
    gift = {"volunteer_id": person, "minutes": 40, "donation_minutes": 60}
    await made(mine, "/v1/minutes/donations", gift)
    answer = await refused(mine, "/v1/minutes/donations", "not_enough_donation_minutes", {**gift, "minutes": 0})
    assert "60" in answer["detail"]
    await refused(mine, "/v1/minutes/donations", "no_minutes_given", {"volunteer_id": person})
    assert await bank.minutes(person) == (60, 0)
    assert await bank.minutes(person, "DONATION_MINUTE") == (30, 0)
    assert await bank.minutes(f"pool:{COMMUNITY}") == (100, 0)
    assert await bank.sums() == {0}
    explained = (await mine.get(f"/v1/accounts/{person}/DONATION_MINUTE/explanation")).json()["items"][0]
    assert "公共池增加同样的分钟" in explained["text"]
    assert await verify(bank.running.service) == 0


async def test_the_dead_leave_their_minutes_to_relatives_and_what_comes_late_follows(bank: Bank) -> None:
    (mother,) = await bank.people(301)
    (daughter, son, provider) = await bank.people(0, 0, 0, age=YOUNG)
    (abroad,) = await bank.people(0, age=YOUNG, community=FOREIGN)
    person = await bank.beneficiary(mother)
    for child in (daughter, abroad):
        await bank.kin(child, person)
    clerk, colleague = bank.clerk(), bank.colleague()
    open_order = await made(clerk, "/v1/time-orders", order_of(person, 100))
    served = await made(clerk, "/v1/time-orders", order_of(person, 60))
    await bank.served(served["id"], provider, 60)
    death = {"volunteer_id": mother, "died_on": today(bank), "heirs": [daughter, abroad]}
    await refused(clerk, "/v1/deaths", "not_verified_kin", {**death, "heirs": [son]})
    assert (await bank.clerk(FOREIGN).post("/v1/deaths", json=death)).status_code == 403
    recorded = await made(clerk, "/v1/deaths", death)
    path = f"/v1/deaths/{recorded['id']}"
    await refused(clerk, "/v1/time-orders", "time_bank_account_closed", order_of(person, 1))
    give = {"volunteer_id": mother, "minutes": 1, "agreed": True}
    await refused(clerk, "/v1/minutes/donations", "time_bank_account_closed", give)
    await refused(clerk, f"{path}/confirmation", "death_own_record")
    await made(colleague, f"{path}/confirmation")
    assert (await clerk.get(f"/v1/time-orders/{open_order['id']}")).json()["cancel_reason"] == "death"
    assert await bank.minutes(mother) == (60, 60)
    assert (await bank.minutes(daughter), await bank.minutes(abroad)) == ((121, 0), (120, 0))
    assert await bank.minutes(f"clearing:{FOREIGN}") == (-120, 0)
    # What was served is paid all the same; service that is told late goes the same way when the day is over.
    await made(colleague, f"/v1/time-orders/{served['id']}/confirmation")
    assert await bank.minutes(provider) == (60, 0)
    late = completed([attendance(uuid.UUID(mother), 45, morning() - timedelta(days=3))])
    await bank.producing.tell([late])
    await has_balance(bank.running, mother, 45, "MINUTE")
    bank.clock.ahead += timedelta(days=1, minutes=5)
    await has_balance(bank.running, mother, 0, "MINUTE")
    shown = (await clerk.get(path)).json()
    assert (shown["outcome"], shown["minutes"], shown["stage"]) == ("kin", 286, "confirmed")
    assert await bank.minutes(daughter) == (121 + 23, 0)
    await made(clerk, f"{path}/settlement")
    assert await bank.sums() == {0}
    assert await verify(bank.running.service) == 0
    assert await rebuild(bank.running.service) == 0


async def test_what_a_correction_takes_after_a_death_the_community_makes_good_and_gets_back_first(bank: Bank) -> None:
    (mother,) = await bank.people(0)
    (daughter,) = await bank.people(0, age=YOUNG)
    (told,) = await serve(bank.running.service, uuid.UUID(mother), 5, morning())
    await donate_only(bank, mother, 40)
    await bank.kin(daughter, await bank.beneficiary(mother))
    clerk = bank.clerk()
    recorded = await made(clerk, "/v1/deaths", {"volunteer_id": mother, "died_on": today(bank), "heirs": [daughter]})
    path = f"/v1/deaths/{recorded['id']}"
    await made(bank.colleague(), f"{path}/confirmation")
    assert (await bank.minutes(daughter), await bank.minutes(f"pool:{COMMUNITY}")) == ((300, 0), (40, 0))

    # It was two hours: heirs keep what they have, and the next day the community makes good what is missing.
    await correct(bank.running.service, told, 120)
    await donate_only(bank, mother, -15)
    assert (await bank.minutes(mother), await bank.minutes(mother, "DONATION_MINUTE")) == ((-180, 0), (-15, 0))
    bank.clock.ahead += timedelta(days=1, minutes=5)
    await has_balance(bank.running, mother, 0, "MINUTE")
    assert await bank.minutes(mother, "DONATION_MINUTE") == (0, 0)
    assert (await bank.minutes(daughter), await bank.minutes(f"pool:{COMMUNITY}")) == ((300, 0), (40, 0))
    said = [(await clerk.get(path)).json()[name] for name in ("minutes", "made_good_minutes")]
    assert said == [300, 180]
    assert (await clerk.get(path)).json()["made_good_donation_minutes"] == 15
    query = "SELECT owed FROM ledger.accounts WHERE holder = :holder AND owed > 0"
    assert await bank.running.rows(query, holder=mother) == []

    # Four hours more become known: three of them the community has advanced, one is left to the daughter.
    await serve(bank.running.service, uuid.UUID(mother), 4, morning() - timedelta(days=3))
    await made(clerk, f"{path}/settlement")
    assert (await bank.minutes(mother), await bank.minutes(daughter)) == ((0, 0), (360, 0))
    assert (await clerk.get(path)).json()["made_good_minutes"] == 0
    for language, back, good in (
        ("zh", "先归还社区补足的 180", "由社区补足"),
        ("en", "180 minutes went back", "made up"),
    ):
        answer = await clerk.get(f"/v1/accounts/{mother}/MINUTE/explanation", headers={"accept-language": language})
        lines = [line for line in answer.json()["items"] if line["reason"] == "estate_made_good"]
        assert [line["amount"] for line in lines] == [-180, 180]
        assert back in lines[0]["text"], lines[0]
        assert good in lines[1]["text"], lines[1]
    assert await bank.sums() == {0}
    assert await verify(bank.running.service) == 0
    # What the test booked by hand no topic knows of; the property tests compare with a replay.


async def test_service_given_before_a_death_and_entered_after_it_is_paid(bank: Bank) -> None:
    (mother, elder) = await bank.people(120, 100)
    (provider, helper) = await bank.people(0, 0, age=YOUNG)
    clerk, colleague, deaths = bank.clerk(), bank.colleague(), {}
    hers, his = await bank.beneficiary(mother), await bank.beneficiary(elder)
    orders = [
        await made(clerk, "/v1/time-orders", order_of(who, minutes))
        for who, minutes in ((hers, 60), (his, 50), (his, 10))
    ]
    served, helped, called_off = [f"/v1/time-orders/{order['id']}" for order in orders]
    for path, who in ((served, provider), (helped, helper), (called_off, helper)):
        await made(clerk, f"{path}/acceptance", {"provider_id": who})
    started = bank.clock()
    bank.clock.ahead += timedelta(minutes=61)
    for dead in (mother, helper):
        deaths[dead] = await made(clerk, "/v1/deaths", {"volunteer_id": dead, "died_on": today(bank)})
        await made(colleague, f"/v1/deaths/{deaths[dead]['id']}/confirmation")
    assert (await bank.minutes(mother), await bank.minutes(f"pool:{COMMUNITY}")) == ((0, 0), (120, 0))
    assert (await clerk.get(served)).json()["cancel_reason"] == "death"
    waits = (await clerk.get(helped)).json()
    assert (waits["stage"], waits["provider_id"], await bank.minutes(elder)) == ("requested", None, (100, 60))
    # Whoever was served calls the other one off and gives the minutes away: what the dead gave they owe all the same.
    await made(bank.volunteer(elder), f"{called_off}/cancellation", {"reason": "not_needed"})
    await made(bank.volunteer(elder), "/v1/minutes/donations", {"volunteer_id": elder, "minutes": 50})

    for path, after, minutes in ((served, 0, 60), (helped, 0, 50), (called_off, 50, 10)):
        told = {"started_at": (started + timedelta(minutes=after)).isoformat(), "minutes": minutes}
        if path == served:
            await refused(bank.volunteer(provider), f"{path}/service", "time_order_ended", told)
        await made(clerk, f"{path}/service", told)
        await refused(clerk, f"{path}/confirmation", "time_order_own_record")
        await made(colleague, f"{path}/confirmation")
    shown = (await clerk.get(served)).json()
    assert (shown["stage"], shown["cancel_reason"], shown["provider_id"]) == ("confirmed", None, provider)
    assert [await bank.minutes(who) for who in (mother, provider, elder, helper)] == [
        (-60, 0), (60, 0), (-10, 0), (60, 0),
    ]  # fmt: skip
    # In the next rounds the community makes good what the heirs have had, and the helper's hour goes its way.
    for death in deaths.values():
        await made(clerk, f"/v1/deaths/{death['id']}/settlement")
    assert (await clerk.get(f"/v1/deaths/{deaths[mother]['id']}")).json()["made_good_minutes"] == 60
    assert [await bank.minutes(who) for who in (mother, helper, f"pool:{COMMUNITY}")] == [(0, 0), (0, 0), (230, 0)]
    assert await bank.sums() == {0}
    assert await verify(bank.running.service) == 0
    assert await rebuild(bank.running.service) == 0


@pytest.mark.parametrize("outcome", ["pool", "lapse", "kin"])
async def test_the_policy_of_the_day_says_who_has_the_minutes(bank: Bank, outcome: str) -> None:
    """Without relatives, what would be theirs is the pool's."""
    (person,) = await bank.people(80)
    await donate_only(bank, person, 20)
    await policy_says(bank, outcome)
    clerk = bank.clerk()
    recorded = await made(clerk, "/v1/deaths", {"volunteer_id": person, "died_on": today(bank)})
    await made(bank.colleague(), f"/v1/deaths/{recorded['id']}/confirmation")
    assert (await bank.minutes(person), await bank.minutes(person, "DONATION_MINUTE")) == ((0, 0), (0, 0))
    assert await bank.minutes(f"pool:{COMMUNITY}") == ((0, 0) if outcome == "lapse" else (100, 0))
    assert await bank.sums() == {0}
    (line,) = (await clerk.get(f"/v1/accounts/{person}/DONATION_MINUTE/statement")).json()["items"][:1]
    assert line["reason"] == ("estate_lapsed" if outcome == "lapse" else "estate_to_pool")
    assert (
        await bank.running.value("SELECT data->>'policy_version' FROM events WHERE type LIKE '%EstateSettled%'") == "2"
    )
    await policy_as_published(bank)
    assert await verify(bank.running.service) == 0


async def test_a_death_recorded_by_mistake_is_withdrawn_and_the_account_is_open_again(bank: Bank) -> None:
    (person,) = await bank.people(80)
    clerk, death = bank.clerk(), {"volunteer_id": person, "died_on": today(bank)}
    recorded = await made(clerk, "/v1/deaths", death)
    await refused(clerk, "/v1/deaths", "death_already_recorded", death)
    path = f"/v1/deaths/{recorded['id']}"
    await refused(clerk, f"{path}/settlement", "death_not_confirmed")
    await made(clerk, f"{path}/withdrawal")
    assert (await clerk.get(path)).status_code == 404
    await refused(bank.colleague(), f"{path}/confirmation", "death_not_recorded")
    await made(bank.volunteer(person), "/v1/minutes/donations", {"volunteer_id": person, "minutes": 80})
    tomorrow = {**death, "died_on": local_day(bank.clock() + timedelta(days=2)).isoformat()}
    await refused(clerk, "/v1/deaths", "died_in_future", tomorrow)
    assert await rebuild(bank.running.service) == 0


async def test_gifts_and_orders_against_a_death_at_the_same_moment_leave_nothing_behind(bank: Bank) -> None:
    """Whatever came first: either it happened, or it found the account closed; nothing stays held."""
    (person,) = await bank.people(240)
    beneficiary, clerk = await bank.beneficiary(person), bank.clerk()
    recorded = await made(clerk, "/v1/deaths", {"volunteer_id": person, "died_on": today(bank)})
    await made(clerk, f"/v1/deaths/{recorded['id']}/withdrawal")
    give = {"volunteer_id": person, "minutes": 7, "agreed": True}
    answers = await asyncio.gather(
        *[clerk.post("/v1/minutes/donations", json=give) for _ in range(4)],
        clerk.post("/v1/deaths", json={"volunteer_id": person, "died_on": today(bank)}),
        *[clerk.post("/v1/time-orders", json=order_of(beneficiary, 11)) for _ in range(4)],
    )
    said = Counter(answer.json().get("code", "done") for answer in answers)
    assert set(said) <= {"done", "time_bank_account_closed"}
    await made(bank.colleague(), f"/v1/deaths/{recorded['id']}/confirmation")

    async def nothing_left() -> bool:
        return await bank.minutes(person) == (0, 0)

    await until(nothing_left)
    assert await bank.minutes(f"pool:{COMMUNITY}") == (240, 0)
    assert await rebuild(bank.running.service) == 0
