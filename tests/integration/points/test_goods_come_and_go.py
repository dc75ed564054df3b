"""Where the love market's goods come from and where they go: donated, bought, sold, given in aid, counted, traced."""

import asyncio
import io
import re
import uuid
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from python_calamine import CalamineWorkbook

from services.points.app import build
from services.points.proof.rebuild import rebuild
from services.points.proof.verify import verify
from services.points.settings import PointsSettings
from tests.conftest import COMMUNITY, FOREIGN
from tests.integration.points.producing import attendance, completed, registered
from tests.integration.points.test_from_events_to_goods import balance, has_balance
from tests.moments import morning, today


@pytest.fixture
async def points(start: Any) -> Any:
    return await start(build, settings=PointsSettings)


async def made(client: Any, path: str, body: Any = None) -> Any:
    answer = await client.post(path, json=body)
    assert answer.is_success, (path, answer.text)
    return answer.json()


async def listed(points: Any, name: str = "大米 5 kg（演示）") -> str:
    item: str = (await made(points.client(), "/v1/items", {"community": COMMUNITY, "name": name, "price_points": 10}))[
        "id"
    ]
    return item


async def donated(points: Any, item: str, quantity: int, donor: str | None = None) -> Any:
    client = points.client()
    if donor is None:
        donor = (await made(client, "/v1/donors", {"community": COMMUNITY, "kind": "firm", "name": "演示商贸公司"}))[
            "id"
        ]
    return await made(client, "/v1/donations", {"donor_id": donor, "lines": [{"item_id": item, "quantity": quantity}]})


async def household_in_need(points: Any) -> str:
    client = points.client()
    household: str = (
        await made(client, "/v1/households", {"community": COMMUNITY, "name": "演示户", "address": "演示路 1 号"})
    )["id"]
    need = {"reason": "living_alone", "until": (today() + timedelta(days=100)).isoformat()}
    await made(client, f"/v1/households/{household}/need", need)
    return household


async def stock(points: Any, item: str) -> tuple[int, int]:
    shelf = (await points.client().get(f"/v1/items/{item}")).json()
    return shelf["in_stock"], shelf["available"]


async def test_a_donation_has_a_receipt_with_a_number_of_its_own(points: Any) -> None:
    item = await listed(points)
    first = await donated(points, item, 5)
    donor = first["donor_id"]
    more = await asyncio.gather(*[donated(points, item, n, donor) for n in range(6, 14)])
    numbers = sorted(one["receipt_number"] for one in [first, *more])
    assert numbers == [f"{COMMUNITY}-D{n:06d}" for n in range(1, 10)]
    receipt = (await points.client().get(f"/v1/donations/{first['id']}/receipt")).json()
    assert (receipt["donor_name"], receipt["lines"][0]["name"]) == ("演示商贸公司", "大米 5 kg（演示）")
    assert await stock(points, item) == (81, 81)
    assert await balance(points, f"donor:{donor}", f"ITEM:{item}") == -81
    for path in ("receipt", "receipt.pdf"):
        assert (await points.client("auditor").get(f"/v1/donations/{first['id']}/{path}")).status_code == 403
        assert (await points.client(node=FOREIGN).get(f"/v1/donations/{first['id']}/{path}")).status_code == 403


async def test_a_refused_donation_leaves_no_gap_in_the_numbers(points: Any) -> None:
    item = await listed(points)
    first = await donated(points, item, 1)
    future = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    body = {"donor_id": first["donor_id"], "lines": [{"item_id": item, "quantity": 1}], "received_at": future}
    answer = await points.client().post("/v1/donations", json=body)
    assert (answer.status_code, answer.json()["code"]) == (409, "goods_dated_in_future")
    assert (await donated(points, item, 2, first["donor_id"]))["receipt_number"] == f"{COMMUNITY}-D000002"


async def test_a_donation_that_looks_entered_already_is_entered_again_only_with_a_reason(points: Any) -> None:
    item, other = await listed(points), await listed(points, "食用油（演示）")
    first = await donated(points, item, 5)
    client, donor = points.client(), first["donor_id"]
    line = {"item_id": item, "quantity": 5}
    again = {"donor_id": donor, "lines": [{"item_id": other, "quantity": 1}, line]}
    # Of clerks who enter it at the same moment nobody is let through, either.
    answers = await asyncio.gather(*[client.post("/v1/donations", json=again) for _ in range(3)])
    assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {(409, "donation_looks_entered")}
    assert first["receipt_number"] in answers[0].json()["detail"]
    assert f"/v1/donations/{first['id']}" in answers[0].json()["detail"]
    assert await stock(points, item) == (5, 5)

    for else_ in (
        {"lines": [{"item_id": item, "quantity": 6}]},
        {"lines": [line], "received_at": (datetime.now(UTC) - timedelta(hours=25)).isoformat()},
    ):
        made_too = await made(client, "/v1/donations", {"donor_id": donor, **else_})
        assert (made_too["repeats"], made_too["repeat_reason"]) == (None, None)
    second = await made(client, "/v1/donations", {**again, "repeat_reason": "another_delivery"})
    assert (second["repeats"], second["repeat_reason"]) != (None, None)
    assert (await client.get(f"/v1/donations/{second['id']}")).json() == second
    assert await rebuild(points.service) == 0


async def test_an_invoice_of_a_supplier_is_entered_again_only_with_a_reason(points: Any) -> None:
    item = await listed(points)
    client, district = points.client(), points.client("district", node="620201")
    await made(district, "/v1/budgets", {"community": COMMUNITY, "amount_fen": 100_000, "reference": "LS-1"})
    one, two = [
        (await made(client, "/v1/suppliers", {"community": COMMUNITY, "name": name}))["id"]
        for name in ("演示批发部", "演示粮油店")
    ]
    order = {"supplier_id": one, "lines": [{"item_id": item, "quantity": 1, "unit_price_fen": 100}]}
    order["receipt_reference"] = "FP-0001"
    # Two clerks, the same paper, the same moment: one of them is told.
    answers = await asyncio.gather(*[client.post("/v1/purchases", json=order) for _ in range(4)])
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]
    (first,) = [answer.json() for answer in answers if answer.status_code == 201]
    told = await client.post("/v1/purchases", json={**order, "receipt_reference": "fp-0001"})
    assert (told.status_code, told.json()["code"]) == (409, "invoice_entered")
    assert f"/v1/purchases/{first['id']}" in told.json()["detail"]
    assert (await made(client, "/v1/purchases", {**order, "supplier_id": two}))["repeats"] is None
    second = await made(client, "/v1/purchases", {**order, "repeat_reason": "another_delivery"})
    assert (second["repeats"], second["repeat_reason"]) == (first["id"], "another_delivery")
    assert (await client.get(f"/v1/purchases/{second['id']}")).json() == second
    unneeded = await made(
        client, "/v1/purchases", {**order, "receipt_reference": "FP-2", "repeat_reason": "another_invoice"}
    )
    assert (unneeded["repeats"], unneeded["repeat_reason"]) == (None, None)
    assert await stock(points, item) == (4, 4)


async def test_a_forgotten_donor_is_nobody_and_what_they_gave_stays(points: Any) -> None:
    item = await listed(points)
    donation = await donated(points, item, 2)
    client = points.client()
    await made(client, f"/v1/donors/{donation['donor_id']}/forgetting")
    assert (await client.get(f"/v1/donors/{donation['donor_id']}")).json()["name"] is None
    receipt = (await client.get(f"/v1/donations/{donation['id']}/receipt")).json()
    assert receipt["donor_name"] is None
    assert (await client.get(f"/v1/donations/{donation['id']}/receipt.pdf")).status_code == 200
    again = {"donor_id": donation["donor_id"], "lines": [{"item_id": item, "quantity": 1}]}
    assert (await client.post("/v1/donations", json=again)).json()["code"] == "donor_is_forgotten"
    assert await stock(points, item) == (2, 2)
    stored = await points.value("SELECT string_agg(data::text, '') FROM events")
    assert "演示商贸公司" not in stored


async def test_goods_are_bought_as_long_as_the_budget_lasts(points: Any) -> None:
    item = await listed(points)
    client, district = points.client(), points.client("district", node="620201")
    supplier = (await made(client, "/v1/suppliers", {"community": COMMUNITY, "name": "演示批发部"}))["id"]
    order = {
        "supplier_id": supplier,
        "lines": [{"item_id": item, "quantity": 10, "unit_price_fen": 1250}],
        "receipt_reference": "FP-0001",
    }
    short = await client.post("/v1/purchases", json=order)
    assert (short.status_code, short.json()["code"]) == (409, "over_budget")
    assert "125.00 元" in short.json()["detail"], "分 are points, too"
    await made(district, "/v1/budgets", {"community": COMMUNITY, "amount_fen": 30_000, "reference": "LS-1"})
    # Only two of these fit into the budget, however many clerks enter them at the same time.
    orders = [{**order, "receipt_reference": f"FP-{n}"} for n in range(5)]
    answers = await asyncio.gather(*[client.post("/v1/purchases", json=one) for one in orders])
    assert Counter(answer.json().get("code", "bought") for answer in answers) == {"bought": 2, "over_budget": 3}
    left = (await client.get(f"/v1/budgets/{COMMUNITY}")).json()
    assert (left["granted_fen"], left["spent_fen"], left["left_fen"]) == (30_000, 25_000, 5_000)
    why = (await client.get(f"/v1/accounts/budget:{COMMUNITY}/FEN/explanation")).json()
    assert why["text"] == "余额 50.00 元：支付采购款 -250.00，拨付采购经费 +300.00。"
    assert why["items"][0]["text"].endswith("支付采购款：扣减 125.00 元。")
    sheet = await client.get(f"/v1/accounts/budget:{COMMUNITY}/FEN/statement.xlsx")
    rows = CalamineWorkbook.from_filelike(io.BytesIO(sheet.content)).get_sheet_by_index(0).to_python()
    assert (rows[0][0], rows[-1][-1]) == ("对账单 · 资金（元）", 50)
    assert await stock(points, item) == (20, 20)
    assert await balance(points, f"supplier:{supplier}", "FEN") == 25_000
    assert await points.value("SELECT sum(credits - debits) FROM ledger.accounts WHERE unit = 4") == 0


async def test_what_is_sold_goes_and_the_money_is_in_the_till(points: Any) -> None:
    one, other = await listed(points), await listed(points, "食用油（演示）")
    await donated(points, one, 3)
    await donated(points, other, 3)
    client = points.client()
    lines = [{"item_id": one, "quantity": 2}, {"item_id": other, "quantity": 1}]
    sale = await made(client, "/v1/sales", {"community": COMMUNITY, "lines": lines, "amount_fen": 4_500})
    assert (await client.get(f"/v1/sales/{sale['id']}")).json() == sale
    assert (await stock(points, one), await stock(points, other)) == ((1, 1), (2, 2))
    assert (await client.get(f"/v1/budgets/{COMMUNITY}")).json()["till_fen"] == 4_500
    again = await client.post("/v1/sales", json={"community": COMMUNITY, "lines": lines, "amount_fen": 4_500})
    assert again.json()["code"] == "out_of_stock"
    assert (await stock(points, one), await stock(points, other)) == ((1, 1), (2, 2)), "all lines or none"


async def test_aid_needs_two_people_who_did_not_propose_it(points: Any) -> None:
    item = await listed(points)
    await donated(points, item, 5)
    household = await household_in_need(points)
    first, second, third = (points.client(subject=f"clerk-{n}") for n in range(3))
    proposal = {"household_id": household, "lines": [{"item_id": item, "quantity": 4}]}
    gift = (await made(first, "/v1/aid", proposal))["id"]
    path = f"/v1/aid/{gift}"
    assert (await first.post(f"{path}/approvals")).json()["code"] == "aid_own_proposal"
    assert (await made(second, f"{path}/approvals"))["stage"] == "proposed"
    assert (await second.post(f"{path}/approvals")).json()["code"] == "aid_approved_already"
    assert (await second.post(f"{path}/handover")).json()["code"] == "aid_not_granted"
    assert await stock(points, item) == (5, 5)
    granted = await made(third, f"{path}/approvals")
    assert (granted["stage"], granted["approvals"]) == ("granted", 2)
    assert await stock(points, item) == (5, 1)
    over = (await made(first, "/v1/aid", proposal))["id"]
    await made(second, f"/v1/aid/{over}/approvals")
    short = await third.post(f"/v1/aid/{over}/approvals")
    assert short.json()["code"] == "out_of_stock"
    assert (await first.get(f"/v1/aid/{over}")).json()["stage"] == "proposed"
    assert (await made(first, f"{path}/handover"))["stage"] == "handed_over"
    assert await stock(points, item) == (1, 1)
    assert await balance(points, f"household:{household}", f"ITEM:{item}") == 4
    assert (await third.post(f"{path}/cancellation")).json()["code"] == "aid_ended"


async def test_one_person_with_many_hands_approves_once(points: Any) -> None:
    item = await listed(points)
    await donated(points, item, 5)
    household = await household_in_need(points)
    proposal = {"household_id": household, "lines": [{"item_id": item, "quantity": 1}]}
    gift = (await made(points.client(subject="a"), "/v1/aid", proposal))["id"]
    clients = [points.client(subject="b") for _ in range(6)]
    answers = await asyncio.gather(*[client.post(f"/v1/aid/{gift}/approvals") for client in clients])
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 5
    assert (await clients[0].get(f"/v1/aid/{gift}")).json()["approvals"] == 1


async def test_granted_aid_is_called_off_or_expires_and_the_goods_are_free(points: Any) -> None:
    item = await listed(points)
    await donated(points, item, 6)
    household = await household_in_need(points)
    proposal = {"household_id": household, "lines": [{"item_id": item, "quantity": 3}]}
    gifts = []
    for _ in range(2):
        gift = (await made(points.client(subject="a"), "/v1/aid", proposal))["id"]
        for who in ("b", "c"):
            await made(points.client(subject=who), f"/v1/aid/{gift}/approvals")
        gifts.append(gift)
    assert await stock(points, item) == (6, 0)
    outcomes = await asyncio.gather(
        *[points.client().post(f"/v1/aid/{gifts[0]}/{what}") for what in ("handover", "cancellation")]
    )
    assert sorted(answer.status_code for answer in outcomes) == [200, 409], [o.text for o in outcomes]
    await made(points.client(), f"/v1/aid/{gifts[1]}/cancellation")
    in_stock, available = await stock(points, item)
    assert in_stock == available
    assert in_stock in (3, 6)
    assert await points.value("SELECT count(*) FROM timers") == 0
    assert await points.value("SELECT count(*) FROM ledger.holds WHERE state = 0") == 0


async def test_a_household_that_is_not_in_need_gets_no_aid(points: Any) -> None:
    item = await listed(points)
    household = await household_in_need(points)
    client = points.client()
    await made(client, f"/v1/households/{household}/need/end")
    proposal = {"household_id": household, "lines": [{"item_id": item, "quantity": 1}]}
    assert (await client.post("/v1/aid", json=proposal)).json()["code"] == "household_not_in_need"


async def test_a_volunteer_belongs_to_one_household(points: Any) -> None:
    people = [str(uuid.uuid4()) for _ in range(3)]
    client = points.client()
    bodies = [{"community": COMMUNITY, "name": "演示户", "members": [people[0], people[n]]} for n in (1, 2)]
    answers = await asyncio.gather(*[client.post("/v1/households", json=body) for body in bodies])
    assert sorted(answer.status_code for answer in answers) == [201, 409]
    refused = next(answer for answer in answers if answer.status_code == 409)
    assert refused.json()["code"] == "in_another_household"
    won = next(answer for answer in answers if answer.status_code == 201).json()
    found = (await client.get("/v1/households", params={"member": people[0]})).json()["items"]
    assert [one["id"] for one in found] == [won["id"]], "whoever is told so can find the other household"
    assert (await client.get("/v1/households", params={"member": str(uuid.uuid4())})).json()["items"] == []
    await made(client, f"/v1/households/{won['id']}/members", {"members": []})
    await made(client, "/v1/households", {"community": COMMUNITY, "name": "演示户二", "members": [people[0]]})


async def test_a_forgotten_household_is_nobody(points: Any) -> None:
    household = await household_in_need(points)
    client = points.client()
    assert (await client.get(f"/v1/households/{household}")).json()["name"] == "演示户"
    await made(client, f"/v1/households/{household}/forgetting")
    answer = (await client.get(f"/v1/households/{household}")).json()
    assert (answer["name"], answer["address"], answer["forgotten"]) == (None, None, True)
    assert (await points.client(node=FOREIGN).get(f"/v1/households/{household}")).status_code == 403


async def test_a_count_that_misses_reserved_pieces_closes_the_shelf_until_it_is_even(
    points: Any, producing: Any
) -> None:
    person = uuid.uuid4()
    await producing.tell([registered(person), completed([attendance(person, 300, morning())])])
    await has_balance(points, person, 50)
    item = await listed(points)
    await donated(points, item, 5)
    client = points.client()
    reserve = {"volunteer_id": str(person), "item_id": item, "quantity": 3}
    reserved = await made(client, "/v1/redemptions", reserve)
    unexplained = await client.post(f"/v1/items/{item}/counts", json={"counted": 2})
    assert (unexplained.status_code, unexplained.json()["code"]) == (422, "difference_needs_reason")
    counted = await made(client, f"/v1/items/{item}/counts", {"counted": 2, "reason": "damaged"})
    assert (counted["expected"], counted["difference"]) == (5, -3)
    assert await stock(points, item) == (2, -1)
    owed = await points.value("SELECT owed FROM ledger.accounts WHERE holder = :h", h=f"stock:{item}")
    assert owed == 1
    refused = await client.post("/v1/redemptions", json={**reserve, "quantity": 1})
    assert refused.json()["code"] == "out_of_stock"
    await donated(points, item, 2)
    await made(client, "/v1/redemptions", {**reserve, "quantity": 1})
    assert await stock(points, item) == (4, 0)
    await made(client, f"/v1/items/{item}/counts", {"counted": 6, "reason": "found"})
    assert (await client.get(f"/v1/items/{item}/counts")).json()["items"][1]["difference"] == 2
    assert await balance(points, f"shrinkage:{COMMUNITY}", f"ITEM:{item}") == 1
    await made(client, f"/v1/redemptions/{reserved['id']}/cancellation")
    # What was set aside is handed out after a count that was wrong, and the next count puts it right.
    aside = await made(client, "/v1/redemptions", reserve)
    await made(client, f"/v1/items/{item}/counts", {"counted": 2, "reason": "lost"})
    await made(client, f"/v1/redemptions/{aside['id']}/collection", {"identified_by": "card"})
    assert await stock(points, item) == (-1, -2)
    right = await made(client, f"/v1/items/{item}/counts", {"counted": 2, "reason": "found"})
    assert (right["expected"], right["difference"], await stock(points, item)) == (-1, 3, (2, 1))
    assert (await client.get(f"/v1/items/{item}/trace")).is_success
    assert await verify(points.service) == 0
    assert await rebuild(points.service) == 0


async def test_a_donor_is_told_what_became_of_the_gift_and_not_who_got_it(points: Any, producing: Any) -> None:
    person = uuid.uuid4()
    await producing.tell([registered(person), completed([attendance(person, 300, morning())])])
    await has_balance(points, person, 50)
    item, client = await listed(points), points.client()
    gift = await donated(points, item, 10)
    later = await donated(points, item, 4)
    reserved = await made(client, "/v1/redemptions", {"volunteer_id": str(person), "item_id": item, "quantity": 2})
    await made(client, f"/v1/redemptions/{reserved['id']}/collection", {"identified_by": "card"})
    lines = [{"item_id": item, "quantity": 3}]
    await made(client, "/v1/sales", {"community": COMMUNITY, "lines": lines, "amount_fen": 100})
    await made(client, f"/v1/items/{item}/counts", {"counted": 8, "reason": "spoiled"})
    household = await household_in_need(points)
    aid = (await made(points.client(subject="a"), "/v1/aid", {"household_id": household, "lines": lines}))["id"]
    for who in ("b", "c"):
        await made(points.client(subject=who), f"/v1/aid/{aid}/approvals")
    await made(client, f"/v1/aid/{aid}/handover")
    answer = await client.get(f"/v1/donations/{gift['id']}/outcome")
    (line,) = answer.json()["lines"]
    assert {o["outcome"]: o["pieces"] for o in line["outcomes"]} == {
        "redeemed": 2,
        "sold": 3,
        "lost": 1,
        "given_in_aid": 3,
        "on_the_shelf": 1,
    }
    assert {o["day"] for o in line["outcomes"]} == {today().isoformat(), None}
    receipt = (await client.get(f"/v1/donations/{gift['id']}/receipt")).json()
    paper = await client.get(f"/v1/donations/{gift['id']}/receipt.pdf")
    assert (paper.content[:4], paper.headers["content-type"]) == (b"%PDF", "application/pdf")

    async def follow(number: str, code: str) -> Any:
        return await client.get(f"/donations/{number}", params={"code": code}, headers={"authorization": ""})

    page = await follow(receipt["receipt_number"], receipt["check_code"])
    assert page.status_code == 200
    shown = dict(re.findall(r"<dt>([^ <]+) [^<]*</dt><dd>(\d+) 件</dd>", page.text))
    fates = {"志愿者兑换": "2", "售出": "3", "盘亏、损坏或变质": "1", "救助困难家庭": "3", "在货架上": "1"}
    assert shown == {"捐赠": "10", **fates}
    for who in (str(person), household, aid, reserved["id"]):
        assert who not in answer.text
        assert who not in page.text
    assert "演示商贸公司" not in page.text, "whoever finds the paper"
    later_number = later["receipt_number"]
    refused = [await follow(later_number, receipt["check_code"]), await follow(f"{COMMUNITY}-D999999", "AAAAAAAA")]
    assert [one.status_code for one in refused] == [404, 404]
    assert refused[0].text == refused[1].text
    untouched = (await client.get(f"/v1/donations/{later['id']}/outcome")).json()
    nobody = {"team_id": None, "team_name": None, "activity_id": None}
    on_the_shelf = {"outcome": "on_the_shelf", "day": None, "pieces": 4, **nobody}
    assert untouched["lines"][0]["outcomes"] == [on_the_shelf]
    traced, cursor = [], ""
    while True:
        part = (await client.get(f"/v1/items/{item}/trace?limit=2{cursor}")).json()
        traced += part["items"]
        if part["next_cursor"] is None:
            break
        cursor = f"&cursor={part['next_cursor']}"
    assert sum(line["pieces"] for line in traced) == 14
    assert len(traced) == 6
    assert {line["recipient"] for line in traced if line["outcome"] == "redeemed"} == {str(person)}
    assert (await points.client("volunteer", subject=str(person)).get(f"/v1/items/{item}/trace")).status_code == 403


async def test_whoever_comes_again_is_found_by_name_and_only_by_the_office(points: Any) -> None:
    client, auditor = points.client(), points.client("auditor")
    number = "11010519491231002X"
    person = {"name": "演示对象", "id_number": number}
    entered = {
        "donors": {"kind": "firm", "name": "演示商贸公司"},
        "suppliers": {"name": "演示批发部"},
        "households": {"name": "演示户", "members": []},
        "beneficiaries": {"person": person},
    }
    for what, body in entered.items():
        one = await made(client, f"/v1/{what}", {"community": COMMUNITY, **body})
        named = (await client.get(f"/v1/{what}", params={"names": True})).json()["items"]
        assert [(row["id"], row["name"]) for row in named] == [(one["id"], body.get("name", "演示对象"))], what
        assert [row["name"] for row in (await client.get(f"/v1/{what}")).json()["items"]] == [None], what
        assert (await auditor.get(f"/v1/{what}")).status_code == 200, what
        refused = await auditor.get(f"/v1/{what}", params={"names": True})
        assert (refused.status_code, refused.json()["code"]) == (403, "role_not_allowed"), what
        await made(client, f"/v1/{what}/{one['id']}/forgetting")
        again = (await client.get(f"/v1/{what}", params={"names": True})).json()["items"]
        assert [row["name"] for row in again] == [None], what
