"""Certificates from issue to verification and print, over HTTP and on a real ledger."""

import asyncio
import re
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.points.app import build, read_views
from services.points.certificates.api import timers
from services.points.certificates.watch import look_at_grounds, remind_of_flags
from services.points.settings import PointsSettings
from shared.clock import local_day
from shared.contracts import Evidence
from shared.contracts.registry import ActivityCategory, ActivityCompleted, PersonForgotten
from shared.views import differing_read_tables
from tests.conftest import COMMUNITY, FOREIGN
from tests.integration.office import StandingClock
from tests.integration.points.producing import attendance, corrected
from tests.integration.points.serving import correct, registration, serve
from tests.integration.telling import tell

NAME, ID_NUMBER = "张演示", "62029819800101001X"


class Desk:
    """A points service, a clerk, and somebody with twelve hours of service."""

    def __init__(self, points: Any, clock: StandingClock) -> None:
        self.points, self.clock, self.clerk = points, clock, points.client()
        self.colleague = points.client(subject="colleague")
        self.person = uuid.uuid4()
        self.today = (clock.now + timedelta(hours=8)).date()

    async def open(self) -> "Desk":
        await tell(self.points.service, registration(self.person, self.clock.now - timedelta(days=400)))
        self.attended = await serve(self.points.service, self.person, 12, self.clock.now)
        return self

    def body(self, **changed: Any) -> dict[str, Any]:
        return {
            "volunteer_id": str(self.person),
            "since": (self.today - timedelta(days=300)).isoformat(),
            "until": self.today.isoformat(),
            "name": NAME,
            "id_kind": "居民身份证",
            "id_number": ID_NUMBER,
            "issuer": "祁连社区居民委员会（演示）",
            "responsible_person": "负责人（演示）",
            "handler": "经办人（演示）",
            "contact": "0937-0000000",
            "content": "社区关爱服务（演示）",
            "overlap_reason": "another_use",
            **changed,
        }

    async def issue(self, **changed: Any) -> dict[str, Any]:
        answer = await self.clerk.post("/v1/certificates", json=self.body(**changed))
        assert answer.status_code == 201, answer.text
        issued: dict[str, Any] = answer.json()
        return issued

    async def verify(self, issued: dict[str, Any], code: str | None = None) -> Any:
        path = f"/verify/{issued['certificate_number']}"
        return await self.clerk.get(path, params={"code": code or issued["check_code"]}, headers={"authorization": ""})

    async def publicity(self, **asked: Any) -> Any:
        return await self.clerk.get(f"/publicity/{COMMUNITY}", params=asked, headers={"authorization": ""})

    async def state(self, issued: dict[str, Any]) -> Any:
        return (await self.clerk.get(f"/v1/certificates/{issued['certificate_id']}")).json()

    async def effects(self, cause: dict[str, Any], **params: Any) -> Any:
        return (await self.clerk.get(f"/v1/events/{cause['event_id']}/effects", params=params)).json()

    async def explained(self, issued: dict[str, Any], **asked: Any) -> Any:
        """The explanation, with the lines of all its pages."""
        path = f"/v1/certificates/{issued['certificate_id']}/explanation"
        whole = page = (await self.clerk.get(path, params=asked | {"limit": 2})).json()
        while cursor := page["next_cursor"]:
            page = (await self.clerk.get(path, params=asked | {"limit": 2, "cursor": cursor})).json()
            whole["items"] += page["items"]
        assert sum(line["amount"] for line in whole["items"]) == whole["minutes_now"]
        balances = [sum(line["amount"] for line in whole["items"][n:]) for n in range(len(whole["items"]))]
        assert [line["balance_after"] for line in whole["items"]] == balances
        return whole

    async def do(self, issued: dict[str, Any], what: str, who: Any = None, **body: Any) -> Any:
        return await (who or self.clerk).post(f"/v1/certificates/{issued['certificate_id']}/{what}", json=body)


@pytest.fixture
async def desk(start: Any) -> Desk:
    clock = StandingClock()
    points = await start(lambda settings: build(settings, clock), working=False, settings=PointsSettings)
    return await Desk(points, clock).open()


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


async def test_a_correction_takes_the_ground_away_and_gives_it_back(desk: Desk) -> None:
    workshop = desk.points.service.workshop
    issued = await desk.issue()
    earlier = await desk.issue(
        since=(desk.today - timedelta(days=300)).isoformat(), until=(desk.today - timedelta(days=2)).isoformat()
    )
    assert await look_at_grounds(workshop) == 0
    await correct(desk.points.service, desk.attended[0], 100)
    assert await look_at_grounds(workshop) == 1
    assert await look_at_grounds(workshop) == 0
    assert (await desk.state(issued))["flagged"] is True
    assert (await desk.state(earlier))["flagged"] is False
    assert "复核中" in (await desk.verify(issued)).text
    assert "复核中" in (await desk.publicity()).text
    path = f"/v1/certificates/{issued['certificate_id']}/explanation"
    explanation = (await desk.clerk.get(path)).json()
    assert (explanation["minutes"], explanation["minutes_now"]) == (720, 340)
    assert [step["event"] for step in explanation["history"]] == ["CertificateIssued", "CertificateFlagged"]
    (cause,) = explanation["history"][1]["corrected_by"]
    assert (cause["type"], cause["minutes"]) == ("liuling.registry.AttendanceCorrected.v1", -380)
    assert (await desk.state(issued))["corrected_by"] == [cause]
    assert (await desk.state(earlier))["corrected_by"] == []
    (listed,) = (await desk.clerk.get("/v1/certificates", params={"flagged": True})).json()["items"]
    assert listed["corrected_by"] == [cause]
    # Another one takes more, and the first is taken back: the flag stands, for another reason.
    await correct(desk.points.service, desk.attended[1], 100)
    assert await look_at_grounds(workshop) == 2, "it is about the period of both"
    shorter = desk.attended[0].model_copy(update={"minutes": 100})
    await correct(desk.points.service, shorter, desk.attended[0].minutes)
    assert await look_at_grounds(workshop) == 1
    (another,) = (await desk.state(issued))["corrected_by"]
    flags = [(await desk.effects(one))["flagged"] for one in (cause, another)]
    assert [flag["outcome"] for told in flags for flag in told] == ["given_back", "stands", "stands"]
    assert {flag["certificate_id"] for told in flags for flag in told} == {
        issued["certificate_id"], earlier["certificate_id"],
    }  # fmt: skip
    pages = [await desk.effects(another, limit=2)]
    while pages[-1]["next_cursor"]:
        pages.append(await desk.effects(another, limit=2, cursor=pages[-1]["next_cursor"]))
    whole = await desk.effects(another)
    for part in ("items", "flagged"):
        assert [one for page in pages for one in page[part]] == whole[part]
    await correct(desk.points.service, desk.attended[1].model_copy(update={"minutes": 100}), 240)
    await correct(desk.points.service, desk.attended[0], 100)
    assert await look_at_grounds(workshop) == 2
    assert all("{" not in step["text"] for step in explanation["history"])
    before = (await desk.clerk.get(path, params={"at": (desk.clock.now - timedelta(days=1)).isoformat()})).json()
    assert (before["stage"], before["minutes"], before["policy_version"], before["history"]) == (
        "not_issued",
        0,
        None,
        [],
    )
    assert "还没有出具" in before["summary"]
    assert len(before["corrections_after"]) == 5
    english = (await desk.clerk.get(path, headers={"accept-language": "en"})).json()
    assert "the record has 5 h 40 min, and less than certified of: volunteering" in english["summary"]
    # Publicity ends while it is flagged; service told of later bears it again, and then it takes effect.
    desk.clock.pass_by(days=8)
    await timers.fire_due(workshop, desk.clock)
    assert (await desk.state(issued))["stage"] == "public"
    # Nobody decides on it meanwhile, and somebody is reminded.
    assert [await remind_of_flags(workshop, 9), await remind_of_flags(workshop, 8)] == [0, 1]
    assert await remind_of_flags(workshop, 8) == 0
    (undecided,) = (await desk.clerk.get("/v1/certificates", params={"undecided": True})).json()["items"]
    again = (desk.today + timedelta(days=15)).isoformat()
    assert (undecided["waits_since"], undecided["reminders"], undecided["remind_on"]) == (
        desk.today.isoformat(), 1, again,
    )  # fmt: skip
    assert "第 1 次催办" in (await desk.clerk.get(path)).json()["history"][-1]["text"]
    await serve(desk.points.service, desk.person, 8, desk.clock.now - timedelta(days=40))
    assert await look_at_grounds(workshop) == 1
    await timers.fire_due(workshop, desk.clock)
    after = await desk.state(issued)
    assert (after["stage"], after["flagged"], after["corrected_by"]) == ("effective", False, [])
    assert (after["waits_since"], after["reminders"], after["remind_on"]) == (None, 0, None)
    async with desk.points.service.database.reading() as connection:
        assert (await differing_read_tables(connection, read_views))[1] == []


async def test_other_service_of_the_same_day_does_not_stand_in_for_what_was_voided(desk: Desk) -> None:
    issued = await desk.issue()
    day = desk.attended[0].started_at.replace(hour=0)
    cared = ActivityCompleted(
        activity_id=uuid.uuid4(),
        community=COMMUNITY,
        category=ActivityCategory.CARE,
        completed_at=desk.clock.now,
        attendances=(attendance(desk.person, 480, day - timedelta(hours=4)),),
    )
    await tell(desk.points.service, cared)  # now the cap of the day cuts what the certificate is about
    assert await look_at_grounds(desk.points.service.workshop) == 0, "which was served all the same"
    await correct(desk.points.service, desk.attended[0], 0)
    assert await look_at_grounds(desk.points.service.workshop) == 1
    explanation = (await desk.clerk.get(f"/v1/certificates/{issued['certificate_id']}/explanation")).json()
    assert (explanation["minutes"], explanation["minutes_now"]) == (720, 720)
    for text in (explanation["summary"], explanation["history"][-1]["text"]):
        assert "志愿活动 4 小时" in text
        assert "{" not in text


async def test_the_lines_behind_a_certificate_add_up_to_what_it_says_whatever_came_between(desk: Desk) -> None:
    """A cap, a long day that was approved, corrections before it was issued and after, and service outside of it."""
    points, (last, first) = desk.points.service, desk.attended
    day = last.started_at.replace(hour=0)
    cared = attendance(desk.person, 480, day - timedelta(hours=4))
    guessed = attendance(desk.person, 30, day + timedelta(hours=12), Evidence.ESTIMATED)
    for category, attended in ((ActivityCategory.CARE, cared), (ActivityCategory.GENERAL, guessed)):
        fields = {"activity_id": uuid.uuid4(), "community": COMMUNITY, "completed_at": desk.clock.now}
        await tell(points, ActivityCompleted(**fields, category=category, attendances=(attended,)))
    long_day = {"volunteer_id": str(desk.person), "day": local_day(day).isoformat(), "minutes_max": 700}
    desk.clock.now = datetime.now(UTC)  # when the service became known, too
    approved = await desk.clerk.post("/v1/long-days", json=long_day | {"reason": "emergency"})
    assert approved.status_code == 201, approved.text
    await correct(points, last, 400)
    of_the_day = await desk.issue(since=local_day(day).isoformat())
    whole = await desk.issue()
    assert (of_the_day["minutes"], whole["minutes"]) == (700, 940)
    at_issue = {"at": datetime.now(UTC).isoformat(), "as_known": "then"}

    # The approval is taken back, which takes from under both as much as a correction would; and given anew.
    desk.clock.now = datetime.now(UTC)
    path = f"/v1/long-days/{approved.json()['id']}"
    assert (await desk.clerk.post(f"{path}/withdrawal", json={"reason": "mistaken"})).status_code == 200
    assert await look_at_grounds(points.workshop) == 2
    (cause,) = (await desk.state(of_the_day))["corrected_by"]
    assert cause["event_id"] == (await desk.clerk.get(path)).json()["withdrawal_event_id"]
    assert cause["text"] == f"{local_day(desk.clock.now)} 撤回超时服务的批准，时长减少 3 小时 40 分钟。"
    since = await desk.explained(whole, at=at_issue["at"])
    assert (since["corrections_after"], since["served_after_minutes"]) == ([cause], 0)
    assert [flag["outcome"] for flag in (await desk.effects(cause))["flagged"]] == ["stands", "stands"]
    desk.clock.now = datetime.now(UTC)
    again = await desk.clerk.post("/v1/long-days", json=long_day | {"reason": "emergency"})
    assert (again.status_code, await look_at_grounds(points.workshop)) == (201, 2)
    assert [flag["outcome"] for flag in (await desk.effects(cause))["flagged"]] == ["lifted", "lifted"]

    await correct(points, first, 60)
    await correct(points, last.model_copy(update={"minutes": 400}), 0)

    for issued, now in ((of_the_day, 480), (whole, 540)):
        then, explained = await desk.explained(issued, **at_issue), await desk.explained(issued)
        assert (then["minutes"], then["minutes_now"]) == (issued["minutes"], issued["minutes"])
        assert (explained["minutes"], explained["minutes_now"]) == (issued["minutes"], now)
        assert {line["source"]["record_id"] for line in explained["items"]} == {
            str(one.record_id) for one in (last, cared, guessed, first) if issued is whole or one is not first
        }
        reasons = {line["reason"] for line in explained["items"]}
        assert reasons >= {"rate", "nothing", "day_cap", "long_day", "correction"}
        steps = [step["event_id"] for step in explained["history"]]
        assert steps == [str(row[0]) for row in await desk.points.rows(
            "SELECT event_id FROM events WHERE stream LIKE :stream ORDER BY version",
            stream=f"%{issued['certificate_id']}",
        )]  # fmt: skip
    own = desk.points.client("volunteer", subject=str(desk.person))
    account = (await own.get(f"/v1/accounts/{desk.person}/SERVICE_MINUTE/explanation")).json()
    assert explained["items"] == account["items"], "one and the same words"
    of_star = await own.get(f"/v1/stars/{desk.person}/explanation")
    assert of_star.json()["items"] == account["items"]
    assert sum(counted["minutes"] for counted in of_star.json()["counted"]) == 540
    for line in account["items"]:
        effects = (await own.get(f"/v1/events/{line['source']['event_id']}/effects")).json()["items"]
        assert line["amount"] == 0 or line["id"] in [effect["id"] for effect in effects]
    # A correction of what nobody has told of yet: its kind counts as none, and not as less than that.
    unknown = attendance(desk.person, 90, day)
    shorter = corrected(unknown, 30, category=ActivityCategory.PROFESSIONAL, corrected_at=datetime.now(UTC))
    await tell(points, shorter)
    assert (await desk.explained(whole))["items"] == account["items"]


async def test_one_that_is_borne_again_in_publicity_takes_effect_when_that_is_over(desk: Desk) -> None:
    workshop = desk.points.service.workshop
    issued = await desk.issue()
    await correct(desk.points.service, desk.attended[0], 100)
    assert await look_at_grounds(workshop) == 1
    await serve(desk.points.service, desk.person, 8, desk.clock.now - timedelta(days=40))
    assert await look_at_grounds(workshop) == 1
    await timers.fire_due(workshop, desk.clock)
    assert (await desk.state(issued))["stage"] == "public"
    desk.clock.pass_by(days=7)
    await timers.fire_due(workshop, desk.clock)
    assert (await desk.state(issued))["stage"] == "effective"


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
