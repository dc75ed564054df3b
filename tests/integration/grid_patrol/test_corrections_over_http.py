"""Logged service is corrected over HTTP: by whom, what is shown then, and who is free again."""

from tests.conftest import COMMUNITY, FOREIGN
from tests.integration.grid_patrol.conftest import Grid


async def logged(grid: Grid) -> str:
    """A shift of two hours: Anna scanned, Bo did not, Chen was left out."""
    anna, bo, chen, _ = grid.people
    await grid.cells("A", "B")
    shift = await grid.shift(await grid.crew(*grid.people, kind="cadre"), [anna, bo, chen])
    await grid.post(f"/v1/shifts/{shift}/start", started_at=grid.at(minutes=-120))
    await grid.post(f"/v1/shifts/{shift}/scans", scans=[grid.scan(anna)])
    served = [{"volunteer_id": str(who)} for who in (anna, bo)]
    await grid.post(f"/v1/shifts/{shift}/log", ended_at=grid.at(minutes=0), served=served)
    return shift


async def test_logged_service_is_corrected_voided_and_added(grid: Grid) -> None:
    anna, bo, chen, _ = grid.people
    shift = await logged(grid)
    path = f"/v1/shifts/{shift}/corrections"
    change = {"volunteer_id": str(anna), "minutes": 60, "evidence": "scanned", "reason": "wrong_time"}
    answer = await grid.post(path, **change)
    by_person = {member["volunteer_id"]: member for member in answer["members"]}
    assert (by_person[str(anna)]["minutes"], by_person[str(anna)]["revision"]) == (60, 1)
    await grid.post(path, volunteer_id=str(bo), minutes=0, evidence="backfilled", reason="not_present")
    missing = {"volunteer_id": str(chen), "minutes": 30, "evidence": "backfilled", "reason": "wrong_person"}
    await grid.post(path, **missing)
    await grid.post(path, **{**missing, "evidence": "scanned", "reason": "evidence_added"})

    told = await grid.events("PatrolServiceCorrected")
    assert [(e["volunteer_id"], e["minutes_before"], e["minutes"], e["revision"], e["reason"]) for e in told] == [
        (str(anna), 120, 60, 1, "wrong_time"),
        (str(bo), 120, 0, 1, "not_present"),
        (str(chen), 0, 30, 1, "wrong_person"),
        (str(chen), 30, 30, 2, "evidence_added"),
    ]
    [log] = await grid.events("PatrolShiftLogged")
    assert [member["record_id"] for member in log["members"]] == [told[0]["record_id"], told[1]["record_id"]]
    assert {(e["crew_kind"], e["night"]) for e in told} == {(log["crew_kind"], log["night"])}
    assert all(e["corrected_by"] for e in told)

    shown = await grid.get(f"/v1/shifts/{shift}")
    assert shown["minutes"] == 60 + 0 + 30
    assert {m["volunteer_id"]: (m["minutes"], m["evidence"], m["revision"]) for m in shown["members"]} == {
        str(anna): (60, "scanned", 1),
        str(bo): (0, "backfilled", 1),
        str(chen): (30, "scanned", 2),
    }
    [figures] = await grid.get("/v1/shifts/figures")
    assert figures["minutes"] == 90
    [mine] = (await grid.ok(grid.client("volunteer", subject=str(anna)).get(f"/v1/volunteers/{anna}/shifts")))["items"]
    assert (mine["minutes"], mine["revision"]) == (60, 1)


async def test_a_correction_is_refused_with_what_to_do(grid: Grid) -> None:
    anna, bo, chen, dora = grid.people
    shift = await logged(grid)
    path = f"/v1/shifts/{shift}/corrections"
    change = {"volunteer_id": str(anna), "minutes": 120, "evidence": "scanned", "reason": "wrong_time"}
    refused = [
        (change, 409, "nothing_to_correct"),
        ({**change, "minutes": 121}, 422, "minutes_exceed_span"),
        ({**change, "minutes": 1441}, 422, "validation_failed"),
        ({**change, "minutes": 60, "reason": "because"}, 422, "validation_failed"),
        ({**change, "volunteer_id": str(bo)}, 422, "scanned_needs_evidence"),
        ({**change, "volunteer_id": str(dora)}, 422, "not_on_shift"),
        ({**change, "volunteer_id": shift}, 422, "volunteer_unknown"),
    ]
    for body, status, code in refused:
        await grid.refused(grid.clerk.post(path, json=body), status, code)
    running = await grid.shift(await grid.crew(dora), [dora])
    await grid.refused(grid.clerk.post(f"/v1/shifts/{running}/corrections", json=change), 409, "shift_not_logged")
    grid.clock.pass_by(days=8)
    too_late = {**change, "volunteer_id": str(chen), "evidence": "backfilled"}
    await grid.refused(grid.clerk.post(path, json=too_late), 422, "dated_too_far_back")
    await grid.post(path, **{**change, "minutes": 90})


async def test_the_office_corrects_and_nobody_else(grid: Grid) -> None:
    anna, *_ = grid.people
    path = f"/v1/shifts/{await logged(grid)}/corrections"
    change = {"volunteer_id": str(anna), "minutes": 60, "evidence": "scanned", "reason": "wrong_time"}
    for role in ("patrol_leader", "team_leader", "volunteer", "auditor"):
        caller = grid.client(role, subject=str(anna))
        await grid.refused(caller.post(path, json=change), 403, "role_not_allowed")
    await grid.refused(grid.client("community", FOREIGN).post(path, json=change), 403, "outside_your_node")
    district = grid.client("district", COMMUNITY[:6], str(anna))
    await grid.ok(district.post(path, json=change))
    # Signs of invented hours are told that somebody put their own right (decision 0030).
    assert [event["corrected_by"] for event in await grid.events("PatrolServiceCorrected")] == [str(anna)]


async def test_whoever_was_logged_by_mistake_is_free_for_the_shift_they_were_on(grid: Grid) -> None:
    anna, *_ = grid.people
    shift = await logged(grid)
    crew = await grid.crew(anna)
    other = await grid.shift(crew, [anna], begins=-60, minutes=50)
    start = {"started_at": grid.at(minutes=-60)}
    await grid.refused(grid.clerk.post(f"/v1/shifts/{other}/start", json=start), 409, "on_another_shift")
    path = f"/v1/shifts/{shift}/corrections"
    change = {"volunteer_id": str(anna), "minutes": 0, "evidence": "scanned", "reason": "wrong_person"}
    await grid.post(path, **change)
    await grid.post(f"/v1/shifts/{other}/start", **start)
    await grid.post(f"/v1/shifts/{other}/log", ended_at=grid.at(minutes=-10))
    again = {**change, "minutes": 120}
    await grid.refused(grid.clerk.post(path, json=again), 409, "on_another_shift")
