"""Service in ended cases is corrected over HTTP: by whom, what is shown then, and who is free again."""

from tests.conftest import COMMUNITY, FOREIGN
from tests.integration.mediation.conftest import Committee


async def resolved(committee: Committee) -> tuple[str, str]:
    """A case that Li and Wang had, in which Li is told to have sat an hour. The case and Li's record."""
    li, wang, *_ = committee.people
    case = await committee.case(li, wang)
    await committee.hold(case, at=-24, minutes=60, mediators=[str(li)])
    ended = await committee.post(f"/v1/cases/{case}/resolution", agreement="written", resolved_at=committee.at(-1))
    return case, ended["service"][0]["record_id"]


async def test_service_is_corrected_voided_and_added(committee: Committee) -> None:
    li, wang, *_ = committee.people
    case, record = await resolved(committee)
    path = f"/v1/cases/{case}/corrections"
    change = {"record_id": record, "minutes": 45, "evidence": "scanned", "reason": "wrong_time"}
    answer = await committee.post(path, **change)
    assert [(r["record_id"], r["minutes"], r["revision"]) for r in answer["service"]] == [(record, 45, 1)]
    await committee.post(path, **{**change, "minutes": 0, "reason": "wrong_person"})
    missing = {"mediator_id": str(wang), "started_at": committee.at(-24)}
    await committee.post(path, **missing, minutes=50, evidence="scanned", reason="wrong_person")

    told = await committee.events("MediationServiceCorrected")
    assert [(e["volunteer_id"], e["minutes_before"], e["minutes"], e["revision"], e["outcome"]) for e in told] == [
        (str(li), 60, 45, 1, "resolved"),
        (str(li), 45, 0, 2, "resolved"),
        (str(wang), 0, 50, 1, "resolved"),
    ]
    assert all(e["corrected_by"] for e in told)
    shown = await committee.get(f"/v1/cases/{case}")
    assert sorted((r["volunteer_id"], r["minutes"], r["evidence"], r["revision"]) for r in shown["service"]) == sorted(
        [(str(li), 0, "scanned", 2), (str(wang), 50, "scanned", 1)]
    )
    assert shown["session_minutes"] == 60, "how long the session was is another matter"


async def test_a_correction_is_refused_with_what_to_do(committee: Committee) -> None:
    li, wang, zhao, _ = committee.people
    case, record = await resolved(committee)
    path = f"/v1/cases/{case}/corrections"
    change = {"record_id": record, "minutes": 60, "evidence": "scanned", "reason": "wrong_time"}
    missing = {**change, "mediator_id": str(wang), "started_at": committee.at(-24)}
    del missing["record_id"]
    refused = [
        (change, 409, "nothing_to_correct"),
        ({**change, "minutes": 24 * 60}, 422, "minutes_exceed_case"),
        ({**change, "record_id": case}, 404, "no_such_record"),
        ({**change, **missing}, 422, "validation_failed"),
        ({**change, "record_id": None}, 422, "validation_failed"),
        ({**missing, "started_at": None}, 422, "validation_failed"),
        ({**missing, "mediator_id": str(zhao)}, 422, "never_mediated"),
        ({**missing, "mediator_id": case}, 422, "volunteer_unknown"),
        ({**missing, "mediator_id": str(li)}, 409, "recorded_already"),
        ({**missing, "started_at": committee.at(-22)}, 422, "no_session_then"),
        ({**missing, "started_at": committee.at(1)}, 422, "dated_in_future"),
    ]
    for body, status, code in refused:
        body = {name: value for name, value in body.items() if value is not None}
        problem = await committee.refused(committee.clerk.post(path, json=body), status, code)
        if code == "validation_failed":
            assert problem["errors"][0]["problem"].startswith("请填写要更正的记录编号")
    open_case = await committee.case(li)
    await committee.refused(
        committee.clerk.post(f"/v1/cases/{open_case}/corrections", json=change), 409, "case_not_ended"
    )
    committee.clock.pass_by(days=8)
    too_late = {**missing, "started_at": committee.at(-8 * 24 - 24)}
    await committee.refused(committee.clerk.post(path, json=too_late), 422, "dated_too_far_back")
    await committee.post(path, **{**change, "minutes": 30, "reason": "complaint_upheld"})


async def test_the_office_corrects_and_nobody_else(committee: Committee) -> None:
    li, *_ = committee.people
    case, record = await resolved(committee)
    path = f"/v1/cases/{case}/corrections"
    change = {"record_id": record, "minutes": 30, "evidence": "scanned", "reason": "wrong_time"}
    for role in ("mediator", "volunteer", "auditor"):
        caller = committee.client(role, subject=str(li))
        await committee.refused(caller.post(path, json=change), 403, "role_not_allowed")
    await committee.refused(committee.client("community", FOREIGN).post(path, json=change), 403, "outside_your_node")
    await committee.ok(committee.client("district", COMMUNITY[:6]).post(path, json=change))


async def test_whoever_was_entered_by_mistake_is_free_for_the_session_they_sat_in(committee: Committee) -> None:
    li, wang, *_ = committee.people
    case, record = await resolved(committee)
    other = await committee.case(li, wang)
    session = {"started_at": committee.at(-24), "minutes": 30, "mediators": [str(li)], "record_signed": True}
    entering = committee.clerk.post(f"/v1/cases/{other}/sessions", json=session)
    await committee.refused(entering, 409, "mediator_elsewhere")
    path = f"/v1/cases/{case}/corrections"
    change = {"record_id": record, "minutes": 0, "evidence": "scanned", "reason": "wrong_person"}
    await committee.post(path, **change)
    await committee.post(f"/v1/cases/{other}/sessions", **session)
    again = committee.clerk.post(path, json={**change, "minutes": 60})
    await committee.refused(again, 409, "mediator_elsewhere")
    # Wang is added, and so bound for that session.
    missing = {"mediator_id": str(wang), "started_at": committee.at(-24), "minutes": 60, "evidence": "scanned"}
    await committee.post(path, **missing, reason="wrong_person")
    entering = committee.clerk.post(f"/v1/cases/{other}/sessions", json={**session, "mediators": [str(wang)]})
    await committee.refused(entering, 409, "sessions_overlap")
    third = await committee.case(wang)
    entering = committee.clerk.post(f"/v1/cases/{third}/sessions", json={**session, "mediators": [str(wang)]})
    await committee.refused(entering, 409, "mediator_elsewhere")
