"""What was entered wrongly in the time bank is corrected: across communities, above the cap, settled, spent, left."""

import asyncio
import uuid
from datetime import timedelta
from typing import Any

from shared.clock import local_day
from shared.contracts.registry import ActivityCategory
from tests.conftest import COMMUNITY, DISTRICT, FOREIGN
from tests.integration.points.producing import attendance, completed
from tests.integration.points.test_time_bank_journey import CAP_MINUTES, POOL, Town, town
from tests.integration.points.time_bank_scene import OLD, YOUNG, made, order_of, refused

__all__ = ["town"]
WRONG = {"reason": "wrong_minutes"}


async def corrected(town: Town, path: str, minutes: int) -> Any:
    """Proposed by one, confirmed by another."""
    await made(town.clerk(), f"{path}/correction", {"minutes": minutes, **WRONG})
    return await made(town.colleague(), f"{path}/correction/confirmation")


async def settled(town: Town) -> dict[str, int]:
    """Communities settle what is open; what each paid, or got when it is below zero."""
    anna, ben = [town.running.client("district", node=DISTRICT, subject=who) for who in ("anna", "ben")]
    body = {"node": DISTRICT, "through": (local_day(town.clock()) - timedelta(days=1)).isoformat()}
    run = await made(anna, "/v1/settlements", body)
    await made(ben, f"/v1/settlements/{run['id']}/confirmation")
    positions = (await anna.get(f"/v1/settlements/{run['id']}/positions")).json()["items"]
    return {one["community"]: one["settled_minutes"] for one in positions}


async def told(client: Any, holder: str, reason: str) -> list[str]:
    lines = (await client.get(f"/v1/accounts/{holder}/MINUTE/explanation")).json()["items"]
    return [line["text"] for line in lines if line["reason"] == reason]


async def test_an_order_that_was_confirmed_wrongly_stands_as_it_was_on_every_account(town: Town) -> None:
    here, there = await town.people_of(COMMUNITY, elder=OLD), await town.people_of(FOREIGN, helper=YOUNG)
    elder, helper = here["elder"], there["helper"]
    await town.serve(elder, 200)
    await town.serve(helper, 270, FOREIGN)
    town.clock.ahead += timedelta(hours=2)
    clerk, colleague = town.clerk(), town.colleague()
    order = await made(clerk, "/v1/time-orders", order_of(await town.beneficiary(elder), 150, place=FOREIGN))
    path, began = f"/v1/time-orders/{order['id']}", town.clock()
    await town.served(order["id"], helper, 120, FOREIGN)
    await refused(clerk, f"{path}/correction", "time_order_not_confirmed", {"minutes": 90, **WRONG})
    await made(colleague, f"{path}/confirmation")
    paid_at = town.clock()
    # Ten of these minutes are told as an activity, too.
    _, activity = completed([attendance(uuid.UUID(helper), 10, began)], FOREIGN)
    await town.tell(activity)
    of_late = {"since": local_day(paid_at).isoformat()}
    twice = (await clerk.get("/v1/double-credits", params=of_late)).json()["items"]
    assert [one["id"] for one in twice] == [order["id"]]
    town.clock.ahead += timedelta(days=1)
    await town.comes_to(CAP_MINUTES, helper)
    await town.comes_to(100, f"pool:{FOREIGN}")
    assert await settled(town) == {COMMUNITY: 120, FOREIGN: -120}

    town.clock.ahead += timedelta(minutes=1)
    right = {"minutes": 90, **WRONG}
    for who in (town.volunteer(elder), town.volunteer(helper, FOREIGN), town.clerk(FOREIGN)):
        assert (await who.post(f"{path}/correction", json=right)).status_code == 403
    await refused(clerk, f"{path}/correction/confirmation", "time_order_no_correction_proposed")
    await refused(clerk, f"{path}/correction", "nothing_to_correct", {"minutes": 120, **WRONG})
    await refused(clerk, f"{path}/correction", "more_minutes_than_planned", {"minutes": 151, **WRONG})
    await refused(clerk, f"{path}/correction", "service_already_credited", {"minutes": 150, **WRONG})
    await made(clerk, f"{path}/correction", right)
    (listed,) = (await colleague.get("/v1/time-orders", params={"to_correct": True})).json()["items"]
    assert (listed["minutes"], listed["correction"]["minutes"]) == (120, 90)
    await refused(clerk, f"{path}/correction", "time_order_correction_already_proposed", right)
    await refused(clerk, f"{path}/correction/confirmation", "time_order_own_correction")
    assert await town.minutes(elder) == (80, 0), "nothing moves before a second person looked"
    answers = await asyncio.gather(*[colleague.post(f"{path}/correction/confirmation") for _ in range(3)])
    nothing_waits = "time_order_no_correction_proposed"
    assert sorted(one.json().get("code", "done") for one in answers) == ["done", nothing_waits, nothing_waits]

    # As if it had been 90 from the start: less flowed over that night, and the communities owe each other the rest.
    assert (await town.minutes(elder), await town.minutes(helper)) == ((110, 0), (CAP_MINUTES, 0))
    assert (await town.minutes(f"pool:{FOREIGN}"))[0] == 70
    assert [(await town.minutes(f"clearing:{one}"))[0] for one in (COMMUNITY, FOREIGN)] == [-30, 30]
    shown = (await clerk.get(path)).json()
    assert (shown["stage"], shown["minutes"], shown["confirmed_minutes"]) == ("confirmed", 90, 120)
    assert (shown["correction"], shown["correction_reason"]) == (None, "wrong_minutes")
    (text,) = await told(town.volunteer(elder), elder, "order_corrected")
    assert "家务服务由 120 分钟更正为 90 分钟" in text
    assert "（原因：分钟数有误），退回 30 分钟" in text
    of_helper = await told(town.clerk(FOREIGN), helper, "order_corrected")
    assert "收回 30 分钟" in of_helper[0]
    (back,) = await told(town.clerk(FOREIGN), helper, "pooled_restated")
    assert "从社区公益时间池退回 30 分钟" in back
    assert "的一个时间订单更正了" in back
    event = shown["correction_event_id"]
    anna = town.running.client("district", node=DISTRICT)
    effects = (await anna.get(f"/v1/events/{event}/effects")).json()["items"]
    assert [(one["amount"], one["reason"], one["corrects"] is None) for one in effects] == [
        (30, "order_corrected", False), (30, "order_corrected", False), (30, "pooled_restated", False),
    ]  # fmt: skip
    assert effects[2]["caused_by"] == [event]
    mine = (await town.volunteer(elder).get(f"/v1/accounts/{elder}/MINUTE/explanation")).json()["items"]
    (original,) = [line for line in mine if line["reason"] == "order_paid_across"]
    assert original["corrected_by"] == [line["id"] for line in mine if line["reason"] == "order_corrected"]
    for known, balance in (("then", 80), ("now", 110)):
        at = {"at": (paid_at + timedelta(hours=1)).isoformat(), "as_known": known}
        answer = await clerk.get(f"/v1/accounts/{elder}/MINUTE/balance", params=at)
        assert answer.json()["posted"] == balance
    (spent,) = (await clerk.get("/v1/solvency", params={"node": COMMUNITY})).json()["groups"]
    assert spent["spent_minutes"] == 90
    town.clock.ahead += timedelta(days=1)
    assert await settled(town) == {COMMUNITY: -30, FOREIGN: 30}

    # It was not served at all.
    answer = await corrected(town, path, 0)
    assert answer["stage"] == "voided"
    assert (await town.minutes(elder), await town.minutes(helper)) == ((200, 0), (280, 0))
    assert (await town.minutes(f"pool:{FOREIGN}"))[0] == 0
    assert (await clerk.get("/v1/double-credits", params=of_late)).json()["items"] == []
    await town.is_sound()
    await made(clerk, f"{path}/correction", {"minutes": 0, "service": "meals", **WRONG})
    town.clock.ahead += timedelta(days=90)
    await refused(colleague, f"{path}/correction/confirmation", "minutes_paid_too_far_back")
    await made(clerk, f"{path}/correction/withdrawal")
    await refused(clerk, f"{path}/correction", "minutes_paid_too_far_back", right)


async def test_what_was_given_by_mistake_goes_back_and_what_was_spent_of_it_is_owed(town: Town) -> None:
    here = await town.people_of(COMMUNITY, mother=OLD, needy=OLD, helper=YOUNG)
    daughter = (await town.people_of(FOREIGN, daughter=YOUNG))["daughter"]
    mother, helper = here["mother"], here["helper"]
    await town.serve(mother, 60)
    await town.serve(daughter, 250, FOREIGN)
    await town.serve(daughter, 50, FOREIGN, ActivityCategory.CULTURE)
    person, clerk, office = await town.beneficiary(mother), town.clerk(), town.clerk(FOREIGN)
    await town.kin(daughter, person)
    gift = await made(
        office, "/v1/minutes/gifts", {"giver_id": daughter, "beneficiary_id": person, "minutes": 200, "agreed": True}
    )
    donation = await made(
        office, "/v1/minutes/donations",
        {"volunteer_id": daughter, "minutes": 40, "donation_minutes": 50, "agreed": True},
    )  # fmt: skip
    gone, out = f"/v1/minutes/gifts/{gift['id']}/reversal", f"/v1/minutes/donations/{donation['id']}/reversal"
    twice = {"reason": "entered_twice"}
    order = await made(clerk, "/v1/time-orders", order_of(person, 100))
    await town.served(order["id"], helper, 100)
    await made(town.colleague(), f"/v1/time-orders/{order['id']}/confirmation")
    assert await town.minutes(mother) == (160, 0)

    for who in (town.volunteer(daughter, FOREIGN), clerk):
        assert (await who.post(gone, json=twice)).status_code == 403
    for what, word in (("gifts", "转赠"), ("donations", "捐出")):
        missing = await refused(office, f"/v1/minutes/{what}/{uuid.uuid4()}/reversal", "not_found", twice)
        assert f"没有找到这个{word}" in missing["detail"]
    answers = await asyncio.gather(*[office.post(gone, json=twice) for _ in range(3)])
    already = "minutes_reversed_already"
    assert sorted(one.json().get("code", "done") for one in answers) == ["done", already, already]
    assert (await town.minutes(mother), await town.minutes(daughter)) == ((-40, 0), (210, 0))
    assert {(await town.minutes(f"clearing:{one}"))[0] for one in (COMMUNITY, FOREIGN)} == {0}
    await refused(clerk, "/v1/time-orders", "not_enough_minutes", order_of(person, 10))
    (text,) = await told(clerk, mother, "gift_reversed")
    assert "亲属转赠的这一笔登记有误" in text
    assert "（原因：重复登记），收回 200 分钟" in text

    # The pool of the daughter's home has given away what she had donated: it owes nothing.
    poor = await town.beneficiary(community=FOREIGN)
    helped = await made(office, "/v1/time-orders", order_of(poor, 60, "pool"))
    await made(town.colleague(FOREIGN), f"/v1/time-orders/{helped['id']}/approval")
    assert "90" in (await refused(office, out, "pool_gave_it_on", twice))["detail"]
    await made(office, f"/v1/time-orders/{helped['id']}/cancellation", {"reason": "not_needed"})
    answers = await asyncio.gather(*[office.post(out, json=twice) for _ in range(3)])
    assert sorted(one.json().get("code", "done") for one in answers) == ["done", already, already]
    assert await town.minutes(f"pool:{FOREIGN}") == (0, 0)
    assert (await town.minutes(daughter), await town.minutes(daughter, "DONATION_MINUTE")) == ((250, 0), (50, 0))
    lines = (await office.get(f"/v1/pools/{FOREIGN}/history")).json()["items"]
    assert [(line["amount"], line["reason"]) for line in lines if line["reason"] == "donation_reversed"] == [
        (-50, "donation_reversed"), (-40, "donation_reversed"),
    ]  # fmt: skip
    assert "donation_reversed" in await town.reasons(office, daughter, "DONATION_MINUTE")

    # Whoever owes for it dies: the community makes it good, as for any correction.
    death = {"volunteer_id": mother, "died_on": local_day(town.clock()).isoformat(), "heirs": []}
    recorded = await made(clerk, "/v1/deaths", death)
    await made(town.colleague(), f"/v1/deaths/{recorded['id']}/confirmation")
    await made(clerk, f"/v1/deaths/{recorded['id']}/settlement")
    assert await town.minutes(mother) == (0, 0)
    # A service of hers turns out to have been shorter: what comes back repays the community first.
    await corrected(town, f"/v1/time-orders/{order['id']}", 70)
    assert await town.minutes(mother) == (30, 0)
    await made(clerk, f"/v1/deaths/{recorded['id']}/settlement")
    assert (await clerk.get(f"/v1/deaths/{recorded['id']}")).json()["made_good_minutes"] == 10
    assert (await town.minutes(mother), await town.minutes(helper)) == ((0, 0), (70, 0))
    assert await town.minutes(POOL) == (0, 0)
    path = f"/v1/time-orders/{order['id']}/correction"
    await made(clerk, path, {"minutes": 70, "service": "meals", "reason": "wrong_service"})
    await made(town.colleague(), f"{path}/confirmation")
    shown = (await clerk.get(f"/v1/time-orders/{order['id']}")).json()
    assert (shown["service"], shown["minutes"], shown["correction_reason"]) == ("meals", 70, "wrong_service")
    # It was longer, after all; but nobody has the minutes any more.
    await made(clerk, path, {"minutes": 100, **WRONG})
    await refused(town.colleague(), f"{path}/confirmation", "payer_lacks_the_rest")
    await made(clerk, f"{path}/withdrawal")
    assert (await clerk.get(f"/v1/time-orders/{order['id']}")).json()["minutes"] == 70
    await town.is_sound()
