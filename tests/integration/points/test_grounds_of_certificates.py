"""What a certificate rests on, when it is corrected, and what is told of it, over HTTP and on a real ledger."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.points.app import read_views
from services.points.certificates.api import timers
from services.points.certificates.watch import look_at_grounds, remind_of_flags
from shared.clock import local_day
from shared.contracts import Evidence
from shared.contracts.registry import ActivityCategory, ActivityCompleted
from shared.views import differing_read_tables
from tests.conftest import COMMUNITY
from tests.integration.points.certificate_desk import Desk, opened
from tests.integration.points.producing import attendance, corrected
from tests.integration.points.serving import correct, serve
from tests.integration.telling import tell


@pytest.fixture
async def desk(start: Any) -> Desk:
    return await opened(start)


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
