"""Certificates from issue to verification and print, over HTTP and on a real ledger."""

import asyncio
import re
import uuid
from datetime import timedelta
from typing import Any

import pytest

from services.points.app import read_views
from services.points.certificates.api import timers
from shared.contracts.registry import PersonForgotten
from shared.views import differing_read_tables
from tests.conftest import COMMUNITY, FOREIGN
from tests.integration.points.certificate_desk import ID_NUMBER, NAME, Desk, opened
from tests.integration.telling import tell


@pytest.fixture
async def desk(start: Any) -> Desk:
    return await opened(start)


async def test_a_certificate_is_public_then_valid(desk: Desk) -> None:
    issued = await desk.issue()
    assert issued["certificate_number"] == f"{COMMUNITY}-{desk.today.year}-00001"
    assert (issued["stage"], issued["minutes"]) == ("public", 720)
    page = await desk.verify(issued)
    assert page.status_code == 200
    assert "公示中" in page.text
    assert "张**" in page.text
    assert "12 小时" in page.text
    desk.clock.pass_by(days=6)
    public = await desk.publicity()
    assert public.status_code == 200
    for shown in (
        "张**",
        "12 小时",
        "祁连社区居民委员会（演示）",
        issued["certificate_number"],
        issued["public_until"],
    ):
        assert shown in public.text
    for hidden in (NAME, ID_NUMBER, issued["check_code"], "经办人", "0937-0000000", str(desk.person), "<script"):
        assert hidden not in public.text
    assert await timers.fire_due(desk.points.service.workshop, desk.clock) == 0
    desk.clock.pass_by(days=1)
    assert await timers.fire_due(desk.points.service.workshop, desk.clock) == 1
    assert (await desk.state(issued))["stage"] == "effective"
    assert "有效" in (await desk.verify(issued)).text
    assert issued["certificate_number"] not in (await desk.publicity()).text
    nowhere = await desk.clerk.get(f"/publicity/{FOREIGN}", headers={"authorization": ""})
    assert (nowhere.status_code, "没有这个社区" in nowhere.text) == (404, True)


async def test_publicity_is_read_page_by_page_and_hangs_on_the_board(desk: Desk) -> None:
    numbers = [(await desk.issue())["certificate_number"] for _ in range(3)]
    first = await desk.publicity(limit=2)
    cursor = re.findall(r'href="\?cursor=([^"]+)"', first.text)
    second = await desk.publicity(cursor=cursor[0])
    assert [[number in page.text for number in numbers] for page in (first, second)] == [
        [True, True, False],
        [False, False, True],
    ]
    assert "?cursor=" not in second.text
    assert (await desk.publicity(cursor="x")).status_code == 400
    path = f"/v1/publicity/{COMMUNITY}/notice.pdf"
    assert (await desk.clerk.get(path)).content.startswith(b"%PDF")
    assert (await desk.points.client(node=FOREIGN).get(path)).status_code == 403


async def test_the_same_days_are_certified_twice_only_if_somebody_says_why(desk: Desk) -> None:
    first = await desk.issue()

    async def again(**changed: Any) -> Any:
        return await desk.clerk.post("/v1/certificates", json=desk.body(**{"overlap_reason": None, **changed}))

    for since in (desk.today - timedelta(days=400), desk.today - timedelta(days=200)):
        refused = await again(since=since.isoformat())
        assert (refused.status_code, refused.json()["code"]) == (409, "certificate_overlaps")
        assert first["certificate_number"] in refused.json()["detail"]
    both = await again(overlap_reason="lost")
    assert both.status_code == 201
    path = f"/v1/certificates/{both.json()['certificate_id']}/explanation"
    step = (await desk.clerk.get(path)).json()["history"][0]
    assert first["certificate_number"] in step["text"]
    assert "遗失" in step["text"]
    for issued in (first, both.json()):
        assert (await desk.do(issued, "voiding", reason="other")).status_code == 200
    assert (await again()).status_code == 201, "the void ones do not count"


async def test_two_of_one_moment_do_not_certify_the_same_days_unseen(desk: Desk) -> None:
    body = desk.body(overlap_reason=None)
    answers = await asyncio.gather(*(desk.clerk.post("/v1/certificates", json=body) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]


async def test_nothing_is_said_without_the_code_and_nothing_personal_ever(desk: Desk) -> None:
    issued = await desk.issue()
    for wrong in ("AAAAAAAA", " ", "%00"):
        answer = await desk.verify(issued, wrong)
        assert answer.status_code == 404
        assert "12 小时" not in answer.text
    unknown = {**issued, "certificate_number": f"{COMMUNITY}-{desk.today.year}-99999"}
    assert (await desk.verify(unknown)).text == (await desk.verify(issued, "AAAAAAAA")).text
    page = await desk.verify(issued)
    assert NAME not in page.text
    assert ID_NUMBER not in page.text
    assert page.headers["referrer-policy"] == "no-referrer"
    assert "<script" not in page.text
    stored = await desk.points.rows("SELECT data::text FROM events")
    assert not any(NAME in row[0] or ID_NUMBER in row[0] for row in stored)


async def test_strangers_are_slowed_down(desk: Desk) -> None:
    issued = await desk.issue()
    statuses = [(await desk.verify(issued, "AAAAAAAA")).status_code for _ in range(70)]
    assert 429 in statuses
    limited = await desk.verify(issued)
    assert limited.json()["code"] == "too_many_requests"
    assert limited.headers["retry-after"] == "60"
    assert (await desk.state(issued))["stage"] == "public"


async def test_an_objection_is_settled_and_a_void_certificate_says_so(desk: Desk) -> None:
    first, second = await desk.issue(), await desk.issue()
    for issued in (first, second):
        said = issued["certificate_number"]
        (found,) = (await desk.clerk.get("/v1/certificates", params={"number": said})).json()["items"]
        assert (await desk.do(found, "objection", reason="hours_wrong")).json()["stage"] == "objected"
    assert (await desk.publicity()).text.count("有异议，处理中") == 2, "an objection gets nothing out of sight"
    alone = await desk.do(first, "settlement", upheld=True)
    assert (alone.status_code, alone.json()["code"]) == (409, "certificate_own_objection")
    assert (await desk.do(first, "settlement", desk.colleague, upheld=True)).json()["stage"] == "refused"
    settled = await desk.do(second, "settlement", desk.colleague, upheld=False)
    assert settled.json()["stage"] == "public", "six days are left to others"
    assert "公示中" in (await desk.verify(second)).text
    public = (await desk.publicity()).text
    assert [issued["certificate_number"] in public for issued in (first, second)] == [False, True]
    path = f"/v1/certificates/{second['certificate_id']}/explanation"
    assert "继续公示" in (await desk.clerk.get(path)).json()["history"][-1]["text"]
    assert "未生效" in (await desk.verify(first)).text
    assert (await desk.do(second, "voiding", reason="own_request")).json()["stage"] == "voided"
    assert "VOID" in (await desk.verify(second)).text
    assert "目前没有公示中的证明" in (await desk.publicity()).text
    # However well the record bears it, nobody is told that it holds.
    for ended, now, then in (
        (first, ("异议成立（时长有误）", "不能使用"), "the certificate never takes effect"),
        (second, (f"证明已于 {desk.today} 作废（本人要求），不能再用",), "the certificate was void"),
    ):
        path = f"/v1/certificates/{ended['certificate_id']}/explanation"
        summary = (await desk.clerk.get(path)).json()["summary"]
        assert all(said in summary for said in now), summary
        english = {"accept-language": "en"}
        at = (await desk.clerk.get(path, params={"at": desk.clock.now.isoformat()}, headers=english)).json()
        assert then in at["summary"], at["summary"]
        assert "{" not in summary + at["summary"]
    again = await desk.do(second, "voiding", reason="own_request")
    assert (again.status_code, again.json()["code"]) == (409, "certificate_ended")


async def test_the_paper_is_a_pdf_for_staff_and_the_person_alone(desk: Desk) -> None:
    issued = await desk.issue()
    path = f"/v1/certificates/{issued['certificate_id']}/document.pdf"
    paper = await desk.clerk.get(path)
    assert paper.status_code == 200, paper.text
    assert paper.content.startswith(b"%PDF")
    assert paper.headers["content-type"] == "application/pdf"
    own = desk.points.client("volunteer", subject=str(desk.person))
    await desk.do(issued, "voiding", reason="reissued")
    void = await own.get(path)
    assert void.content.startswith(b"%PDF")
    assert void.content != paper.content
    stranger = desk.points.client("volunteer", subject=str(uuid.uuid4()))
    assert (await stranger.get(path)).status_code == 403
    assert (await desk.points.client(node=FOREIGN).get(path)).status_code == 403
    assert (await desk.points.client("auditor").get(path)).status_code == 403


async def test_forgetting_somebody_forgets_whom_the_certificate_was_about(desk: Desk) -> None:
    issued = await desk.issue()
    forgotten = PersonForgotten(volunteer_id=desk.person, community=COMMUNITY)
    await tell(desk.points.service, forgotten)
    await tell(desk.points.service, forgotten)
    assert await desk.points.rows("SELECT 1 FROM vault_entries") == []
    assert await desk.points.rows("SELECT number FROM ledger.members WHERE number IS NOT NULL") == []
    page = await desk.verify(issued)
    assert page.status_code == 200
    assert "张" not in page.text
    assert "目前没有公示中的证明" in (await desk.publicity()).text
    paper = await desk.clerk.get(f"/v1/certificates/{issued['certificate_id']}/document.pdf")
    assert (paper.status_code, paper.json()["code"]) == (410, "certificate_identity_erased")
    another = await desk.clerk.post("/v1/certificates", json=desk.body())
    assert (another.status_code, another.json()["code"]) == (409, "certificate_person_forgotten")


async def test_numbers_run_without_gaps_however_many_clerks_issue_at_once(desk: Desk) -> None:
    issued = await asyncio.gather(*(desk.issue() for _ in range(8)))
    refused = await desk.clerk.post("/v1/certificates", json=desk.body(until="2199-01-01"))
    assert refused.json()["code"] == "certificate_period_not_over"
    issued = [*issued, await desk.issue()]
    numbers = sorted(int(re.findall(r"\d+$", one["certificate_number"])[0]) for one in issued)
    assert numbers == list(range(1, 10))
    async with desk.points.service.database.reading() as connection:
        assert (await differing_read_tables(connection, read_views))[1] == []


async def test_the_list_shows_certificates_of_the_node_and_ones_own(desk: Desk) -> None:
    issued = await desk.issue()
    own = desk.points.client("volunteer", subject=str(desk.person))
    for client in (desk.clerk, own):
        items = (await client.get("/v1/certificates", params={"stage": "public", "flagged": False})).json()["items"]
        assert [item["certificate_id"] for item in items] == [issued["certificate_id"]]
        assert NAME not in str(items)
    assert items[0]["services"] == [{"kind": "activity.general", "minutes": 720}]
    assert (await desk.points.client(node=FOREIGN).get("/v1/certificates")).json()["items"] == []
    assert (await desk.points.client(node=FOREIGN).post("/v1/certificates", json=desk.body())).status_code == 403
