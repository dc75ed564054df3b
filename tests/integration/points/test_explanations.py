"""Why a balance is what it is: past balances, lines in words, and an event's effects."""

import io
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pypdf
import pytest
from python_calamine import CalamineWorkbook

from services.points.app import build
from services.points.grounds.record import taken
from services.points.proof.rebuild import rebuild
from services.points.settings import PointsSettings
from shared.contracts import CorrectionReason, Evidence
from shared.contracts.registry import ActivityCategory
from tests.conftest import COMMUNITY, FOREIGN, until
from tests.integration.points.producing import attendance, completed, corrected, headers, registered

DAY = datetime(2026, 3, 5, 1, tzinfo=UTC)
"""Nine in the morning in Shanghai."""


@pytest.fixture
async def points(start: Any) -> Any:
    return await start(build, settings=PointsSettings)


async def tell_at(producing: Any, at: datetime, event_id: uuid.UUID, event: Any) -> None:
    heads = [
        (name, at.isoformat().encode() if name == "ce_time" else value)
        for name, value in headers(event_id, event, str(event_id))
    ]
    body = event.model_dump_json(exclude_none=True).encode()
    await producing.tell_raw(event.CONTEXT, str(event_id), body, heads)


async def booked(points: Any, *event_ids: uuid.UUID) -> None:
    async def there() -> bool:
        known = await points.value("SELECT count(*) FROM consumed WHERE event_id = ANY(:ids)", ids=list(event_ids))
        return bool(known == len(event_ids))

    await until(there)


async def test_of_two_events_of_one_moment_only_the_later_id_is_a_cause(points: Any, producing: Any) -> None:
    person, at = uuid.uuid4(), DAY + timedelta(hours=20)
    earlier, later = sorted((uuid.uuid4(), uuid.uuid4()))
    for event_id, minutes, began in ((later, 660, DAY), (earlier, 720, DAY + timedelta(hours=1))):
        await tell_at(producing, at, event_id, completed([attendance(person, minutes, began)])[1])
    await booked(points, earlier, later)
    for told in (earlier, later):
        assert await points.value("SELECT count(*) FROM ledger.transfers WHERE event_id = :id AND clause = 3", id=told)
    causes: dict[str, set[str]] = {}
    for unit in ("POINT", "SERVICE_MINUTE"):
        for line in (await points.client().get(f"/v1/accounts/{person}/{unit}/explanation")).json()["items"]:
            causes.setdefault(line["source"]["event_id"], set()).update(line["caused_by"])
    assert causes == {str(earlier): {str(later)}, str(later): set()}
    for event_id, lines in ((earlier, 0), (later, 3)):
        effects = (await points.client().get(f"/v1/events/{event_id}/effects")).json()["items"]
        assert len([line for line in effects if line["caused_by"] == [str(event_id)]]) == lines


async def test_a_balance_is_told_as_it_was_known_then_and_as_it_is_known_now(points: Any, producing: Any) -> None:
    person, record = uuid.uuid4(), uuid.uuid4()
    event_id, activity = completed([attendance(person, 300, DAY, record_id=record)])
    correction_id = uuid.uuid4()
    # The correction arrives first: what was known when is told by the events, not by their arrival.
    await tell_at(producing, DAY + timedelta(days=4), correction_id, corrected(activity.attendances[0], 60, activity))
    await tell_at(producing, DAY + timedelta(hours=6), event_id, activity)
    await booked(points, event_id, correction_id)
    client = points.client()

    async def balance(at: datetime, as_known: str) -> tuple[int, int]:
        query = {"at": at.isoformat(), "as_known": as_known}
        answer = (await client.get(f"/v1/accounts/{person}/POINT/balance", params=query)).json()
        statement = await client.get(f"/v1/accounts/{person}/POINT/statement", params=query)
        lines = statement.json()["items"]
        assert sum(line["amount"] for line in lines) == answer["posted"]
        assert not lines or lines[0]["balance_after"] == answer["posted"]
        return answer["posted"], len(lines)

    assert await balance(DAY - timedelta(seconds=1), "now") == (0, 0)
    assert await balance(DAY + timedelta(hours=1), "then") == (0, 0)
    assert await balance(DAY + timedelta(hours=1), "now") == (10, 2)
    assert await balance(DAY + timedelta(days=1), "then") == (50, 1)
    assert await balance(DAY + timedelta(days=1), "now") == (10, 2)
    assert await balance(DAY + timedelta(days=5), "then") == (10, 2)


async def test_a_past_balance_tells_what_was_held_then(points: Any, producing: Any) -> None:
    person = uuid.uuid4()
    event_id, activity = completed([attendance(person, 300, DAY)])
    await tell_at(producing, DAY + timedelta(hours=6), event_id, activity)
    await booked(points, event_id)
    client = points.client()
    item = (
        await client.post("/v1/items", json={"community": COMMUNITY, "name": "洗衣液（演示）", "price_points": 20})
    ).json()
    await client.post(f"/v1/items/{item['id']}/receipts", json={"quantity": 5})
    reserve = {"volunteer_id": str(person), "item_id": item["id"]}
    reserved = (await client.post("/v1/redemptions", json=reserve)).json()
    while_held = datetime.now(UTC)
    await client.post(f"/v1/redemptions/{reserved['id']}/collection", json={"identified_by": "card"})
    events = [
        await points.value(f"SELECT event_id FROM events WHERE type LIKE '%{name}.v1'")
        for name in ("RedemptionReserved", "RedemptionCollected")
    ]
    held, settled = [(await client.get(f"/v1/events/{event}/effects")).json() for event in events]
    assert held["held"] == settled["held"]
    assert (len(held["items"]), len(settled["items"])) == (0, 2)
    (of_person,) = [one for one in held["held"] if one["holder"] == str(person)]
    assert (of_person["amount"], of_person["unit"], of_person["state"]) == (20, "POINT", "posted")
    assert [of_person["event_id"], of_person["settled_by"]] == [str(event) for event in events]
    assert "冻结 20 积分" in of_person["text"]
    assert of_person["text"].endswith("结清，用去 20。")
    own = points.client("volunteer", subject=str(person))
    assert [one["amount"] for one in (await own.get(f"/v1/events/{events[0]}/effects")).json()["held"]] == [20, 1]
    then = await client.get(f"/v1/accounts/{person}/POINT/balance", params={"at": while_held.isoformat()})
    assert (then.json()["posted"], then.json()["pending"], then.json()["available"]) == (50, 20, 30)
    now = (await client.get(f"/v1/accounts/{person}/POINT/balance")).json()
    assert (now["posted"], now["pending"], now["available"]) == (30, 0, 30)


async def test_every_line_is_told_in_words_with_its_source_and_its_ground(points: Any, producing: Any) -> None:
    person, record = uuid.uuid4(), uuid.uuid4()
    first_id, first = completed(
        [attendance(person, 300, DAY, record_id=record)], category=ActivityCategory.PROFESSIONAL
    )
    second_id, second = completed([attendance(person, 300, DAY + timedelta(hours=6))])
    meeting_id, meeting = completed(
        [attendance(person, 60, DAY - timedelta(days=1))], category=ActivityCategory.MEETING
    )
    paper_id, paper = completed([attendance(person, 60, DAY - timedelta(days=2), Evidence.BACKFILLED)])
    short_id, short = completed([attendance(person, 5, DAY - timedelta(days=3))])
    guessed_id, guessed = completed([attendance(person, 90, DAY - timedelta(days=4), Evidence.ESTIMATED)])
    correction_id, added_id = uuid.uuid4(), uuid.uuid4()
    for hours, (event_id, event) in enumerate(
        [
            (first_id, first),
            (second_id, second),
            (meeting_id, meeting),
            (paper_id, paper),
            (short_id, short),
            (guessed_id, guessed),
        ],
        12,
    ):
        await tell_at(producing, DAY + timedelta(hours=hours), event_id, event)
    changed = corrected(first.attendances[0], 120, first)
    await tell_at(producing, DAY + timedelta(days=4), correction_id, changed)
    missing = attendance(person, 0, DAY - timedelta(days=4), Evidence.ESTIMATED)
    added = corrected(missing, 45, guessed, evidence=Evidence.ESTIMATED, reason=CorrectionReason.EVIDENCE_ADDED)
    await tell_at(producing, DAY + timedelta(days=4), added_id, added)
    told = [first_id, second_id, meeting_id, paper_id, short_id, guessed_id, correction_id, added_id]
    await booked(points, *told)
    answer = (await points.client().get(f"/v1/accounts/{person}/POINT/explanation")).json()
    texts = {(line["reason"], line["source"]["event_id"]): line["text"] for line in answer["items"]}
    default = "依据《全国默认积分办法》（第 1 版）。"
    assert texts["rate", str(first_id)] == (
        f"2026-03-05 专业志愿服务 300 分钟（现场签到签退），每 6 分钟 1 分，按 1.2 倍计，得 60 分。{default}"
        "这 24 分（已计更正和上限）都还没有用，可用到 2027-12-31。"
    )
    assert (
        texts["day_cap", str(second_id)] == f"2026-03-05 当天的服务超过每日上限 100 积分，多出的 10 积分不计。{default}"
    )
    assert texts["restatement", str(second_id)] == (
        f"后来得知 2026-03-05 还有别的服务或更正，按每日上限 100 积分重新计算，退还 10 积分。{default}"
        "起因：2026-03-05 的一条服务记录更正了。"
    )
    assert texts["correction", str(correction_id)] == (
        "2026-03-05 专业志愿服务的记录于 2026-03-09 更正（原因：时间记错）：原记 300 分钟（现场签到签退），"
        f"现为 120 分钟（现场签到签退），扣减 36 积分。{default}"
    )
    english = await points.client().get(f"/v1/accounts/{person}/POINT/explanation", headers={"accept-language": "en"})
    (said,) = [line["text"] for line in english.json()["items"] if line["reason"] == "correction"]
    assert "was corrected on 2026-03-09 (the time was wrong) from 300 minutes" in said
    assert {line["reason"]: line["caused_by"] for line in answer["items"] if line["caused_by"]} == {
        "restatement": [str(correction_id)]
    }, "the line goes by the record that the cap was taken from"
    effects = (await points.client().get(f"/v1/events/{correction_id}/effects")).json()["items"]
    own = [effect for effect in effects if not effect["caused_by"]]
    assert all("原记 300 分钟（现场签到签退）" in effect["text"] for effect in own)
    assert {(one["unit"], one["amount"], *one["caused_by"]) for one in effects[len(own) :]} == {
        ("POINT", 10, str(correction_id)),
        ("MINUTE", 120, str(correction_id)),
        ("SERVICE_MINUTE", 120, str(correction_id)),
    }, "what a cap gave back, after its own"
    assert texts["restatement", str(second_id)] in [effect["text"] for effect in effects]
    paged, query = [], {"limit": 1}
    while query.get("cursor", "") is not None:
        page = (await points.client().get(f"/v1/events/{correction_id}/effects", params=query)).json()
        paged, query = paged + page["items"], query | {"cursor": page["next_cursor"]}
    assert paged == effects
    assert texts["nothing", str(meeting_id)].startswith("2026-03-04 会议 60 分钟：这类服务不计积分。")
    assert texts["nothing", str(paper_id)].startswith(
        "2026-03-03 志愿活动 60 分钟（事后补录）：这样记录的服务不计入积分。"
    )
    assert texts["nothing", str(short_id)].startswith("2026-03-02 志愿活动 5 分钟，每 6 分钟 1 分：不足 1 分。")
    for unit, counted in (("POINT", "积分"), ("MINUTE", "时间银行"), ("SERVICE_MINUTE", "服务时长")):
        lines, query = [], {"limit": 2}
        while query.get("cursor", "") is not None:
            page = (await points.client().get(f"/v1/accounts/{person}/{unit}/explanation", params=query)).json()
            lines, query = lines + page["items"], query | {"cursor": page["next_cursor"]}
        estimates = [line for line in lines if line["source"]["evidence"] == "estimated"]
        assert {line["source"]["minutes"] for line in estimates} == {90, 45}
        assert len(estimates) == 2
        assert f"90 分钟，时长是估计的：估计的时长不计入{counted}。如果能查到" in " ".join(
            one["text"] for one in estimates
        )
        assert [g["value"] for g in estimates[0]["grounds"]] == [[]]
    assert answer["balance"] == 74 == sum(line["amount"] for line in answer["items"])
    assert answer["text"] == "余额 74 积分：参加服务 +110，服务记录更正 -36，超出每日上限 -10，每日上限重新计算 +10。"
    by_reason = {line["reason"]: line for line in answer["items"]}
    rate = next(line for line in answer["items"] if line["source"]["event_id"] == str(first_id))
    assert by_reason["correction"]["corrects"] == rate["id"]
    assert by_reason["correction"]["id"] in rate["corrected_by"]
    assert {g["place"]: g["value"] for g in rate["grounds"]} == {
        "/points/minutes_per_point": 6,
        "/points/weights_percent/activity.professional": 120,
    }
    assert by_reason["day_cap"]["grounds"][0]["place"] == "/caps_per_day/POINT"
    assert (by_reason["day_cap"]["source"]["context"], by_reason["day_cap"]["source"]["minutes"]) == ("registry", 300)
    async with points.service.database.reading() as connection:
        causes = await taken(connection, person, 605)
    assert [(cause.event_id, cause.taken_minutes) for cause in causes] == [(correction_id, 60)], "the cap gave 120 back"
    assert await rebuild(points.service, switch=True) == 0
    async with points.service.database.reading() as connection:
        assert await taken(connection, person, 605) == causes
    anew = (await points.client().get(f"/v1/accounts/{person}/POINT/explanation")).json()["items"]
    assert texts["correction", str(correction_id)] in [line["text"] for line in anew]


async def test_an_explanation_pages_speaks_english_and_stops_at_a_moment(points: Any, producing: Any) -> None:
    person = uuid.uuid4()
    told = [completed([attendance(person, 30, DAY + timedelta(days=n))]) for n in range(5)]
    for event_id, event in told:
        await tell_at(producing, DAY + timedelta(days=6), event_id, event)
    await booked(points, *(event_id for event_id, _ in told))
    client, seen, cursor = points.client(), [], None
    while True:
        query = {"limit": 2, "at": (DAY + timedelta(days=3)).isoformat(), **({"cursor": cursor} if cursor else {})}
        page = (
            await client.get(
                f"/v1/accounts/{person}/POINT/explanation", params=query, headers={"Accept-Language": "en"}
            )
        ).json()
        seen += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert [line["balance_after"] for line in seen] == [20, 15, 10, 5]
    assert page["balance"] == 20
    assert page["text"] == "Balance 20 points: service +20."
    assert seen[0]["text"] == (
        "2026-03-08: volunteering, 30 minutes (checked in and out on site). One point per 6 minutes: "
        "5 points. Ground: “National default points policy” (version 1). "
        "All 5 points are still there, to be spent until 2027-12-31."
    )


async def test_a_volunteer_reads_their_own_explanation_and_nobody_elses(points: Any, producing: Any) -> None:
    person, other = uuid.uuid4(), uuid.uuid4()
    event_id, event = completed([attendance(person, 30, DAY), attendance(other, 30, DAY)])
    await tell_at(producing, DAY + timedelta(hours=2), event_id, event)
    await booked(points, event_id)
    client = points.client("volunteer", subject=str(person))
    assert (await client.get(f"/v1/accounts/{person}/POINT/explanation")).status_code == 200
    for path in ("explanation", "balance"):
        refused = await client.get(f"/v1/accounts/{other}/POINT/{path}")
        assert (refused.status_code, refused.json()["code"]) == (403, "outside_your_node")
    issuance = await points.client().get(f"/v1/accounts/issuance:{COMMUNITY}/POINT/explanation")
    assert issuance.json()["code"] == "statement_not_kept"


async def test_an_event_leads_to_all_it_caused(points: Any, producing: Any) -> None:
    person, other = uuid.uuid4(), uuid.uuid4()
    event_id, event = completed([attendance(person, 60, DAY), attendance(other, 30, DAY)])
    await tell_at(producing, DAY + timedelta(hours=2), event_id, event)
    await booked(points, event_id)
    effects = (await points.client().get(f"/v1/events/{event_id}/effects")).json()["items"]
    assert {(e["receiver"], e["unit"], e["amount"]) for e in effects} == {
        (str(who), unit, amount)
        for who, points_, minutes in ((person, 10, 60), (other, 5, 30))
        for unit, amount in (("POINT", points_), ("MINUTE", minutes), ("SERVICE_MINUTE", minutes))
    }
    assert all(e["text"].startswith("2026-03-05 志愿活动") and e["grounds"] for e in effects)
    own = points.client("volunteer", subject=str(person))
    mine = (await own.get(f"/v1/events/{event_id}/effects")).json()["items"]
    assert {e["receiver"] for e in mine} == {str(person)}
    elsewhere = points.client("community", node=FOREIGN)
    assert (await elsewhere.get(f"/v1/events/{event_id}/effects")).json()["items"] == []


async def test_an_event_that_did_not_count_says_why(points: Any, producing: Any) -> None:
    client = points.client()
    event_id, event = completed([attendance(uuid.uuid4(), 60, DAY)])
    assert (await client.get(f"/v1/events/{event_id}")).json()["state"] == "not_seen"
    heads = headers(event_id, event, "broken")
    await producing.tell_raw("registry", "broken", b'{"nonsense": 1}', heads)

    async def state(wanted: str) -> bool:
        return bool((await client.get(f"/v1/events/{event_id}")).json()["state"] == wanted)

    await until(lambda: state("parked"))
    answer = (await client.get(f"/v1/events/{event_id}")).json()
    assert answer["reason"] in answer["text"]
    assert "等待运维人员处理" in answer["text"]
    item = await client.post("/v1/items", json={"community": COMMUNITY, "name": "盐（演示）", "price_points": 2})
    own = await points.value("SELECT event_id FROM events ORDER BY position DESC LIMIT 1")
    assert item.status_code == 201
    assert (await client.get(f"/v1/events/{own}")).json()["state"] == "own"


async def test_a_statement_can_be_taken_along_as_a_spreadsheet_and_on_paper(points: Any, producing: Any) -> None:
    person = uuid.uuid4()
    told = [completed([attendance(person, 30, DAY + timedelta(days=n))]) for n in range(4)]
    for event_id, event in told:
        await tell_at(producing, DAY + timedelta(days=6), event_id, event)
    known = registered(person)
    await producing.tell([known])
    await booked(points, known[0], *(event_id for event_id, _ in told))
    client, period = points.client(), {"from": "2026-03-06", "to": "2026-03-07"}
    sheet = await client.get(f"/v1/accounts/{person}/POINT/statement.xlsx", params=period)
    assert sheet.headers["content-type"].startswith("application/vnd.openxmlformats")
    rows = CalamineWorkbook.from_filelike(io.BytesIO(sheet.content)).get_sheet_by_index(0).to_python()
    assert [row[-1] for row in rows if row[0] in ("期初余额", "期末余额")] == [5, 15]
    assert [(row[3], row[4]) for row in rows[5:-1]] == [(5, 10), (5, 15)]
    assert rows[5][2].startswith("志愿活动 30 分钟"), "the day stands in a column of its own"
    number = await points.value("SELECT number FROM ledger.members")
    assert (rows[0][0], number in rows[1][0]) == ("对账单 · 积分", True), "people know their number, not their id"
    minutes = await client.get(f"/v1/accounts/{person}/SERVICE_MINUTE/statement.xlsx", params=period)
    rows = CalamineWorkbook.from_filelike(io.BytesIO(minutes.content)).get_sheet_by_index(0).to_python()
    assert rows[0][0] == "对账单 · 服务时长（分钟）", "the time bank is in minutes, too"
    paper = await client.get(f"/v1/accounts/{person}/POINT/statement.pdf", params=period)
    assert paper.headers["content-disposition"].startswith('attachment; filename="statement-point-2026-03-06')
    words = "".join(page.extract_text().replace(" ", "") for page in pypdf.PdfReader(io.BytesIO(paper.content)).pages)
    assert "对账单" in words
    assert number in words
    assert str(person)[:8] not in words
    assert words.count("2026-03-06") == 2, "in the period, and on the one line of that day"
    empty = await client.get(f"/v1/accounts/{person}/POINT/statement.pdf", params={"to": "2026-03-01"})
    assert empty.content.startswith(b"%PDF")
    assert (await client.get(f"/v1/accounts/{person}/POINT/statement.pdf", params={"to": "1"})).status_code == 422
    for form in ("pdf", "xlsx"):
        backwards = {"from": "2026-03-07", "to": "2026-03-06"}
        refused = await client.get(f"/v1/accounts/{person}/POINT/statement.{form}", params=backwards)
        assert (refused.status_code, refused.json()["code"]) == (422, "statement_period_inverted")
