"""What was entered wrongly in the love market is taken back: pieces, money and points go back, nothing is deleted."""

import asyncio
import io
import re
import uuid
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pypdf
import pytest
from python_calamine import CalamineWorkbook

from services.points.app import build
from services.points.proof.checks import check_tables
from services.points.proof.rebuild import rebuild
from services.points.proof.verify import verify
from services.points.settings import PointsSettings
from shared.database import driver_connection
from tests.conftest import COMMUNITY, FOREIGN
from tests.integration.points.test_from_events_to_goods import balance
from tests.integration.points.test_goods_come_and_go import donated, household_in_need, listed, made, stock
from tests.integration.points.test_redeeming import limit_to, people_with_points

TWICE = {"reason": "entered_twice"}


@pytest.fixture
async def points(start: Any) -> Any:
    return await start(build, settings=PointsSettings)


async def refused(client: Any, path: str, reason: str = "other") -> Any:
    answer = await client.post(path, json={"reason": reason})
    assert not answer.is_success, answer.text
    return answer.json()


async def test_what_was_bought_sold_and_granted_wrongly_is_taken_back(points: Any) -> None:
    item, other = await listed(points), await listed(points, "食用油（演示）")
    client, district = points.client(), points.client("district", node="620201")
    grants = [
        await made(district, "/v1/budgets", {"community": COMMUNITY, "amount_fen": 20_000, "reference": f"LS-{n}"})
        for n in range(2)
    ]
    supplier = (await made(client, "/v1/suppliers", {"community": COMMUNITY, "name": "演示批发部"}))["id"]
    order: dict[str, Any] = {
        "supplier_id": supplier,
        "lines": [
            {"item_id": item, "quantity": 10, "unit_price_fen": 1000},
            {"item_id": other, "quantity": 4, "unit_price_fen": 1250},
        ],
        "receipt_reference": "FP-1",
    }
    right = await made(client, "/v1/purchases", order)
    again = await made(client, "/v1/purchases", {**order, "repeat_reason": "other"})
    path = f"/v1/purchases/{again['id']}"
    assert (await refused(client, f"{path}/reversal"))["code"] == "role_not_allowed", "money moves"
    assert (await points.client("district", node="620202").post(f"{path}/reversal", json=TWICE)).status_code == 403
    # Two people at the same moment: one of them is told.
    answers = await asyncio.gather(*[district.post(f"{path}/reversal", json=TWICE) for _ in range(3)])
    assert Counter(a.json().get("code", "taken back") for a in answers) == {"taken back": 1, "already_reversed": 2}
    shown = (await client.get(path)).json()
    assert (shown["reversal_reason"], shown["repeats"]) == ("entered_twice", right["id"])
    assert shown["reversed_at"] is not None
    assert (await stock(points, item), await stock(points, other)) == ((10, 10), (4, 4))
    assert await balance(points, f"supplier:{supplier}", "FEN") == 15_000
    money = (await client.get(f"/v1/budgets/{COMMUNITY}")).json()
    assert (money["granted_fen"], money["spent_fen"], money["left_fen"]) == (40_000, 15_000, 25_000)
    # The number can be entered again only as long as none with it holds.
    entered = await client.post("/v1/purchases", json=order)
    assert (entered.json()["code"], f"/v1/purchases/{right['id']}" in entered.text) == ("invoice_entered", True)

    sale: dict[str, Any] = {"community": COMMUNITY, "lines": [{"item_id": item, "quantity": 3}], "amount_fen": 900}
    sold = (await made(client, "/v1/sales", sale))["id"]
    # Three of what was bought are sold: the purchase stands until they are back, or the right one is entered.
    gone = await refused(district, f"/v1/purchases/{right['id']}/reversal")
    assert gone["code"] == "pieces_gone"
    assert f"要撤回 10 件，货架上没有被预约的只有 7 件（/v1/items/{item}）" in gone["detail"]
    assert await stock(points, other) == (4, 4), "all lines or none"
    await made(district, f"/v1/sales/{sold}/reversal", {"reason": "wrong_item"})
    assert (await client.get(f"/v1/sales/{sold}")).json()["reversal_reason"] == "wrong_item"
    assert (await stock(points, item), (await client.get(f"/v1/budgets/{COMMUNITY}")).json()["till_fen"]) == (
        (10, 10),
        0,
    )
    # The money of both grants is needed for what was bought and is left.
    spent = await made(client, "/v1/purchases", {**order, "receipt_reference": "FP-2"})
    short = await refused(district, f"/v1/budgets/{grants[0]['id']}/reversal")
    assert short["code"] == "money_gone"
    assert "要撤回 200.00 元，账上只剩 100.00 元" in short["detail"]
    await made(district, f"/v1/purchases/{spent['id']}/reversal", {"reason": "not_happened"})
    await made(district, f"/v1/budgets/{grants[0]['id']}/reversal", {"reason": "wrong_amount"})
    money = (await client.get(f"/v1/budgets/{COMMUNITY}")).json()
    assert (money["granted_fen"], money["spent_fen"], money["left_fen"]) == (20_000, 15_000, 5_000)
    held = {row["id"]: row["reversal_reason"] for row in (await client.get("/v1/budgets")).json()["items"]}
    assert held == {grants[0]["id"]: "wrong_amount", grants[1]["id"]: None}
    for path_, of, holds in (("budgets", grants[0], grants[1]), ("purchases", again, right)):
        for whether, one in ((True, of), (False, holds)):
            rows = (await client.get(f"/v1/{path_}", params={"reversed": whether})).json()["items"]
            assert (one["id"] in {row["id"] for row in rows}, of["id"] in {row["id"] for row in rows}) == (
                True,
                whether,
            )
    for path_ in ("sales", "donations"):
        counted = [len((await client.get(f"/v1/{path_}", params={"reversed": w})).json()["items"]) for w in (1, 0)]
        assert counted == [1 if path_ == "sales" else 0, 0]

    traced = (await client.get(f"/v1/items/{item}/trace")).json()["items"]
    assert [(line["source_record"], line["outcome"], line["pieces"]) for line in traced] == [
        (right["id"], "on_the_shelf", 10)
    ]
    why = (await client.get(f"/v1/accounts/budget:{COMMUNITY}/FEN/explanation")).json()
    by_id = {line["id"]: line for line in why["items"]}
    back = [line for line in why["items"] if line["reason"] == "taken_back"]
    assert len(back) == 3
    for line in back:
        first = by_id[line["corrects"]]
        assert (first["amount"], first["occurred_at"]) == (-line["amount"], line["occurred_at"])
        assert first["corrected_by"] == [line["id"]]
    told = {line["text"].partition(" ")[2] for line in back}
    day = back[0]["occurred_at"] and (datetime.now(UTC) + timedelta(hours=8)).date().isoformat()
    assert told == {
        f"的采购已于 {day} 撤回（重复登记）：增加 150.00 元。",
        f"的采购已于 {day} 撤回（没有发生）：增加 150.00 元。",
        f"的拨款已于 {day} 撤回（金额登记错）：扣减 200.00 元。",
    }
    sheet = await client.get(f"/v1/accounts/budget:{COMMUNITY}/FEN/statement.xlsx")
    rows = CalamineWorkbook.from_filelike(io.BytesIO(sheet.content)).get_sheet_by_index(0).to_python()
    assert (rows[-1][-1], sum("撤回" in str(row[2]) for row in rows)) == (50, 3)
    assert await rebuild(points.service) == 0


async def test_the_right_purchase_takes_the_place_of_the_wrong_one(points: Any) -> None:
    item, client, district = await listed(points), points.client(), points.client("district", node="620201")
    await made(district, "/v1/budgets", {"community": COMMUNITY, "amount_fen": 20_000, "reference": "LS-1"})
    supplier = (await made(client, "/v1/suppliers", {"community": COMMUNITY, "name": "演示批发部"}))["id"]

    def order(price: int, quantity: int = 10) -> dict[str, Any]:
        line = {"item_id": item, "quantity": quantity, "unit_price_fen": price}
        return {"supplier_id": supplier, "lines": [line], "receipt_reference": "FP-1"}

    wrong = await made(client, "/v1/purchases", order(2000))
    sale = {"community": COMMUNITY, "lines": [{"item_id": item, "quantity": 3}], "amount_fen": 900}
    sold = (await made(client, "/v1/sales", sale))["id"]
    # Neither can be first: the mistake has the money, and three pieces of what was bought are gone.
    path = f"/v1/purchases/{wrong['id']}"
    assert (await refused(district, f"{path}/reversal"))["code"] == "pieces_gone"
    first = await client.post("/v1/purchases", json={**order(200), "repeat_reason": "other"})
    assert first.json()["code"] == "over_budget"

    async def replace(who: Any, body: dict[str, Any]) -> Any:
        return (await who.post(f"{path}/replacement", json={**body, "reason": "wrong_amount"})).json()

    neighbours = {"community": "620201001005", "name": "演示粮油店"}
    other = await made(points.client(node="620201001005"), "/v1/suppliers", neighbours)
    refusals = (
        (client, order(200), "role_not_allowed", ""),
        (points.client("district", node="620202"), order(200), "outside_your_node", ""),
        (district, order(200) | {"supplier_id": other["id"]}, "not_found", ""),
        (district, order(2001), "replacement_over_budget", "还差 0.10 元"),
        (district, order(200, quantity=2), "replacement_pieces_gone", "还少 1 件"),
    )
    for who, body, code, words in refusals:
        said = await replace(who, body)
        assert (said["code"], words in said["detail"]) == (code, True), said
    answers = await asyncio.gather(*[replace(district, order(200)) for _ in range(3)])
    assert Counter(answer.get("code", "replaced") for answer in answers) == {"replaced": 1, "already_reversed": 2}
    (right,) = [answer for answer in answers if "id" in answer]
    assert (right["purchased_at"], right["repeats"]) == (wrong["purchased_at"], None)
    shown = (await client.get(path)).json()
    assert (shown["reversal_reason"], shown["replaced_by"]) == ("wrong_amount", right["id"])
    money = (await client.get(f"/v1/budgets/{COMMUNITY}")).json()
    assert (money["spent_fen"], money["left_fen"], await stock(points, item)) == (2_000, 18_000, (7, 7))
    traced = (await client.get(f"/v1/items/{item}/trace")).json()["items"]
    assert {(line["source_record"], line["outcome"], line["pieces"]) for line in traced} == {
        (right["id"], "sold", 3),
        (right["id"], "on_the_shelf", 7),
    }
    for of, record in (("PurchaseReversed", wrong), ("GoodsPurchased", right)):
        query = "SELECT event_id FROM events WHERE type LIKE :type AND data->>'purchase_id' = :id"
        event_id = await points.value(query, type=f"%.{of}.v1", id=record["id"])
        effects = (await district.get(f"/v1/events/{event_id}/effects")).json()["items"]
        assert sorted(line["amount"] for line in effects) == sorted([10, 20_000 if record is wrong else 2_000]), of
    # Fewer than were bought, as many as are gone; and then it is a purchase like any other.
    path = f"/v1/purchases/{right['id']}"
    fewer = await replace(district, order(200, quantity=3))
    assert await stock(points, item) == (0, 0)
    assert await verify(points.service) == 0
    assert await rebuild(points.service) == 0
    await made(district, f"/v1/sales/{sold}/reversal", {"reason": "not_happened"})
    await made(district, f"/v1/purchases/{fewer['id']}/reversal", {"reason": "not_happened"})
    money = (await client.get(f"/v1/budgets/{COMMUNITY}")).json()
    assert (money["spent_fen"], money["left_fen"], await stock(points, item)) == (0, 20_000, (0, 0))
    assert await rebuild(points.service, switch=True) == 0


async def test_what_people_were_given_wrongly_is_taken_back(points: Any, producing: Any) -> None:
    (person,) = await people_with_points(points, producing, 1)
    await limit_to(points, 3)
    item, client = await listed(points), points.client()
    gift, wrong = await donated(points, item, 6), await donated(points, item, 4)
    before = (await client.get(f"/v1/donations/{wrong['id']}/receipt")).json()
    reserved = await made(client, "/v1/redemptions", {"volunteer_id": person, "item_id": item, "quantity": 3})
    path = f"/v1/redemptions/{reserved['id']}"
    assert (await refused(client, f"{path}/reversal"))["code"] == "redemption_not_collected"
    await made(client, f"{path}/collection", {"identified_by": "card", "quantity": 2})
    collected_at = (await client.get(path)).json()["ended_at"]
    household = await household_in_need(points)
    other, soap = await listed(points, "食用油（演示）"), await listed(points, "香皂（演示）")
    for one in (other, soap):
        await donated(points, one, 2)
    granted = [{"item_id": of, "quantity": n} for of, n in ((other, 2), (item, 4), (soap, 2))]
    proposal = {"household_id": household, "lines": granted}
    aid = (await made(points.client(subject="a"), "/v1/aid", proposal))["id"]
    for who in ("b", "c"):
        await made(points.client(subject=who), f"/v1/aid/{aid}/approvals")
    assert (await refused(client, f"/v1/aid/{aid}/reversal"))["code"] == "aid_not_handed_over"
    too_much = await client.post(f"/v1/aid/{aid}/handover", json={"lines": [{"item_id": item, "quantity": 5}]})
    assert (too_much.json()["code"], f"/v1/items/{item}" in too_much.text) == ("more_than_granted", True)
    # One is broken, and oil they have enough of: what is not taken is free again.
    taken = [{"item_id": item, "quantity": 3}, {"item_id": soap, "quantity": 2}]
    await made(client, f"/v1/aid/{aid}/handover", {"lines": taken})
    shown = (await client.get(f"/v1/aid/{aid}")).json()
    assert (shown["lines"], shown["granted_lines"]) == (taken, granted)
    assert (await stock(points, other), await stock(points, soap)) == ((2, 2), (0, 0))

    async def outcome(of: Any) -> dict[str, int]:
        (line,) = (await client.get(f"/v1/donations/{of['id']}/outcome")).json()["lines"]
        return {one["outcome"]: one["pieces"] for one in line["outcomes"]}

    assert await outcome(gift) == {"redeemed": 2, "given_in_aid": 3, "on_the_shelf": 1}
    over = {"volunteer_id": person, "item_id": item, "quantity": 2}
    assert (await client.post("/v1/redemptions", json=over)).json()["code"] == "monthly_limit_reached"
    mine = points.client("volunteer", subject=person)
    assert (await refused(mine, f"{path}/reversal"))["code"] == "role_not_allowed"
    assert (await points.client(node=FOREIGN).post(f"{path}/reversal", json=TWICE)).status_code == 403
    assert (await made(client, f"{path}/reversal", {"reason": "returned"}))["stage"] == "reversed"
    assert (await refused(client, f"{path}/reversal"))["code"] == "already_reversed"
    shown = (await client.get("/v1/redemptions", params={"stage": "reversed"})).json()["items"]
    assert [(row["quantity"], row["points"], row["reversal_reason"]) for row in shown] == [(2, 20, "returned")]
    purse = (await client.get(f"/v1/accounts/{person}/POINT")).json()
    assert (purse["posted"], purse["pending"], purse["available"]) == (50, 0, 50)
    # As it was known then they were spent; as it is known now they were not.
    for known, posted in (("then", 30), ("now", 50)):
        query = {"at": collected_at, "as_known": known}
        assert (await client.get(f"/v1/accounts/{person}/POINT/balance", params=query)).json()["posted"] == posted
    lines = (await mine.get(f"/v1/accounts/{person}/POINT/explanation")).json()["items"]
    # Both are of one moment, and numbers of lines are given to each connection a thousand at a time.
    assert sorted(line["amount"] for line in lines) == [-20, 20, 50]
    assert lines[-1]["text"].endswith("这 50 分都还没有用，可用到 " + lines[-1]["text"][-11:])
    await made(client, "/v1/redemptions", {**over, "quantity": 3})
    # Nobody is told something else: what is in aid stays in aid, and what came back is the same donor's again.
    assert await outcome(gift) == {"given_in_aid": 3, "on_the_shelf": 3}

    # Of the donation that was entered twice nothing is left but a void receipt.
    await made(client, f"/v1/donations/{wrong['id']}/reversal", TWICE)
    assert await stock(points, item) == (3, 0)
    assert await balance(points, f"donor:{wrong['donor_id']}", f"ITEM:{item}") == 0
    assert await outcome(wrong) == {}
    assert (await refused(client, f"/v1/donations/{gift['id']}/reversal"))["code"] == "pieces_gone"
    receipt = (await client.get(f"/v1/donations/{wrong['id']}/receipt")).json()
    assert (receipt["reversal_reason"], receipt["check_code"]) == ("entered_twice", before["check_code"])
    paper = pypdf.PdfReader(io.BytesIO((await client.get(f"/v1/donations/{wrong['id']}/receipt.pdf")).content))
    assert "作废" in "".join(page.extract_text().replace(" ", "") for page in paper.pages)
    page = await client.get(f"/donations/{wrong['receipt_number']}", params={"code": receipt["check_code"]})
    assert (page.status_code, "已经作废" in page.text, "在货架上" in page.text) == (200, True, False)
    assert (await donated(points, item, 1, wrong["donor_id"]))["receipt_number"].endswith("-D000005")

    await made(points.client(subject="b"), f"/v1/aid/{aid}/reversal", {"reason": "wrong_party"})
    assert (await client.get(f"/v1/aid/{aid}")).json()["reversal_reason"] == "wrong_party"
    assert (await outcome(gift), await stock(points, item)) == ({"on_the_shelf": 6}, (7, 4))
    assert (await stock(points, other), await stock(points, soap)) == ((2, 2), (2, 2))
    traced = (await client.get(f"/v1/items/{item}/trace")).json()["items"]
    assert {(line["outcome"], line["recipient"]) for line in traced} == {("on_the_shelf", None)}

    # Opening stock, too, of an item that is no longer offered.
    old = await listed(points, "毛巾（演示）")
    receipts = [await made(client, f"/v1/items/{old}/receipts", {"quantity": n}) for n in (5, 50)]
    await made(client, f"/v1/items/{old}/delisting")
    entered = f"/v1/items/{old}/receipts/{receipts[1]['receipt_id']}/reversal"
    answers = await asyncio.gather(*[client.post(entered, json={"reason": "wrong_quantity"}) for _ in range(2)])
    assert sorted(a.json().get("code", "taken back") for a in answers) == ["already_reversed", "taken back"]
    shown = (await client.get(f"/v1/items/{old}/receipts")).json()["items"]
    assert [(one["quantity"], one["reversal_reason"]) for one in shown] == [(5, None), (50, "wrong_quantity")]
    assert await stock(points, old) == (5, 5)
    # Which is offered again, under its right name.
    renamed = await made(client, f"/v1/items/{old}/name", {"name": "面巾（演示）"})
    assert (renamed["name"], renamed["listed"]) == ("面巾（演示）", False)
    closed = await client.post(f"/v1/items/{old}/receipts", json={"quantity": 1})
    assert closed.json()["code"] == "item_not_listed"
    await made(client, f"/v1/items/{old}/relisting")
    assert (await refused(client, f"/v1/items/{old}/relisting"))["code"] == "item_already_listed"
    await made(client, f"/v1/items/{old}/receipts", {"quantity": 1})
    again = (await client.get(f"/v1/items/{old}")).json()
    assert (again["name"], again["listed"], again["in_stock"]) == ("面巾（演示）", True, 6)
    # What is not there is called as people call it.
    rooms = ("purchases", "sales", "donations", "budgets", "redemptions", "aid")
    nowhere = [f"/v1/{room}/{uuid.uuid4()}/reversal" for room in rooms]
    nowhere.append(f"/v1/items/{item}/receipts/{receipts[0]['receipt_id']}/reversal")
    district = points.client("district", node="620201")
    for path in nowhere:
        missing = await refused(district, path)
        assert (missing["code"], re.search("[a-z]", missing["detail"])) == ("not_found", None), path
    async with points.service.database.transaction() as connection:
        await connection.exec_driver_sql(
            "UPDATE policies SET policy_version = 1,"
            " document = (SELECT data->'document' FROM events WHERE type = 'liuling.points.PolicyPublished.v1')"
        )
    assert await rebuild(points.service) == 0
    assert await rebuild(points.service, switch=True) == 0
    # Somebody who takes back what was taken back already is found out.
    async with points.service.database.transaction() as connection:
        copied = "debit_account, credit_account, amount, corrects, unit, clause, event_id, record_id, occurred_at,"
        copied += " recorded_at"
        await connection.exec_driver_sql(
            f"INSERT INTO ledger.transfers ({copied}) SELECT {copied} FROM ledger.transfers WHERE clause = 33 LIMIT 1"
        )
        found = await check_tables(await driver_connection(connection))
    assert {check.name: check.breaks for check in found if check.breaks} == {"taken_back": 2, "balances": 2}
