"""Supplies of teams over HTTP: from a donor's gift to the residents whom an activity was for."""

import asyncio
import functools
import io
import re
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from python_calamine import CalamineWorkbook

from services.points.app import build
from services.points.proof.checks import CHECKS, count_breaks
from services.points.proof.rebuild import rebuild
from services.points.proof.verify import verify
from services.points.settings import PointsSettings
from shared.contracts.registry import TeamDissolved, TeamLeaderAppointed
from tests.conftest import COMMUNITY, FOREIGN, until
from tests.integration.points.test_from_events_to_goods import balance
from tests.integration.points.test_goods_come_and_go import donated, listed, made, stock
from tests.integration.points.test_team_leaderboards import formed, joined, left
from tests.integration.points.time_bank_scene import MovableClock
from tests.integration.telling import envelope_of, publish
from tests.moments import today

NAME = "义诊服务队（演示）"
SOLD_BY_A_TEAM = """
    INSERT INTO ledger.transfers
           (debit_account, credit_account, amount, occurred_at, recorded_at, event_id, record_id, unit, clause)
    SELECT debit_account, credit_account, amount, occurred_at, recorded_at, event_id, record_id, t.unit, 26
      FROM ledger.transfers AS t JOIN ledger.accounts AS a ON a.id = debit_account
     WHERE holder = $1 AND clause = 64 LIMIT 1
"""


async def team_of(points: Any, *events: Any, community: str = COMMUNITY) -> uuid.UUID:
    """A team of which this happened in this order, and was heard the other way round."""
    team = uuid.uuid4()
    told = [formed(team, NAME, community), *(event(team) for event in events)]
    numbered = [(e, replace(envelope_of(e, f"team-{team}"), sequence=n)) for n, e in enumerate(told, start=1)]
    await publish(points.service, *numbered[::-1])
    ids = [envelope.event_id for _, envelope in numbered]

    async def heard() -> bool:
        return len(await points.rows("SELECT 1 FROM consumed WHERE event_id = ANY(:ids)", ids=ids)) == len(ids)

    await until(heard)
    return team


def led_by(person: uuid.UUID) -> Any:
    return lambda team: TeamLeaderAppointed(team_id=team, volunteer_id=person, appointed_on=today())


def dissolved(team: uuid.UUID) -> Any:
    return TeamDissolved(team_id=team, dissolved_on=today())


def lines(item: str, quantity: int) -> list[dict[str, Any]]:
    return [{"item_id": item, "quantity": quantity}]


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
async def points(start: Any, clock: MovableClock) -> Any:
    return await start(functools.partial(build, clock=clock), settings=PointsSettings)


async def test_a_gift_reaches_residents_through_a_teams_activity(points: Any) -> None:
    leader, member, stranger = (uuid.uuid4() for _ in range(3))
    joining = [lambda team, who=who: joined(team, who) for who in (leader, member)]
    team = await team_of(points, *joining, led_by(leader))
    account, item = f"team:{team}", await listed(points, "创可贴（演示）")
    gift = await donated(points, item, 20)
    anna, bo = points.client(subject="anna"), points.client(subject="bo")
    activity = str(uuid.uuid4())

    body = {"team_id": str(team), "activity_id": activity, "lines": lines(item, 15)}
    asked = await made(anna, "/v1/supplies/requests", body)
    path = f"/v1/supplies/requests/{asked['id']}"
    assert (asked["stage"], await stock(points, item)) == ("requested", (20, 5))
    refusals = [
        (anna, "approval", "supplies_own_request"),
        (points.client(subject=str(leader)), "approval", "supplies_own_team"),
        (bo, "issue", "supplies_not_approved"),
    ]
    for who, what, code in refusals:
        answer = await who.post(f"{path}/{what}")
        assert (answer.status_code, answer.json()["code"]) == (409, code)
    for who in (points.client("team_leader"), points.client("volunteer", subject=str(leader))):
        assert (await who.post(f"{path}/approval")).status_code == 403
    assert (await points.client(node=FOREIGN).post(f"{path}/approval")).status_code == 403
    assert (await made(bo, f"{path}/approval"))["stage"] == "approved"
    assert await stock(points, item) == (20, 5)
    assert (await made(anna, f"{path}/issue"))["stage"] == "issued"
    late = (await anna.post(f"{path}/cancellation")).json()
    assert (late["code"], "（已发放）" in late["detail"]) == ("supplies_ended", True)
    assert (await stock(points, item), await balance(points, account, f"ITEM:{item}")) == ((5, 5), 15)

    too_many = await anna.post("/v1/supplies/returns", json={"team_id": str(team), "lines": lines(item, 16)})
    assert (too_many.status_code, too_many.json()["code"]) == (409, "team_has_fewer")
    assert item in too_many.json()["detail"]
    wrong = await made(bo, "/v1/supplies/returns", {"team_id": str(team), "lines": lines(item, 15)})
    path = f"/v1/supplies/returns/{wrong['id']}"
    sale = {"community": COMMUNITY, "lines": lines(item, 6), "amount_fen": 1}
    sold = await made(anna, "/v1/sales", sale)
    gone = (await bo.post(f"{path}/withdrawal")).json()
    assert (gone["code"], "要撤回 15 件，货架上没有被预约的只有 14 件" in gone["detail"]) == ("pieces_gone", True)
    # Six of those are gone, and the team is said to have none: the right one takes its place in one step.
    too_many = await bo.post(f"{path}/replacement", json={"lines": lines(item, 16)})
    assert (too_many.json()["code"], item in too_many.json()["detail"]) == ("team_has_fewer", True)
    answers = await asyncio.gather(*[bo.post(f"{path}/replacement", json={"lines": lines(item, 3)}) for _ in range(2)])
    assert sorted(a.json().get("code", "done") for a in answers) == ["done", "supply_return_withdrawn"]
    (right,) = [a.json() for a in answers if a.is_success]
    assert right["returned_at"] == wrong["returned_at"]
    assert (await stock(points, item), await balance(points, account, f"ITEM:{item}")) == ((2, 2), 12)
    withdrawal = f"/v1/supplies/returns/{right['id']}/withdrawal"
    await made(points.client("district", node=COMMUNITY[:6]), f"/v1/sales/{sold['id']}/reversal", {"reason": "other"})
    assert (await points.client(node=FOREIGN).post(withdrawal)).status_code == 403
    answers = await asyncio.gather(*[bo.post(withdrawal) for _ in range(3)])
    assert sorted(a.json().get("code", "done") for a in answers) == ["done", *["supply_return_withdrawn"] * 2]
    assert (await stock(points, item), await balance(points, account, f"ITEM:{item}")) == ((5, 5), 15)
    back = await made(bo, "/v1/supplies/returns", {"team_id": str(team), "lines": lines(item, 3)})
    fates = [("handed_out", 8), ("used_up", 2), ("lost", 1)]
    used = {"team_id": str(team), "activity_id": activity, "people_reached": 40}
    used["lines"] = [{"item_id": item, "quantity": n, "fate": fate} for fate, n in fates]
    nobody = await bo.post("/v1/supplies/uses", json={**used, "people_reached": 0})
    assert (nobody.status_code, nobody.json()["code"]) == (422, "supplies_reached_nobody")
    mistaken = await made(bo, "/v1/supplies/uses", used)
    assert await balance(points, account, f"ITEM:{item}") == 1
    assert (await made(bo, f"/v1/supplies/uses/{mistaken['id']}/withdrawal"))["withdrawn"]
    assert await balance(points, account, f"ITEM:{item}") == 12
    use = await made(bo, "/v1/supplies/uses", used)
    held = (await anna.get("/v1/supplies/held", params={"community": COMMUNITY})).json()["items"]
    assert [(row["team_name"], row["name"], row["quantity"]) for row in held] == [(NAME, "创可贴（演示）", 1)]
    assert held[0]["account"] == f"{account}/ITEM:{item}"

    outcome = (await anna.get(f"/v1/donations/{gift['id']}/outcome")).json()["lines"][0]["outcomes"]
    at_activity = [("handed_out", 8), ("lost", 1), ("used_up", 2)]
    told = [(o["outcome"], o["pieces"]) for o in outcome if o["activity_id"] == activity]
    assert sorted(told) == at_activity
    rest = [(o["outcome"], o["pieces"], o["team_name"]) for o in outcome if o["activity_id"] is None]
    assert sorted(rest) == [("on_the_shelf", 8, None), ("with_team", 1, NAME)]
    traced = (await anna.get(f"/v1/items/{item}/trace")).json()["items"]
    assert {line["outcome_record"] for line in traced if line["outcome"] == "handed_out"} == {use["id"]}
    assert {line["source_record"] for line in traced} == {gift["id"]}
    assert {line["team_id"] for line in traced if line["outcome"] != "on_the_shelf"} == {str(team)}
    receipt = (await anna.get(f"/v1/donations/{gift['id']}/receipt")).json()
    page = await anna.get(
        f"/donations/{gift['receipt_number']}",
        params={"code": receipt["check_code"]},
        headers={"authorization": ""},
    )
    shown = dict(re.findall(r"<dt>([^<]*)</dt><dd>(\d+) 件</dd>", page.text))
    assert shown[f"服务队活动中发给居民 Handed out in an activity of {NAME}"] == "8"
    assert shown[f"在服务队手中 In the hands of {NAME}"] == "1"
    assert activity not in page.text

    explained = await anna.get(f"/v1/accounts/{account}/ITEM:{item}/explanation")
    texts = " ".join(line["text"] for line in explained.json()["items"])
    for words in (
        f"{NAME}：发放活动物资“创可贴（演示）”15 件。",
        f"{NAME}：退回活动物资“创可贴（演示）”3 件。",
        f"{NAME}：撤回登记错了的退回，“创可贴（演示）”15 件仍在该队名下。",
        f"{NAME}：活动中发给居民“创可贴（演示）”8 件，服务 40 人次。",
        f"{NAME}：遗失、损坏“创可贴（演示）”1 件。",
        f"{NAME}：撤回登记错了的使用，“创可贴（演示）”2 件仍在该队名下。",
    ):
        assert words in texts, (words, texts)
    effects = (await anna.get(f"/v1/events/{await event_of(points, 'SuppliesUsed', use['id'])}/effects")).json()
    assert sorted(effect["amount"] for effect in effects["items"]) == [1, 2, 8]
    asking = await event_of(points, "SuppliesRequested", asked["id"])
    (hold,) = (await anna.get(f"/v1/events/{asking}/effects")).json()["held"]
    assert (hold["state"], hold["posted"], hold["holder"]) == ("posted", 15, f"stock:{item}")

    paths = [f"/v1/accounts/{account}", *(f"/v1/accounts/{account}/ITEM:{item}{p}" for p in ("", "/statement"))]
    for path in paths:
        seen = [(await points.client("volunteer", subject=str(who)).get(path)).status_code for who in (leader, member)]
        assert seen == [200, 200], path
        assert (await points.client("volunteer", subject=str(stranger)).get(path)).status_code in (403, 404), path
        assert (await points.client(node=FOREIGN).get(path)).status_code in (403, 404), path
    sheet = await anna.get(f"/v1/accounts/{account}/ITEM:{item}/statement.xlsx")
    said = str(CalamineWorkbook.from_filelike(io.BytesIO(sheet.content)).get_sheet_by_index(0).to_python())
    assert NAME in said
    assert "创可贴（演示）" in said
    days = {"since": (today() - timedelta(days=1)).isoformat(), "until": today().isoformat()}
    report = await anna.get("/v1/supplies/report.xlsx", params={"community": COMMUNITY, **days})
    book = CalamineWorkbook.from_filelike(io.BytesIO(report.content))
    rows = [book.get_sheet_by_index(number).to_python()[2:] for number in range(3)]
    assert [row[3] for row in rows[0]] == [1]
    assert [(row[2], row[4]) for row in rows[1]] == [("发放 issued", 15), ("退回 brought back", 3)]
    assert sorted(row[4] for row in rows[2]) == [1, 2, 8]
    assert sum(row[6] or 0 for row in rows[2]) == 40
    listed_back = (await anna.get("/v1/supplies/returns", params={"team_id": str(team)})).json()["items"]
    assert [(row["id"], row["withdrawn_at"] is None, row["replaced_by"]) for row in listed_back] == [
        (wrong["id"], False, right["id"]),
        (right["id"], False, None),
        (back["id"], True, None),
    ]
    of_activity = (await anna.get("/v1/supplies/uses", params={"activity_id": activity})).json()["items"]
    assert [(row["id"], row["withdrawn_at"] is None) for row in of_activity] == [
        (mistaken["id"], False),
        (use["id"], True),
    ]
    assert await verify(points.service) == 0
    assert await rebuild(points.service) == 0
    (look,) = [look for look in CHECKS if look.name == "teams"]
    db = await points.service.database.dedicated()
    transaction = db.transaction()
    await transaction.start()
    await db.execute(SOLD_BY_A_TEAM, account)
    assert await count_breaks(db, look) == 1
    await transaction.rollback()
    await db.close()


async def event_of(points: Any, name: str, record: str) -> str:
    event_id: uuid.UUID = await points.value(
        "SELECT event_id FROM events WHERE type LIKE :type AND data::text LIKE :record",
        type=f"%.{name}.v1",
        record=f"%{record}%",
    )
    return str(event_id)


async def test_teams_that_are_unknown_of_others_or_dissolved_are_given_nothing(
    points: Any, clock: MovableClock
) -> None:
    item, client = await listed(points), points.client(subject="anna")
    leader = uuid.uuid4()
    await donated(points, item, 4)
    team = await team_of(points, lambda t: joined(t, leader), led_by(leader), lambda t: left(t, leader, today()))
    gone = await team_of(points, lambda t: joined(t, leader), led_by(leader))
    foreign = await team_of(points, community=FOREIGN)

    async def ask(of: uuid.UUID, pieces: int = 1, who: Any = client) -> Any:
        return await who.post("/v1/supplies/requests", json={"team_id": str(of), "lines": lines(item, pieces)})

    before = (await ask(gone, 2)).json()["id"]
    assert (await points.client(subject="bo").post(f"/v1/supplies/requests/{before}/approval")).is_success
    issued = (await ask(gone, 1)).json()["id"]
    for what in ("approval", "issue"):
        assert (await points.client(subject="bo").post(f"/v1/supplies/requests/{issued}/{what}")).is_success
    end = dissolved(gone)
    await publish(points.service, (end, replace(envelope_of(end, f"team-{gone}"), sequence=9)))

    async def over() -> bool:
        return bool(
            await points.rows("SELECT 1 FROM ledger.team_leaderships WHERE team_id = :t AND sequence = 9", t=gone)
        )

    await until(over)
    for of, status, code in ((uuid.uuid4(), 404, "team_unknown"), (gone, 409, "supplies_team_dissolved")):
        answer = await ask(of)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert re.search(r"[一-鿿]", answer.json()["detail"])
    assert (await ask(foreign)).status_code == 403
    district = points.client("district", node=COMMUNITY[:6])
    assert (await ask(foreign, who=district)).json()["code"] == "item_of_another_market"
    answer = await points.client(subject="bo").post(f"/v1/supplies/requests/{before}/issue")
    assert answer.json()["code"] == "supplies_team_dissolved"
    await made(client, f"/v1/supplies/requests/{before}/cancellation")
    held = (await client.get("/v1/supplies/held", params={"community": COMMUNITY})).json()["items"]
    assert [(row["team_id"], row["quantity"], row["dissolved"]) for row in held] == [(str(gone), 1, True)]
    # Of those who bring back a team's last piece at the same moment, one does.
    back: dict[str, Any] = {"team_id": str(gone), "lines": lines(item, 1)}
    answers = await asyncio.gather(*[client.post("/v1/supplies/returns", json=back) for _ in range(4)])
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} == {"team_has_fewer"}
    assert await stock(points, item) == (4, 4)

    # Of people who ask for the last pieces at the same moment, one is given them.
    answers = await asyncio.gather(*[ask(team, 3) for _ in range(6)])
    assert sorted(answer.status_code for answer in answers) == [201, *[409] * 5]
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} == {"out_of_stock"}
    (asked,) = [answer.json() for answer in answers if answer.status_code == 201]
    # Who led it once does not any more.
    approved = await made(points.client(subject=str(leader)), f"/v1/supplies/requests/{asked['id']}/approval")
    assert approved["stage"] == "approved"
    refused = (await ask(team)).json()["id"]
    assert (await made(points.client(subject="bo"), f"/v1/supplies/requests/{refused}/refusal"))["stage"] == "refused"
    clock.ahead = datetime.fromisoformat(approved["collect_by"]) - datetime.now(UTC) + timedelta(seconds=1)

    async def expired() -> bool:
        return (await client.get(f"/v1/supplies/requests/{asked['id']}")).json()["stage"] == "expired"

    await until(expired)
    assert await stock(points, item) == (4, 4)
    stages = {row["stage"] for row in (await client.get("/v1/supplies/requests")).json()["items"]}
    assert stages == {"cancelled", "issued", "refused", "expired"}
    assert await verify(points.service) == 0
