"""Shifts and findings over HTTP, from the plan to the log."""

import asyncio
from datetime import timedelta

from shared.contracts.registry import ConsentWithdrawn
from tests.conftest import COMMUNITY, FOREIGN
from tests.integration.grid_patrol.conftest import Grid
from tests.integration.telling import tell


async def ready(grid: Grid) -> str:
    await grid.cells("A", "B", "C")
    return await grid.crew(*grid.people, kind="cadre")


async def test_a_shift_from_plan_to_log(grid: Grid) -> None:
    anna, bo, *_ = grid.people
    crew = await ready(grid)
    shift = await grid.shift(crew, [anna, bo])
    started = await grid.post(f"/v1/shifts/{shift}/start", started_at=grid.at(minutes=-110))
    assert (started["stage"], started["late_minutes"]) == ("running", 10)

    batch = [grid.scan(anna, "C", at=-50), grid.scan(anna, "A", at=-70)]
    told = await grid.post(f"/v1/shifts/{shift}/scans", scans=batch)
    assert told["scans"] == [{"duplicate": False, "marks": ["off_beat"]}, {"duplicate": False, "marks": []}]
    again = await grid.post(f"/v1/shifts/{shift}/scans", scans=[*batch, grid.scan(bo, "A", at=-69), batch[0]])
    assert (again["accepted"], again["duplicates"]) == (1, 3)
    assert again["scans"][2] == {"duplicate": False, "marks": ["shared_device"]}

    served = [{"volunteer_id": str(anna)}, {"volunteer_id": str(bo), "minutes": 30}]
    logged = await grid.post(f"/v1/shifts/{shift}/log", ended_at=grid.at(minutes=0), served=served)
    assert logged["covered_cells"] == ["A", "C"]
    assert logged["night"] is False
    assert [(m["volunteer_id"], m["minutes"], m["evidence"]) for m in logged["members"]] == [
        (str(anna), 110, "scanned"),
        (str(bo), 30, "scanned"),
    ]
    [event] = await grid.events("PatrolShiftLogged")
    assert event["crew_kind"] == "cadre"
    assert len(event["confirmed_by"]) == 36  # an opaque id, and nobody's name
    assert [member["record_id"] for member in event["members"]] == [m["record_id"] for m in logged["members"]]

    shown = await grid.get(f"/v1/shifts/{shift}")
    assert (shown["stage"], shown["minutes"], shown["scans_count"], shown["marked_scans_count"]) == (
        "logged",
        140,
        3,
        2,
    )
    assert {m["volunteer_id"]: m["evidence"] for m in shown["members"]} == {str(anna): "scanned", str(bo): "scanned"}
    assert (await grid.get(f"/v1/cells/{COMMUNITY}/C"))["last_covered_at"] is not None
    uncovered = await grid.get("/v1/cells", not_covered_since=grid.at(minutes=-60))
    assert [cell["cell"] for cell in uncovered["items"]] == ["B"]


async def test_a_volunteer_finds_the_own_shifts_and_tracks_and_nobody_elses(grid: Grid) -> None:
    anna, bo, *_ = grid.people
    crew = await ready(grid)
    past, ahead = await grid.shift(crew, [anna, bo]), await grid.shift(crew, [anna], begins=60)
    await grid.post(f"/v1/shifts/{past}/start", started_at=grid.at(minutes=-120))
    own = grid.client("volunteer", subject=str(anna))
    for cell, at in (("A", -70), ("B", -60)):
        await grid.ok(own.post(f"/v1/shifts/{past}/scans", json={"scans": [grid.scan(anna, cell, at=at)]}))
    await grid.post(f"/v1/shifts/{past}/scans", scans=[grid.scan(bo, device="device-2")])
    await grid.post(f"/v1/shifts/{past}/log", ended_at=grid.at(minutes=0))

    mine = f"/v1/volunteers/{anna}/shifts"
    listed = (await grid.ok(own.get(mine)))["items"]
    assert [(s["shift_id"], s["stage"], s["minutes"]) for s in listed] == [
        (ahead, "planned", None),
        (past, "logged", 120),
    ]
    assert [s["shift_id"] for s in (await grid.ok(own.get(mine, params={"stage": "planned"})))["items"]] == [ahead]
    page = await grid.ok(own.get(f"/v1/volunteers/{anna}/scans", params={"limit": 1}))
    assert [(s["shift_id"], s["cell"]) for s in page["items"]] == [(past, "B")]
    rest = await grid.ok(own.get(f"/v1/volunteers/{anna}/scans", params={"cursor": page["next_cursor"]}))
    assert [s["cell"] for s in rest["items"]] == ["A"]
    for path in (f"/v1/volunteers/{bo}/shifts", f"/v1/volunteers/{bo}/scans"):
        await grid.refused(own.get(path), 403, "outside_your_node")
        assert (await grid.get(path))["items"]
        assert (await grid.ok(grid.client("community", FOREIGN).get(path)))["items"] == []


async def test_a_device_is_known_by_a_digest_only(grid: Grid) -> None:
    anna, *_ = grid.people
    shift = await grid.shift(await ready(grid), [anna])
    await grid.post(f"/v1/shifts/{shift}/scans", scans=[grid.scan(anna, device="13900001111")])
    for query in (
        "SELECT count(*) FROM events WHERE data::text LIKE '%13900001111%'",
        "SELECT count(*) FROM scans WHERE device_id LIKE '%13900001111%'",
    ):
        assert await grid.running.value(query) == 0


async def test_a_late_scan_of_a_logged_shift_is_kept_and_changes_no_service(grid: Grid) -> None:
    anna, *_ = grid.people
    shift = await grid.shift(await ready(grid), [anna])
    await grid.post(f"/v1/shifts/{shift}/start", started_at=grid.at(minutes=-120))
    logged = await grid.post(f"/v1/shifts/{shift}/log")
    assert logged["members"][0]["evidence"] == "backfilled"
    grid.clock.pass_by(days=3)
    late = {**grid.scan(anna), "device_time": grid.at(minutes=-3 * 24 * 60 - 60)}
    told = await grid.post(f"/v1/shifts/{shift}/scans", scans=[late])
    assert told["scans"][0]["marks"] == ["after_close"]
    assert len(await grid.events("PatrolShiftLogged")) == 1
    assert (await grid.get(f"/v1/shifts/{shift}"))["members"][0]["evidence"] == "backfilled"


async def test_a_volunteer_sends_their_own_scans_only(grid: Grid) -> None:
    anna, bo, *_ = grid.people
    shift = await grid.shift(await ready(grid), [anna, bo])
    phone = grid.client("volunteer", subject=str(anna))
    await grid.ok(phone.post(f"/v1/shifts/{shift}/scans", json={"scans": [grid.scan(anna)]}))
    other = phone.post(f"/v1/shifts/{shift}/scans", json={"scans": [grid.scan(bo, device="device-2")]})
    await grid.refused(other, 403, "outside_your_node")


async def test_one_volunteer_is_not_on_two_shifts_at_once(grid: Grid) -> None:
    anna, bo, chen, _ = grid.people
    crew = await ready(grid)
    first = await grid.shift(crew, [anna, bo])
    overlapping = await grid.shift(crew, [bo, chen], begins=-60, minutes=50)
    following = await grid.shift(crew, [bo], begins=0)
    await grid.post(f"/v1/shifts/{first}/start", started_at=grid.at(minutes=-120))
    starting = grid.clerk.post(f"/v1/shifts/{overlapping}/start", json={"started_at": grid.at(minutes=-60)})
    problem = await grid.refused(starting, 409, "on_another_shift")
    assert str(bo) in problem["detail"]
    await grid.post(f"/v1/shifts/{following}/start", started_at=grid.at(minutes=0))
    # Logged with an earlier end, or cancelled, the first no longer stands in the way.
    await grid.post(f"/v1/shifts/{first}/log", ended_at=grid.at(minutes=-61))
    await grid.post(f"/v1/shifts/{overlapping}/start", started_at=grid.at(minutes=-60))
    # Nor may a log reach into another shift of the same person.
    grid.clock.pass_by(minutes=30)
    reaching = grid.clerk.post(f"/v1/shifts/{overlapping}/log", json={"ended_at": grid.at(minutes=-10)})
    await grid.refused(reaching, 409, "on_another_shift")


async def test_of_two_shifts_that_start_in_the_same_moment_one_is_refused(grid: Grid) -> None:
    crew = await ready(grid)
    people = grid.people
    for _ in range(5):
        shifts = [await grid.shift(crew, [people[n], people[(n + 1) % 4]]) for n in range(4)]
        answers = await asyncio.gather(
            *(
                grid.clerk.post(f"/v1/shifts/{shift}/start", json={"started_at": grid.at(minutes=-120)})
                for shift in shifts
            )
        )
        statuses = sorted(answer.status_code for answer in answers)
        assert set(statuses) <= {200, 409}, [answer.text for answer in answers]
        assert 1 <= statuses.count(200) <= 2
        for shift, answer in zip(shifts, answers, strict=True):
            if answer.status_code == 409:
                assert answer.json()["code"] == "on_another_shift"
            await grid.post(f"/v1/shifts/{shift}/cancellation", reason="other")


async def test_a_missed_shift_is_marked_by_the_timer_and_news_in_time_undoes_it(grid: Grid) -> None:
    anna, *_ = grid.people
    crew = await ready(grid)
    service = grid.running.service
    missed, started, cancelled = [await grid.shift(crew, [anna], begins=b) for b in (0, 130, 260)]
    entered_afterwards = await grid.shift(crew, [anna], begins=-600)
    await grid.post(f"/v1/shifts/{cancelled}/cancellation", reason="too_few")
    grid.clock.pass_by(minutes=29)
    assert await service.timers.fire_due(service.workshop, grid.clock) == 0
    grid.clock.pass_by(minutes=2)
    assert await service.timers.fire_due(service.workshop, grid.clock) == 2
    assert {event["shift_id"] for event in await grid.events("ShiftMissed")} == {missed, entered_afterwards}
    grid.clock.pass_by(minutes=100)
    await grid.post(f"/v1/shifts/{started}/start")
    grid.clock.pass_by(days=1)
    assert await service.timers.fire_due(service.workshop, grid.clock) == 0
    late = grid.clerk.post(f"/v1/shifts/{missed}/start", json={"started_at": grid.at(minutes=-24 * 60 - 131 + 31)})
    await grid.refused(late, 409, "shift_start_too_late")
    in_time = await grid.post(f"/v1/shifts/{missed}/start", started_at=grid.at(minutes=-24 * 60 - 131 + 3))
    assert (in_time["stage"], in_time["late_minutes"]) == ("running", 0)


async def test_dates_are_bounded(grid: Grid) -> None:
    anna, *_ = grid.people
    crew = await ready(grid)
    body = grid.shift_body(crew, [anna], -8 * 24 * 60, 60, ("A",))
    await grid.refused(grid.clerk.post("/v1/shifts", json=body), 422, "dated_too_far_back")
    body = {**body, "planned_start": 1770000000, "planned_end": grid.at(minutes=0)}
    await grid.refused(grid.clerk.post("/v1/shifts", json=body), 422, "validation_failed")
    shift = await grid.shift(crew, [anna])
    future = grid.clerk.post(f"/v1/shifts/{shift}/start", json={"started_at": grid.at(minutes=1)})
    await grid.refused(future, 422, "dated_in_future")


async def test_a_plan_names_cells_people_and_a_crew_that_exist(grid: Grid) -> None:
    anna, bo, *_ = grid.people
    await grid.cells("A")
    crew = await grid.crew(anna)
    refused = {
        "planned_not_in_crew": grid.shift_body(crew, [bo], 10, 60, ("A",)),
        "cell_unknown": grid.shift_body(crew, [anna], 10, 60, ("A", "Z")),
        "shift_ends_before_start": grid.shift_body(crew, [anna], 10, -5, ("A",)),
        "shift_too_long": grid.shift_body(crew, [anna], 10, 721, ("A",)),
    }
    for code, body in refused.items():
        await grid.refused(grid.clerk.post("/v1/shifts", json=body), 422, code)
    nobody = {**grid.shift_body(crew, [anna], 10, 60, ("A",)), "crew_id": str(anna)}
    await grid.refused(grid.clerk.post("/v1/shifts", json=nobody), 404, "not_found")
    await tell(grid.running.service, ConsentWithdrawn(volunteer_id=anna, community=COMMUNITY))
    body = grid.shift_body(crew, [anna], 10, 60, ("A",))
    await grid.refused(grid.clerk.post("/v1/shifts", json=body), 409, "volunteer_may_not_serve")


async def test_a_finding_is_told_without_its_words_which_clerks_can_read(grid: Grid) -> None:
    anna, *_ = grid.people
    shift = await grid.shift(await ready(grid), [anna])
    body = {
        "cell": "A",
        "kind": "dispute",
        "risk": "yellow",
        "reported_by": str(anna),
        "found_at": grid.at(minutes=-60),
        "text": "样例：楼上楼下争吵",
    }
    early = grid.clerk.post(f"/v1/shifts/{shift}/findings", json=body)
    await grid.refused(early, 409, "finding_shift_not_started")
    await grid.post(f"/v1/shifts/{shift}/start", started_at=grid.at(minutes=-120))
    finding = (await grid.post(f"/v1/shifts/{shift}/findings", **body))["finding_id"]

    assert (await grid.get(f"/v1/findings/{finding}/text"))["text"] == body["text"]
    auditor = grid.client("auditor")
    await grid.refused(auditor.get(f"/v1/findings/{finding}/text"), 403, "role_not_allowed")
    assert (await grid.ok(auditor.get(f"/v1/findings/{finding}")))["kind"] == "dispute"
    stranger = grid.client("community", FOREIGN)
    for path in (f"/v1/findings/{finding}", f"/v1/findings/{finding}/text", f"/v1/shifts/{shift}"):
        await grid.refused(stranger.get(path), 403, "outside_your_node")
    [event] = await grid.events("PatrolFindingReported")
    assert event["finding_id"] == finding
    assert await grid.running.value("SELECT count(*) FROM events WHERE data::text LIKE '%争吵%'") == 0

    for kind, expected in (("dispute", [finding]), ("hazard", [])):
        listed = await grid.get("/v1/findings", kind=kind)
        assert [item["finding_id"] for item in listed["items"]] == expected
    assert (await grid.get(f"/v1/shifts/{shift}"))["findings_count"] == 1
    assert (await grid.post(f"/v1/shifts/{shift}/log"))["findings_count"] == 1


async def test_shifts_are_listed_and_counted_by_month(grid: Grid) -> None:
    anna, *_ = grid.people
    crew = await ready(grid)
    shifts = [await grid.shift(crew, [anna], begins=-150 * n, minutes=120) for n in range(1, 6)]
    for number, shift in enumerate(shifts[:3], start=1):
        await grid.post(f"/v1/shifts/{shift}/start", started_at=grid.at(minutes=-150 * number))
        await grid.post(f"/v1/shifts/{shift}/scans", scans=[grid.scan(anna, at=-150 * number + 20)])
        await grid.post(f"/v1/shifts/{shift}/log", ended_at=grid.at(minutes=-150 * number + 100))
    await grid.post(f"/v1/shifts/{shifts[3]}/cancellation", reason="organiser")

    page = await grid.get("/v1/shifts", limit=2)
    rest = await grid.get("/v1/shifts", limit=3, cursor=page["next_cursor"])
    assert [item["shift_id"] for item in page["items"] + rest["items"]] == shifts
    assert len((await grid.get("/v1/shifts", stage="logged", crew_id=crew, crew_kind="cadre"))["items"]) == 3
    since = (grid.clock.now - timedelta(minutes=160)).isoformat()
    assert len((await grid.get("/v1/shifts", **{"from": since}))["items"]) == 1
    [figures] = await grid.get("/v1/shifts/figures")
    assert figures == {
        "month": "2026-03",
        "crew_kind": "cadre",
        "planned": 5,
        "logged": 3,
        "cancelled": 1,
        "missed": 0,
        "late": 0,
        "night": 0,
        "minutes": 300,
        "findings": 0,
        "planned_cells": 6,
        "covered_cells": 3,
    }
