"""Activities from publication to correction, over HTTP and a real database."""

import asyncio
from typing import Any

from tests.conftest import FOREIGN
from tests.integration.registry.conftest import Registry


async def test_an_activity_runs_from_publication_to_completion(registry: Registry) -> None:
    anna, bo = await registry.volunteer(1), await registry.volunteer(2)
    activity = await registry.activity(places=5)
    path = f"/v1/activities/{activity['id']}"
    await registry.post(f"{path}/sign-ups", volunteer=anna["number"], signed_up_at=registry.at(-4))
    await registry.post(f"{path}/check-ins", volunteers=[anna["number"], bo["id"]], checked_in_at=registry.at(-3))
    state = await registry.post(f"{path}/check-outs", volunteers=[anna["id"]], checked_out_at=registry.at(-1.5))
    assert (state["attended_count"], state["open_count"]) == (2, 1)
    await registry.post(f"{path}/completion")
    shown = await registry.ok(registry.clerk.get(path))
    assert (shown["stage"], shown["attended_count"], shown["confirmed_minutes"]) == ("completed", 2, 90 + 120)
    people = await registry.ok(registry.clerk.get(f"{path}/participants", params={"names": True}))
    by_id = {item["volunteer_id"]: item for item in people["items"]}
    assert by_id[bo["id"]]["closed_at_planned_end"] is True
    assert by_id[anna["id"]]["minutes"] == 90
    assert by_id[anna["id"]]["name"] == "样*甲"
    await registry.refused(registry.clerk.post(f"{path}/completion", json={}), 409, "activity_completed")
    told = "SELECT data FROM events WHERE type = 'liuling.registry.ActivityCompleted.v1'"
    completed = await registry.running.value(told)
    assert len(completed["confirmed_by"]) == 36  # an opaque id, and nobody's name
    # The check-ins were entered hours after they happened.
    assert {one["entered_at"][:16] for one in completed["attendances"]} == {f"{registry.clock.now:%Y-%m-%dT%H:%M}"}


async def test_a_service_is_assessed_by_the_organiser_and_as_the_beneficiary_said(registry: Registry) -> None:
    anna, bo = await registry.volunteer(1), await registry.volunteer(2)
    activity = await registry.activity()
    path = f"/v1/activities/{activity['id']}"
    body = {"volunteer": anna["number"], "side": "organiser", "quality": "good"}
    await registry.post(f"{path}/attendances", entries=[{"volunteer": anna["id"], "minutes": 60}])
    await registry.refused(registry.clerk.post(f"{path}/assessments", json=body), 409, "activity_not_completed")
    await registry.post(f"{path}/completion")
    await registry.post(f"{path}/assessments", **body)
    await registry.post(f"{path}/assessments", **body)
    await registry.post(f"{path}/assessments", **{**body, "side": "beneficiary", "quality": "poor"})
    own = registry.client("team_leader", subject=anna["id"])
    await registry.refused(own.post(f"{path}/assessments", json=body), 403, "own_service_assessed")
    nobody = {**body, "volunteer": bo["id"]}
    await registry.refused(registry.clerk.post(f"{path}/assessments", json=nobody), 404, "no_such_record")
    await registry.refused(
        registry.clerk.post(f"{path}/assessments", json={**body, "side": "x"}), 422, "validation_failed"
    )
    foreign = registry.client("community", FOREIGN)
    await registry.refused(foreign.post(f"{path}/assessments", json=body), 403, "outside_your_node")
    asked = {**body, "side": "beneficiary"}
    await registry.refused(own.post(f"{path}/assessments", json=asked), 403, "beneficiary_asked_by_office")
    told = "SELECT data->>'side', data->>'quality' FROM events WHERE type LIKE :assessed ORDER BY position"
    rows = await registry.running.rows(told, assessed="%ServiceAssessed%")
    assert [tuple(row) for row in rows] == [("organiser", "good"), ("beneficiary", "poor")]


async def test_assessments_are_listed_by_activity_and_by_volunteer_for_those_who_may_see_them(
    registry: Registry,
) -> None:
    people = [await registry.volunteer(number) for number in (1, 2)]
    paths = []
    for hours in (-9, -4):
        activity = await registry.activity(hours, 3)
        paths.append(path := f"/v1/activities/{activity['id']}")
        entries = [{"volunteer": person["id"], "minutes": 60} for person in people]
        await registry.post(f"{path}/attendances", entries=entries)
        await registry.post(f"{path}/completion")
        for person in people:
            for quality in ("poor", "good"):
                await registry.post(f"{path}/assessments", volunteer=person["id"], side="organiser", quality=quality)
        await registry.post(f"{path}/assessments", volunteer=people[0]["id"], side="beneficiary", quality="fair")
    first = await registry.ok(registry.clerk.get(f"{paths[0]}/assessments", params={"limit": 2}))
    rest = await registry.ok(
        registry.clerk.get(f"{paths[0]}/assessments", params={"limit": 2, "cursor": first["next_cursor"]})
    )
    assert rest["next_cursor"] is None
    of_activity = first["items"] + rest["items"]
    assert sorted((one["side"], one["quality"]) for one in of_activity) == [
        ("beneficiary", "fair"), ("organiser", "good"), ("organiser", "good"),
    ]  # fmt: skip
    assert {one["minutes"] for one in of_activity} == {60}

    theirs = f"/v1/volunteers/{people[0]['id']}/assessments"
    listed = (await registry.ok(registry.clerk.get(theirs)))["items"]
    activities = [path.rsplit("/", 1)[1] for path in paths]
    assert [(one["activity_id"], one["side"]) for one in listed] == [
        (activity, side) for activity in reversed(activities) for side in ("organiser", "beneficiary")
    ]
    page = await registry.ok(registry.clerk.get(theirs, params={"limit": 3}))
    page = await registry.ok(registry.clerk.get(theirs, params={"limit": 3, "cursor": page["next_cursor"]}))
    assert (page["items"], page["next_cursor"]) == (listed[3:], None)

    leader = registry.client("team_leader")
    for path in (f"{paths[0]}/assessments", theirs):
        assert {one["side"] for one in (await registry.ok(leader.get(path)))["items"]} == {"organiser"}
        own = registry.client("volunteer", subject=people[0]["id"])
        await registry.refused(own.get(path), 403, "role_not_allowed")
        await registry.refused(registry.client("community", FOREIGN).get(path), 403, "outside_your_node")
    await registry.refused(registry.clerk.get(f"/v1/activities/{people[0]['id']}/assessments"), 404, "not_found")
    assert await registry.running.value("SELECT count(*) FROM assessments") == 6


async def test_nobody_is_at_two_activities_at_once(registry: Registry) -> None:
    anna = await registry.volunteer(1)
    first, second = await registry.activity(-6, 4), await registry.activity(-4, 3)

    def check_in(activity: Any, hours: float) -> Any:
        return registry.clerk.post(
            f"/v1/activities/{activity['id']}/check-ins",
            json={"volunteers": [anna["id"]], "checked_in_at": registry.at(hours)},
        )

    await registry.ok(check_in(first, -6))
    told = await registry.refused(check_in(second, -4), 409, "already_serving")
    assert anna["number"] in told["detail"]
    assert anna["id"] not in told["detail"]
    # Leaving the first one early frees the rest of its time.
    await registry.post(
        f"/v1/activities/{first['id']}/check-outs", volunteers=[anna["id"]], checked_out_at=registry.at(-4.5)
    )
    await registry.ok(check_in(second, -4))
    # Overrunning into the second one is refused; a correction that reaches into it as well.
    third = await registry.activity(-10, 4)
    entry = {"volunteer": anna["id"], "checked_in_at": registry.at(-10), "checked_out_at": registry.at(-5.5)}
    await registry.refused(
        registry.clerk.post(f"/v1/activities/{third['id']}/attendances", json={"entries": [entry]}),
        409,
        "already_serving",
    )
    await registry.post(f"/v1/activities/{first['id']}/completion")
    correction = {"volunteer": anna["id"], "minutes": 180, "evidence": "scanned", "reason": "wrong_time"}
    await registry.refused(
        registry.clerk.post(f"/v1/activities/{first['id']}/corrections", json=correction), 409, "already_serving"
    )
    # A void record binds nobody.
    await registry.post(f"/v1/activities/{first['id']}/corrections", **{**correction, "minutes": 0})
    await registry.post(
        f"/v1/activities/{third['id']}/attendances",
        entries=[{**entry, "checked_in_at": registry.at(-6.5)}],
    )


async def test_of_two_concurrent_claims_on_a_person_one_is_refused(registry: Registry) -> None:
    people = [await registry.volunteer(n) for n in range(1, 6)]
    activities = [await registry.activity(-3, 2) for _ in range(4)]

    def entries(activity: Any, order: int) -> Any:
        listed = people if order % 2 else list(reversed(people))
        return registry.clerk.post(
            f"/v1/activities/{activity['id']}/attendances",
            json={
                "entries": [
                    {"volunteer": p["id"], "checked_in_at": registry.at(-3), "checked_out_at": registry.at(-2)}
                    for p in listed
                ]
            },
        )

    answers = await asyncio.gather(*(entries(activity, n) for n, activity in enumerate(activities)))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409]
    assert await registry.running.value("SELECT count(*) FROM engagements") == 5


async def test_leaving_one_activity_and_entering_the_next_in_one_list_is_no_overlap(registry: Registry) -> None:
    anna = await registry.volunteer(1)
    first, second = await registry.activity(-6, 4), await registry.activity(-4, 3)
    for activity, start, end in ((second, -4, -3), (first, -6, -4.2)):
        await registry.post(
            f"/v1/activities/{activity['id']}/attendances",
            entries=[
                {"volunteer": anna["id"], "checked_in_at": registry.at(start), "checked_out_at": registry.at(end)}
            ],
        )


async def test_places_run_out_and_come_free(registry: Registry) -> None:
    anna, bo, cleo = [await registry.volunteer(n) for n in (1, 2, 3)]
    activity = await registry.activity(5, 2, places=2)
    path = f"/v1/activities/{activity['id']}"
    for who in (anna, bo):
        await registry.ok(registry.client("volunteer", subject=who["id"]).post(f"{path}/sign-ups", json={}))
    post = registry.clerk.post
    await registry.refused(post(f"{path}/sign-ups", json={"volunteer": cleo["id"]}), 409, "activity_full")
    await registry.refused(post(f"{path}/sign-ups", json={"volunteer": bo["id"]}), 409, "already_signed_up")
    await registry.refused(post(f"{path}/sign-ups", json={}), 422, "volunteer_not_named")
    await registry.post(f"{path}/sign-up-withdrawals", volunteer=bo["number"])
    state = await registry.post(f"{path}/sign-ups", volunteer=cleo["number"])
    assert state["signed_up_count"] == 2
    other = await registry.activity(6, 2)
    sign_up = {"volunteer": anna["id"]}
    await registry.refused(post(f"/v1/activities/{other['id']}/sign-ups", json=sign_up), 409, "already_booked")
    await registry.post(f"{path}/cancellation", reason="weather")
    await registry.post(f"/v1/activities/{other['id']}/sign-ups", **sign_up)
    await registry.refused(post(f"{path}/check-ins", json={"volunteers": [anna["id"]]}), 409, "activity_cancelled")


async def test_many_sign_up_at_once_for_the_last_places(registry: Registry) -> None:
    people = [await registry.volunteer(n) for n in range(1, 9)]
    activity = await registry.activity(5, 2, places=3)
    answers = await asyncio.gather(
        *(registry.clerk.post(f"/v1/activities/{activity['id']}/sign-ups", json={"volunteer": p["id"]}) for p in people)
    )
    accepted = [answer.status_code for answer in answers].count(200)
    assert {answer.status_code for answer in answers} <= {200, 409, 503}
    assert accepted == 3


async def test_volunteers_sign_up_nobody_else_and_see_nobody_else(registry: Registry) -> None:
    anna, bo = await registry.volunteer(1), await registry.volunteer(2)
    activity = await registry.activity()
    path = f"/v1/activities/{activity['id']}"
    me = registry.client("volunteer", subject=anna["id"])
    await registry.refused(me.post(f"{path}/sign-ups", json={"volunteer": bo["number"]}), 403, "outside_your_node")
    await registry.ok(me.post(f"{path}/sign-ups", json={"signed_up_at": registry.at(-5)}))
    await registry.post(f"{path}/check-ins", volunteers=[anna["id"], bo["id"]], checked_in_at=registry.at(-2.5))
    shown = await registry.ok(me.get(path))
    assert shown["mine"]["volunteer_id"] == anna["id"]
    assert bo["id"] not in str(shown)
    assert bo["number"] not in str(shown)
    await registry.refused(me.get(f"{path}/participants"), 403, "role_not_allowed")
    await registry.refused(me.post(f"{path}/completion", json={}), 403, "role_not_allowed")
    auditor = await registry.ok(registry.client("auditor").get(f"{path}/participants", params={"names": True}))
    assert [item["name"] for item in auditor["items"]] == [None, None]


async def test_nothing_is_dated_in_the_future_or_too_far_back(registry: Registry) -> None:
    anna = await registry.volunteer(1)
    post = registry.clerk.post
    body = {"community": "620201001004", "title": "样例", "planned_start": registry.at(-24 * 8)}
    await registry.refused(
        post("/v1/activities", json={**body, "planned_end": registry.at(-24 * 8 + 1)}), 422, "dated_too_far_back"
    )
    await registry.refused(
        post("/v1/activities", json={**body, "planned_end": registry.at(-24 * 9)}), 422, "activity_ends_before_start"
    )
    await registry.refused(
        post("/v1/activities", json={**body, "planned_end": registry.at(-24 * 6)}), 422, "activity_too_long"
    )
    activity = await registry.activity(-1, 3)
    path = f"/v1/activities/{activity['id']}"

    def at(hours: float) -> Any:
        return post(f"{path}/check-ins", json={"volunteers": [anna["id"]], "checked_in_at": registry.at(hours)})

    await registry.refused(at(0.1), 422, "dated_in_future")
    await registry.refused(at(-3.5), 422, "outside_activity")
    await registry.ok(at(-0.5))
    await registry.refused(post(f"{path}/completion", json={}), 409, "still_checked_in")
    registry.clock.pass_by(days=7, hours=1)
    late = {"volunteers": [anna["id"]], "checked_out_at": registry.at(-24 * 7 - 1.2)}
    await registry.refused(post(f"{path}/check-outs", json=late), 422, "dated_too_far_back")
    backfill = {"entries": [{"volunteer": anna["id"], "minutes": 30}]}
    await registry.refused(post(f"{path}/attendances", json=backfill), 409, "already_attended")
    await registry.ok(post(f"{path}/completion", json={}))


async def test_five_hundred_attendances_go_in_by_one_request(registry: Registry) -> None:
    people = [await registry.volunteer(n) for n in range(1, 31)]
    activity = await registry.activity()
    path = f"/v1/activities/{activity['id']}"
    entries = [
        {"volunteer": p["number"], "checked_in_at": registry.at(-3), "checked_out_at": registry.at(-2)}
        for p in people[:20]
    ] + [{"volunteer": p["id"], "minutes": 45} for p in people[20:]]
    state = await registry.post(f"{path}/attendances", entries=entries)
    assert (state["attended_count"], state["open_count"]) == (30, 0)
    await registry.refused(
        registry.clerk.post(f"{path}/attendances", json={"entries": entries[:1] * 501}), 422, "validation_failed"
    )
    await registry.post(f"{path}/completion")
    hours = await registry.ok(registry.clerk.get(f"/v1/volunteers/{people[25]['id']}/hours"))
    assert (hours["scanned_minutes"], hours["backfilled_minutes"], hours["activities_count"]) == (0, 45, 1)


async def test_one_wrong_entry_leaves_the_whole_list_out(registry: Registry) -> None:
    anna, bo = await registry.volunteer(1), await registry.volunteer(2)
    activity = await registry.activity(-30)
    path = f"/v1/activities/{activity['id']}"
    entries = [{"volunteer": anna["id"], "minutes": 60}, {"volunteer": bo["id"], "minutes": 900}]
    await registry.refused(
        registry.clerk.post(f"{path}/attendances", json={"entries": entries}), 422, "outside_activity"
    )
    await registry.refused(
        registry.clerk.post(f"{path}/attendances", json={"entries": entries[:1] * 2}), 409, "already_attended"
    )
    assert (await registry.ok(registry.clerk.get(path)))["attended_count"] == 0
    assert await registry.running.value("SELECT count(*) FROM engagements") == 0


async def test_corrections_change_what_counts_and_keep_both_sides(registry: Registry) -> None:
    anna, bo = await registry.volunteer(1), await registry.volunteer(2)
    activity = await registry.activity(-30)
    path = f"/v1/activities/{activity['id']}"
    await registry.post(f"{path}/attendances", entries=[{"volunteer": anna["id"], "minutes": 60}])
    post = registry.clerk.post
    change = {"volunteer": anna["id"], "minutes": 90, "evidence": "backfilled", "reason": "wrong_time"}
    await registry.refused(post(f"{path}/corrections", json=change), 409, "activity_not_completed")
    await registry.post(f"{path}/completion")
    await registry.post(f"{path}/corrections", **change)
    await registry.refused(post(f"{path}/corrections", json=change), 409, "nothing_to_correct")
    await registry.refused(
        post(f"{path}/corrections", json={**change, "evidence": "scanned"}), 422, "scanned_needs_evidence"
    )
    await registry.refused(post(f"{path}/corrections", json={**change, "minutes": 600}), 422, "outside_activity")
    missing = {**change, "volunteer": bo["number"], "minutes": 30, "reason": "evidence_added"}
    await registry.refused(post(f"{path}/corrections", json=missing), 404, "no_such_record")
    await registry.post(f"{path}/corrections", **missing, started_at=registry.at(-30))
    await registry.post(f"{path}/corrections", **{**change, "minutes": 0, "reason": "not_present"})
    shown = await registry.ok(registry.clerk.get(path))
    assert (shown["attended_count"], shown["confirmed_minutes"]) == (1, 30)
    events = await registry.running.rows(
        "SELECT (data->>'minutes_before')::int, (data->>'minutes')::int, (data->>'revision')::int FROM events"
        " WHERE type LIKE '%AttendanceCorrected%' ORDER BY position"
    )
    assert [tuple(row) for row in events] == [(60, 90, 1), (0, 30, 1), (90, 0, 2)]


async def test_a_forgotten_person_is_left_out_of_the_completion(registry: Registry) -> None:
    anna, bo = await registry.volunteer(1), await registry.volunteer(2)
    activity = await registry.activity()
    path = f"/v1/activities/{activity['id']}"
    await registry.post(f"{path}/check-ins", volunteers=[anna["id"], bo["id"]], checked_in_at=registry.at(-3))
    await registry.post(f"/v1/volunteers/{anna['id']}/forgetting")
    await registry.post(f"{path}/completion")
    assert (await registry.ok(registry.clerk.get(path)))["attended_count"] == 1


async def test_my_hours_page_from_the_latest(registry: Registry) -> None:
    anna = await registry.volunteer(1)
    for start in (-50, -40, -30):
        activity = await registry.activity(start, 2)
        await registry.post(
            f"/v1/activities/{activity['id']}/attendances", entries=[{"volunteer": anna["id"], "minutes": 60}]
        )
    await registry.post(f"/v1/activities/{activity['id']}/completion")
    me = registry.client("volunteer", subject=anna["id"])
    path = f"/v1/volunteers/{anna['id']}/attendances"
    first = await registry.ok(me.get(path, params={"limit": 2}))
    rest = await registry.ok(me.get(path, params={"limit": 2, "cursor": first["next_cursor"]}))
    starts = [item["started_at"] for item in first["items"] + rest["items"]]
    assert starts == sorted(starts, reverse=True)
    assert len(starts) == 3
    assert rest["next_cursor"] is None
    assert len((await registry.ok(me.get(path, params={"confirmed": True})))["items"]) == 1


async def test_activities_are_listed_by_month_stage_and_team(registry: Registry) -> None:
    team = await registry.team()
    first = await registry.activity(-2, 1, team_id=team["id"])
    second = await registry.activity(24 * 20, 1)
    await registry.post(f"/v1/activities/{second['id']}/cancellation", reason="too_few")

    async def listed(**params: Any) -> list[str]:
        page = await registry.ok(registry.clerk.get("/v1/activities", params=params))
        return [item["id"] for item in page["items"]]

    assert await listed() == [second["id"], first["id"]]
    assert await listed(month="2026-03") == [first["id"]]
    assert await listed(month="2026-04") == [second["id"]]
    assert await listed(stage="cancelled") == [second["id"]]
    assert await listed(team_id=team["id"]) == [first["id"]]
    assert await listed(node="620201001004", category="environment") == [second["id"], first["id"]]
    district = registry.client("district", "620201")
    assert len((await registry.ok(district.get("/v1/activities")))["items"]) == 2
    foreign = registry.client("community", FOREIGN)
    assert (await registry.ok(foreign.get("/v1/activities")))["items"] == []
    for call in (foreign.get(f"/v1/activities/{first['id']}"), foreign.get("/v1/activities?node=620201001004")):
        await registry.refused(call, 403, "outside_your_node")
    await registry.refused(registry.clerk.get("/v1/activities?month=2026-13"), 422, "validation_failed")


async def test_a_team_of_another_community_does_not_act_here(registry: Registry) -> None:
    team = await registry.team()
    district = registry.client("district", "620201")
    body = {
        "community": FOREIGN,
        "title": "样例",
        "team_id": team["id"],
        "planned_start": registry.at(1),
        "planned_end": registry.at(2),
    }
    await registry.refused(district.post("/v1/activities", json=body), 422, "team_unknown")


async def test_an_activity_with_service_is_not_cancelled_and_one_without_is_not_completed(registry: Registry) -> None:
    anna = await registry.volunteer(1)
    activity = await registry.activity()
    path = f"/v1/activities/{activity['id']}"
    await registry.refused(registry.clerk.post(f"{path}/completion", json={}), 409, "nobody_attended")
    await registry.post(f"{path}/attendances", entries=[{"volunteer": anna["id"], "minutes": 10}])
    await registry.refused(
        registry.clerk.post(f"{path}/cancellation", json={"reason": "other"}), 409, "service_recorded"
    )


async def test_a_slip_in_a_volunteer_number_is_told_once_and_where_it_stands(registry: Registry) -> None:
    activity = await registry.activity()
    call = registry.clerk.post(
        f"/v1/activities/{activity['id']}/attendances",
        json={"entries": [{"volunteer": "620201001004_000123", "minutes": 60}]},
        headers={"Accept-Language": "zh"},
    )
    problem = await registry.refused(call, 422, "validation_failed")
    assert problem["errors"] == [
        {"field": "body.entries.0.volunteer", "problem": "应为志愿者编号，如 620201001004-000123"}
    ]
