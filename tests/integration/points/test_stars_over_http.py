"""Stars from application to withdrawal, over HTTP and on a real ledger; what corrections do."""

import asyncio
import functools
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.points.app import build, read_views
from services.points.honours import HonourWatch
from services.points.settings import PointsSettings
from services.points.stars.api import timers
from services.points.stars.watch import flag_what_no_longer_holds, flag_what_was_served_badly, remind_of_what_waits
from shared.contracts.registry import AssessmentSide, PersonForgotten, ServiceAssessed, ServiceQuality
from shared.views import differing_read_tables
from tests.conftest import COMMUNITY, DISTRICT, FOREIGN
from tests.integration.office import StandingClock
from tests.integration.points.publishing import publish
from tests.integration.points.serving import correct, registration, serve
from tests.integration.points.test_leaderboards_over_http import died
from tests.integration.telling import tell
from tests.moments import now, today


@pytest.fixture
async def points(start: Any) -> Any:
    return await start(build, working=False, settings=PointsSettings)


async def ok(response: Any, status: int = 200) -> Any:
    answer = await response
    assert answer.status_code == status, answer.text
    return answer.json()


async def refused(response: Any, code: str, status: int = 409) -> Any:
    answer = await response
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert "{" not in answer.json()["detail"], answer.text
    return answer.json()


async def volunteer(points: Any, hours: int, community: str = COMMUNITY, since: datetime | None = None) -> uuid.UUID:
    person = uuid.uuid4()
    await tell(points.service, registration(person, since or now() - timedelta(days=900), community))
    if hours:
        await serve(points.service, person, hours, now(), community)
    return person


async def apply(points: Any, person: uuid.UUID, grade: int) -> str:
    answer = await ok(
        points.client().post("/v1/stars/applications", json={"volunteer_id": str(person), "grade": grade}), 201
    )
    return str(answer["application_id"])


async def granted(points: Any, person: uuid.UUID, grade: int, office: str = DISTRICT) -> str:
    """Applied for, assessed and granted."""
    application = await apply(points, person, grade)
    path = f"/v1/stars/applications/{application}"
    await ok(points.client(subject="clerk").post(f"{path}/assessment", json={"quality": "met"}))
    await ok(points.client("district", office, "officer").post(f"{path}/grant"))
    return application


async def test_a_star_is_applied_for_assessed_and_granted(points: Any) -> None:
    person = await volunteer(points, 120)
    own = points.client("volunteer", subject=str(person))
    before = await ok(own.get(f"/v1/stars/{person}"))
    assert (before["grade"], before["minutes"], before["next"]["can_apply"]) == (0, 7200, True)
    body = {"volunteer_id": str(person), "grade": 1}
    application = await ok(own.post("/v1/stars/applications", json=body), 201)
    assert (application["grade"], application["grade_held"], application["stage"]) == (1, 0, "applied")
    # Whoever applied takes it back, without the authority, and applies anew.
    path = f"/v1/stars/applications/{application['application_id']}/withdrawal"
    for stranger in (points.client("volunteer", subject=str(uuid.uuid4())), points.client(node=FOREIGN)):
        assert (await stranger.post(path)).status_code == 403
    await refused(own.post("/v1/stars/applications", json=body), "star_application_open")
    assert (await ok(own.post(path)))["stage"] == "declined"
    await refused(own.post(path), "star_application_not_open")
    history = (await ok(own.get(f"/v1/stars/{person}/explanation")))["history"]
    assert history[-1]["text"].startswith(f"{today()} 撤回一星的申请（")
    application = await ok(own.post("/v1/stars/applications", json=body), 201)
    path = f"/v1/stars/applications/{application['application_id']}"
    clerk, officer = points.client(subject="clerk"), points.client("district", DISTRICT, "officer")
    await refused(officer.post(f"{path}/grant"), "star_quality_not_assessed")
    await ok(clerk.post(f"{path}/assessment", json={"quality": "met"}))
    done = await ok(officer.post(f"{path}/grant"))
    assert (done["grade"], done["grade_held"], done["stage"]) == (1, 1, "granted")
    after = await ok(own.get(f"/v1/stars/{person}"))
    assert (after["grade"], after["flagged"], after["application"]) == (1, False, None)
    assert (after["next"]["grade"], after["next"]["missing_minutes"]) == (2, 180 * 60)
    assert after["next"]["text"] == "离二星还差 180 小时。"


async def test_an_application_says_at_once_what_is_missing(points: Any) -> None:
    person = await volunteer(points, 88)
    body = {"volunteer_id": str(person), "grade": 1}
    answer = await refused(points.client().post("/v1/stars/applications", json=body), "star_hours_short")
    assert "申请一星" in answer["detail"]
    assert "还差 12 小时。" in answer["detail"]
    unknown = {"volunteer_id": str(uuid.uuid4()), "grade": 1}
    await refused(points.client().post("/v1/stars/applications", json=unknown), "not_found", 404)


async def test_who_assessed_does_not_grant_and_the_office_must_be_high_enough(points: Any) -> None:
    person = await volunteer(points, 600)
    application = await apply(points, person, 3)
    path = f"/v1/stars/applications/{application}"
    both = points.client("district", "6202", "one-person")
    await ok(both.post(f"{path}/assessment", json={"quality": "met"}))
    await refused(both.post(f"{path}/grant"), "star_assessor_may_not_grant", 403)
    # As an assessment stands in the store that was read back after a restore: it may be anybody's.
    await ok(points.client(subject="recover").post(f"{path}/assessment", json={"quality": "met"}))
    await refused(points.client("district", "6202", "officer").post(f"{path}/grant"), "star_assessor_not_known")
    await ok(points.client(subject="clerk").post(f"{path}/assessment", json={"quality": "met"}))
    await refused(both.post(f"{path}/grant"), "star_assessor_may_not_grant", 403)
    low = points.client("district", DISTRICT, "officer")
    assert "市级" in (await refused(low.post(f"{path}/grant"), "star_authority_too_low", 403))["detail"]
    assert (await points.client().post(f"{path}/grant")).status_code == 403
    elsewhere = points.client("district", "6301", "officer")
    assert (await elsewhere.post(f"{path}/grant")).status_code == 403
    await ok(points.client("district", "6202", "officer").post(f"{path}/grant"))


async def test_nobody_of_the_office_decides_on_their_own_stars(points: Any) -> None:
    person = await volunteer(points, 600)
    path = f"/v1/stars/applications/{await apply(points, person, 3)}"
    clerk, officer = points.client(subject=str(person)), points.client("district", "6202", str(person))
    await refused(clerk.post(f"{path}/assessment", json={"quality": "met"}), "star_own_application")
    await ok(points.client(subject="clerk").post(f"{path}/assessment", json={"quality": "met"}))
    await refused(officer.post(f"{path}/grant"), "star_own_application")
    await ok(points.client("district", "6202", "officer").post(f"{path}/grant"))
    taken = officer.post(f"/v1/stars/{person}/withdrawal", json={"reason": "other"})
    await refused(taken, "star_own_application")


async def corrections_of(points: Any, person: uuid.UUID) -> list[str]:
    """The events that corrected somebody's record, the oldest first."""
    query = (
        "SELECT t.event_id FROM ledger.transfers AS t JOIN ledger.accounts AS a ON a.id = t.debit_account"
        " WHERE a.holder = :person AND t.unit = 3 AND t.clause = 2 ORDER BY t.recorded_at"
    )
    return [str(row[0]) for row in await points.rows(query, person=str(person))]


async def test_a_correction_flags_the_star_and_the_authority_decides(points: Any) -> None:
    person, other = await volunteer(points, 0), await volunteer(points, 104)
    attended = await serve(points.service, person, 104, now())
    for somebody in (person, other):
        await granted(points, somebody, 1)
    watch = HonourWatch(points.service.workshop, [flag_what_no_longer_holds], 60)
    assert await watch.look() == 0
    await correct(points.service, attended[0], 100)
    assert await watch.look() == 1
    assert await watch.look() == 0
    officer = points.client("district", DISTRICT, "officer")
    flagged = (await ok(officer.get("/v1/stars/applications?stage=flagged")))["items"]
    assert [(row["volunteer_id"], row["minutes"]) for row in flagged] == [(str(person), 104 * 60 - 380)]
    while_flagged = datetime.now(UTC)
    await correct(points.service, attended[2], 470)
    assert [await watch.look(), await watch.look()] == [1, 0], "what else is the cause now is told, once"
    first, second = await corrections_of(points, person)
    state = await ok(officer.get(f"/v1/stars/{person}"))
    causes = [(cause["event_id"], cause["minutes"]) for cause in state["corrected_by"]]
    assert causes == [(first, -380), (second, -10)]
    assert state["corrected_by"][0]["type"] == "liuling.registry.AttendanceCorrected.v1"
    assert state["corrected_by"][0]["text"] == f"{today()} 更正活动服务记录，时长减少 6 小时 20 分钟。"
    told = await points.rows(
        "SELECT data->'corrected_by' FROM events WHERE type LIKE '%StarFlagged.v1' ORDER BY position"
    )
    assert [[cause["event_id"] for cause in row[0]] for row in told] == [[first], [first, second]]
    (effect,) = (await ok(officer.get(f"/v1/events/{second}/effects")))["flagged"]
    assert (effect["application_id"], effect["outcome"]) == (flagged[0]["application_id"], "stands")
    assert "一星因此存疑" in effect["text"]
    then = {"at": while_flagged.isoformat(), "as_known": "then"}
    known_then = await ok(officer.get(f"/v1/stars/{person}/explanation", params=then))
    assert (known_then["grade"], known_then["flagged"], known_then["minutes"]) == (1, True, 104 * 60 - 380)
    assert [step["event"] for step in known_then["history"]][2:] == ["StarGranted", "StarFlagged"]
    assert [cause["event_id"] for cause in known_then["history"][3]["corrected_by"]] == [first]
    assert [cause["event_id"] for cause in known_then["corrections_after"]] == [second]
    assert "时为一星，待复核" in known_then["summary"]
    assert (await ok(officer.post(f"/v1/stars/{person}/confirmation"))) == {
        "volunteer_id": str(person), "grade": 1, "flagged": False,
    }  # fmt: skip
    assert await watch.look() == 0
    own = points.client("volunteer", subject=str(person))
    effects = [await ok(own.get(f"/v1/events/{event_id}/effects")) for event_id in (first, second)]
    assert [flag["outcome"] for told in effects for flag in told["flagged"]] == ["confirmed", "confirmed"]
    for stranger in (points.client(node=FOREIGN), points.client("volunteer", subject=str(other))):
        hidden = await ok(stranger.get(f"/v1/events/{first}/effects"))
        assert (hidden["items"], hidden["flagged"]) == ([], [])
    await correct(points.service, attended[1], 0)
    assert await watch.look() == 1
    third = (await corrections_of(points, person))[2]
    state = await ok(own.get(f"/v1/stars/applications/{flagged[0]['application_id']}"))
    assert [cause["event_id"] for cause in state["corrected_by"]] == [third], "the others were seen and confirmed"
    # The third was a mistake, too: whoever decides is told, and the flag blames nobody any more.
    await correct(points.service, attended[1].model_copy(update={"minutes": 0}), 480)
    assert [await watch.look(), await watch.look()] == [1, 0]
    state = await ok(own.get(f"/v1/stars/{person}"))
    assert (state["grade"], state["flagged"], state["corrected_by"]) == (1, True, [])
    assert [flag["outcome"] for flag in (await ok(own.get(f"/v1/events/{third}/effects")))["flagged"]] == [
        "borne_again"
    ]
    borne = (await ok(own.get(f"/v1/stars/{person}/explanation")))["summary"]
    assert "仍待复核：曾因更正时长不足，现已确认 97 小时 30 分钟，重新达到所需的 97 小时 30 分钟，" in borne
    gone = await ok(officer.post(f"/v1/stars/{person}/withdrawal", json={"reason": "hours_corrected"}))
    assert gone["grade"] == 0
    history = await ok(points.client().get(f"/v1/stars/{person}/explanation"))
    assert "撤销一星" in history["history"][-1]["text"]
    assert "此后没有星级" in history["history"][-1]["text"]
    explanation = await ok(points.client("volunteer", subject=str(person)).get(f"/v1/stars/{person}/explanation"))
    assert [step["event"] for step in explanation["history"]] == [
        "StarApplied", "StarQualityAssessed", "StarGranted", "StarFlagged", "StarFlagged", "StarConfirmed",
        "StarFlagged", "StarBorneAgain", "StarWithdrawn",
    ]  # fmt: skip
    assert "由 104 小时 变为 97 小时 40 分钟" in explanation["history"][3]["text"]
    assert "一星重新达到所需的 97 小时 30 分钟" in explanation["history"][7]["text"]
    assert all("{" not in step["text"] for step in explanation["history"])


async def test_the_review_comes_after_a_year_and_keeps_or_flags(start: Any) -> None:
    clock = StandingClock()
    clock.now = now()
    points = await start(lambda settings: build(settings, clock), working=False, settings=PointsSettings)
    person = await volunteer(points, 0)
    attended = await serve(points.service, person, 104, now())
    watch = HonourWatch(points.service.workshop, [functools.partial(remind_of_what_waits, within_days=14)], 60)
    slow = await volunteer(points, 104)
    path = f"/v1/stars/applications/{await apply(points, slow, 1)}"
    clock.pass_by(days=14)
    assert [await watch.look(), await watch.look()] == [1, 0]
    (waits,) = (await ok(points.client().get("/v1/stars/applications?undecided=true")))["items"]
    assert (waits["volunteer_id"], waits["stage"], waits["reminders"]) == (str(slow), "applied", 1)
    said = (await ok(points.client().get(f"/v1/stars/{slow}/explanation")))["history"][-1]["text"]
    assert "第 1 次催办：一星的申请自" in said
    assert (await ok(points.client().post(f"{path}/withdrawal")))["stage"] == "declined"
    await granted(points, person, 1)
    for hours_hold in (True, False):
        if not hours_hold:
            await correct(points.service, attended[0], 0)
        clock.pass_by(days=364)
        assert await timers.fire_due(points.service.workshop, clock) == 0
        clock.pass_by(days=2)
        assert await timers.fire_due(points.service.workshop, clock) == 1
    state = await ok(points.client().get(f"/v1/stars/{person}"))
    assert (state["grade"], state["flagged"]) == (1, True)
    assert [cause["minutes"] for cause in state["corrected_by"]] == [-480]
    clock.pass_by(days=13)
    assert await watch.look() == 0
    clock.pass_by(days=1)
    assert [await watch.look(), await watch.look()] == [1, 0]
    undecided = (await ok(points.client().get("/v1/stars/applications?undecided=true")))["items"]
    assert [(one["volunteer_id"], one["reminders"]) for one in undecided] == [(str(person), 1)]
    history = (await ok(points.client().get(f"/v1/stars/{person}/explanation")))["history"]
    assert "第 1 次催办" in history[-1]["text"]
    async with points.service.database.reading() as connection:
        assert (await differing_read_tables(connection, read_views))[1] == []
    kept = await points.rows("SELECT data->>'kept' FROM events WHERE type LIKE '%StarReviewed%' ORDER BY position")
    assert [row[0] for row in kept] == ["true", "false"]


async def test_candidates_reached_a_grade_and_have_not_applied(points: Any) -> None:
    one, three = await volunteer(points, 100), await volunteer(points, 640)
    applied, held, forgotten = await volunteer(points, 120), await volunteer(points, 120), await volunteer(points, 120)
    await volunteer(points, 99)
    await died(points, str(await volunteer(points, 120)))
    await volunteer(points, 300, FOREIGN)
    await apply(points, applied, 1)
    await granted(points, held, 1)
    path = f"/v1/stars/applications/{await apply(points, forgotten, 1)}"
    await ok(points.client(subject="clerk").post(f"{path}/assessment", json={"quality": "met"}))
    await tell(points.service, PersonForgotten(volunteer_id=forgotten, community=COMMUNITY))
    officer = points.client("district", DISTRICT, "officer")
    await refused(officer.post(f"{path}/grant"), "star_person_forgotten")
    await ok(officer.post(f"{path}/decline", json={"reason": "other"}))
    found = await ok(points.client().get(f"/v1/stars/candidates?community={COMMUNITY}&limit=1"))
    more = await ok(points.client().get(
        f"/v1/stars/candidates?community={COMMUNITY}&cursor={found['next_cursor']}"
    ))  # fmt: skip
    reached = {row["volunteer_id"]: row["grade_reached"] for row in [*found["items"], *more["items"]]}
    assert reached == {str(one): 1, str(three): 3}


async def test_a_policy_of_a_small_community_holds_there(points: Any) -> None:
    """Three months of membership and ten hours, in force from tomorrow: today the national default still holds."""
    person = await volunteer(points, 16, since=now() - timedelta(days=20))
    await refused(
        points.client().post("/v1/stars/applications", json={"volunteer_id": str(person), "grade": 1}),
        "star_hours_short",
    )
    document = {
        "title": {"zh": "小社区星级办法", "en": "Stars of a small community"},
        "stars": {"minutes": [600, 1200, 1800, 2400, 3000], "membership_months_min": 3},
    }
    tomorrow = (today() + timedelta(days=2)).isoformat()
    await publish(points.client("district", DISTRICT), COMMUNITY, tomorrow, document)
    from services.points.policy.in_force import PoliciesInForce
    from services.points.stars.standing import requirement

    async with points.service.database.reading() as connection:
        await connection.exec_driver_sql("SELECT 1")
        terms = await PoliciesInForce().terms(connection, COMMUNITY, today() + timedelta(days=2))
    asked = requirement(terms, 1)
    assert (asked.minutes, asked.months_min, asked.policy_version) == (600, 3, 2)


async def test_an_explanation_tells_hours_ground_and_who_decided_in_both_languages(points: Any) -> None:
    person = await volunteer(points, 120)
    await granted(points, person, 1)
    client = points.client("volunteer", subject=str(person))
    zh = await ok(client.get(f"/v1/stars/{person}/explanation"))
    en = await ok(client.get(f"/v1/stars/{person}/explanation", headers={"accept-language": "en"}))
    assert zh["summary"].startswith("现为一星")
    assert "120 h" in en["summary"]
    assert zh["ground"]["policy_version"] == 1
    assert zh["ground"]["policy_title"] != en["ground"]["policy_title"]
    assert sum(year["minutes"] for year in zh["years"]) == 7200
    assert {kind["kind"] for year in zh["years"] for kind in year["kinds"]} == {"activity.general"}
    assert zh["history"][2]["office"] == DISTRICT
    assert "officer" not in str(zh)
    for step in zh["history"]:
        assert (await ok(client.get(f"/v1/events/{step['event_id']}")))["state"] == "own"
    assert sum(line["amount"] for line in zh["items"]) == zh["items"][0]["balance_after"] == 7200
    assert zh["items"] == (await ok(client.get(f"/v1/accounts/{person}/SERVICE_MINUTE/explanation")))["items"]
    path = f"/v1/stars/{await volunteer(points, 0)}/explanation"
    nobody = await ok(points.client().get(path))
    assert (nobody["items"], nobody["next_cursor"]) == ([], None)
    await refused(points.client().get(path, params={"cursor": "x"}), "cursor_invalid", 400)
    (counted,) = zh["counted"]
    assert (counted["reason"], counted["minutes"], counted["lines"]) == ("rate", 7200, 15)
    assert [ground["place"] for ground in counted["grounds"]] == ["/evidence/scanned"]
    assert counted["text"] == "参加服务 +120 小时。依据《全国默认积分办法》（第 1 版）。"
    assert (zh["ground"]["place"], zh["known_at"], zh["corrections_after"]) == ("/stars/minutes", None, [])
    for as_known, minutes in (("then", 0), ("now", 7200)):
        asked = {"at": (now() - timedelta(hours=1)).isoformat(), "as_known": as_known}
        before = await ok(client.get(f"/v1/stars/{person}/explanation", params=asked))
        assert (before["grade"], before["minutes"], before["ground"], before["history"]) == (0, minutes, None, [])
        assert "还没有申请过星级" in before["summary"]
        assert before["served_after_minutes"] == 7200
        assert sum(line["amount"] for line in before["items"]) == minutes
    for bad in ({"at": "yesterday"}, {"as_known": "never"}):
        assert (await client.get(f"/v1/stars/{person}/explanation", params=bad)).status_code == 422
    stranger = points.client("volunteer", subject=str(uuid.uuid4()))
    assert (await stranger.get(f"/v1/stars/{person}/explanation")).status_code == 403
    assert (await points.client(node=FOREIGN).get(f"/v1/stars/{person}/explanation")).status_code == 403


async def test_two_applications_in_the_same_moment_are_one(points: Any) -> None:
    person = await volunteer(points, 400)
    answers = await asyncio.gather(
        *(
            points.client().post("/v1/stars/applications", json={"volunteer_id": str(person), "grade": grade})
            for grade in (1, 2, 1, 2)
        )
    )
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]


def said(attended: Any, person: uuid.UUID, side: str, quality: str) -> ServiceAssessed:
    return ServiceAssessed(
        activity_id=uuid.uuid4(),
        community=COMMUNITY,
        record_id=attended.record_id,
        volunteer_id=person,
        side=AssessmentSide(side),
        quality=ServiceQuality(quality),
        assessed_by=uuid.uuid4(),
        assessed_at=now(),
    )


async def test_the_share_of_assessed_and_of_good_service_is_shown_and_asked_for(points: Any) -> None:
    person = await volunteer(points, 0)
    attended = await serve(points.service, person, 160, now())  # twenty days of eight hours
    own = points.client("volunteer", subject=str(person))
    before = await ok(own.get(f"/v1/stars/{person}"))
    assert (before["assessments"]["records"], before["assessments"]["assessed"]) == (20, 0)
    assert before["assessments"]["reached"] is before["next"]["can_apply"] is True
    async with points.service.database.transaction() as connection:
        await connection.exec_driver_sql(
            "UPDATE policies SET document = jsonb_set(document, '{assessments}',"
            """ '{"assessed_percent_min": 15, "good_percent_min": 60}'), policy_version = policy_version + 1"""
        )
    short = await ok(own.get(f"/v1/stars/{person}"))
    assert (short["next"]["can_apply"], short["assessments"]["assessed_percent_min"]) == (False, 15)
    assert "15%" in short["next"]["text"]
    body = {"volunteer_id": str(person), "grade": 1}
    await refused(own.post("/v1/stars/applications", json=body), "star_assessments_short")
    one, two, three, four = attended[:4]
    await tell(points.service, said(one, person, "organiser", "poor"), said(two, person, "organiser", "good"))
    await tell(points.service, said(three, person, "organiser", "good"), said(three, person, "beneficiary", "fair"))
    await tell(points.service, said(one, person, "organiser", "good"), said(four, person, "organiser", "poor"))
    await correct(points.service, four, 0)  # what was said of it goes with the record
    shown = (await ok(own.get(f"/v1/stars/{person}")))["assessments"]
    assert (shown["records"], shown["assessed"], shown["assessed_percent"]) == (19, 3, 15)
    assert (shown["good"], shown["fair"], shown["poor"], shown["good_percent"]) == (3, 1, 0, 75)
    assert shown["reached"] is True
    application = await ok(own.post("/v1/stars/applications", json=body), 201)
    path = f"/v1/stars/applications/{application['application_id']}"
    await ok(points.client(subject="clerk").post(f"{path}/assessment", json={"quality": "met"}))
    officer = points.client("district", DISTRICT, subject="officer")
    for side, quality in (("beneficiary", "poor"), ("organiser", "poor")):
        await tell(points.service, said(one, person, side, quality))
    await refused(officer.post(f"{path}/grant"), "star_assessments_short")
    await tell(points.service, said(one, person, "organiser", "good"), said(three, person, "beneficiary", "good"))
    await ok(officer.post(f"{path}/grant"))
    event = await points.value("SELECT data FROM events WHERE type = 'liuling.points.StarApplied.v1'")
    assert (event["assessed_percent"], event["good_percent"]) == (15, 75)

    # What was good turns out not to be: the star is flagged once, with the reason; the authority lets it stand.
    watch = HonourWatch(points.service.workshop, [flag_what_was_served_badly], 60)
    assert await watch.look() == 0
    await tell(points.service, said(two, person, "organiser", "poor"), said(three, person, "beneficiary", "fair"))
    assert (await watch.look(), await watch.look()) == (1, 0)
    told = await ok(own.get(f"/v1/stars/{person}/explanation"))
    assert "好评占 40%（要求 60%）" in told["summary"]
    assert "一星存疑：服务评价未达要求，好评占 40%（要求 60%），" in told["history"][-1]["text"]
    # Hours go and come back meanwhile; what is said of the service is as bad as before, and decided on.
    hours = HonourWatch(points.service.workshop, [flag_what_no_longer_holds], 60)
    for before, minutes, summary in (
        (480, 0, "更正后只有 96 小时；服务评价也未达要求，好评占 40%"),
        (0, 480, "好评占 40%（要求 60%）"),
    ):
        for record in attended[4:11]:
            await correct(points.service, record.model_copy(update={"minutes": before}), minutes)
        assert (await hours.look(), await hours.look(), await watch.look()) == (1, 0, 0)
        told = await ok(own.get(f"/v1/stars/{person}/explanation"))
        assert summary in told["summary"]
    assert [step["event"] for step in told["history"]][3:] == ["StarFlagged"] * 3
    taken = (await corrections_of(points, person))[1]
    assert [flag["outcome"] for flag in (await ok(own.get(f"/v1/events/{taken}/effects")))["flagged"]] == [
        "borne_again"
    ]
    await ok(officer.post(f"/v1/stars/{person}/confirmation"))
    assert await watch.look() == 0
