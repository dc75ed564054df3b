"""Cases over HTTP, from filing to their end."""

import asyncio
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from shared.contracts.registry import ConsentWithdrawn
from shared.eventstore import read_all
from tests.conftest import COMMUNITY, FOREIGN
from tests.integration.mediation.conftest import Committee
from tests.integration.telling import tell


async def test_a_case_from_filing_to_a_written_agreement(committee: Committee) -> None:
    li, wang, *_ = committee.people
    case = await committee.case(li, wang)
    await committee.hold(case, at=-26, minutes=90)
    await committee.hold(case, at=-24, minutes=30, mediators=[str(wang)])
    ended = await committee.post(f"/v1/cases/{case}/resolution", agreement="written", resolved_at=committee.at(-1))
    assert ended["stage"] == "resolved"
    assert [(row["volunteer_id"], row["minutes"], row["evidence"]) for row in ended["service"]] == [
        (str(li), 90, "scanned"),
        (str(wang), 120, "scanned"),
    ]
    [event] = await committee.events("DisputeResolved")
    assert [member["record_id"] for member in event["mediators"]] == [row["record_id"] for row in ended["service"]]
    assert (event["agreement"], event["sessions_count"], event["kind"]) == ("written", 2, "neighbour")
    assert len(event["confirmed_by"]) == 36  # an opaque id, and nobody's name

    shown = await committee.get(f"/v1/cases/{case}")
    assert (shown["stage"], shown["sessions_count"], shown["session_minutes"]) == ("resolved", 2, 120)
    assert [mediator["mediator_id"] for mediator in shown["mediators"]] == [str(li), str(wang)]
    assert [session["minutes"] for session in shown["sessions"]] == [90, 30]
    await committee.refused(committee.clerk.post(f"/v1/cases/{case}/withdrawal", json={}), 409, "case_closed")


async def test_an_oral_agreement_needs_its_content_which_stays_in_the_vault(committee: Committee) -> None:
    li, *_ = committee.people
    case = await committee.case(li)
    await committee.hold(case)
    bare = committee.clerk.post(f"/v1/cases/{case}/resolution", json={"agreement": "oral"})
    problem = await committee.refused(bare, 422, "validation_failed")
    assert problem["errors"][0]["problem"] == "口头协议须填写协议内容"
    await committee.post(f"/v1/cases/{case}/resolution", agreement="oral", content="样例：三日内清理楼道")
    volume = await committee.get(f"/v1/cases/{case}/volume")
    assert (volume["agreement"], volume["account"]) == ("样例：三日内清理楼道", "样例：楼道堆放杂物引起争执")


async def test_a_case_fails_with_advice(committee: Committee) -> None:
    li, *_ = committee.people
    case = await committee.case(li)
    early = committee.clerk.post(f"/v1/cases/{case}/failure", json={"remedies": ["litigation"]})
    await committee.refused(early, 409, "no_session_held")
    await committee.hold(case, record_signed=False)
    ended = await committee.post(f"/v1/cases/{case}/failure", remedies=["litigation"], advice="样例：可向法院起诉")
    assert ended["service"][0]["evidence"] == "backfilled"
    shown = await committee.get(f"/v1/cases/{case}")
    assert (shown["stage"], shown["remedies"]) == ("failed", ["litigation"])
    assert (await committee.get(f"/v1/cases/{case}/volume"))["advice"] == "样例：可向法院起诉"


async def test_a_case_is_declined_or_withdrawn(committee: Committee) -> None:
    li, *_ = committee.people
    declined, withdrawn = await committee.case(li), await committee.case(li)
    await committee.post(f"/v1/cases/{declined}/decline", reason="party_refused")
    assert (await committee.get(f"/v1/cases/{declined}"))["decline_reason"] == "party_refused"
    await committee.hold(withdrawn, minutes=45)
    sat = committee.clerk.post(f"/v1/cases/{withdrawn}/decline", json={"reason": "duplicate"})
    await committee.refused(sat, 409, "case_in_session")
    ended = await committee.post(f"/v1/cases/{withdrawn}/withdrawal")
    assert [row["minutes"] for row in ended["service"]] == [45]


async def test_a_party_or_a_declared_relative_does_not_mediate(committee: Committee) -> None:
    li, wang, zhao, _ = committee.people
    parties = [{"name": "样例甲", "volunteer_id": str(li), "relatives": [str(wang)]}]
    case = await committee.case(parties=parties)
    for involved in (li, wang):
        assign = committee.clerk.post(f"/v1/cases/{case}/mediators", json={"mediator_id": str(involved)})
        await committee.refused(assign, 409, "conflict_of_interest")
    await committee.post(f"/v1/cases/{case}/mediators", mediator_id=str(zhao))

    [party] = await committee.get(f"/v1/cases/{case}/parties")
    path = f"/v1/cases/{case}/parties/{party['party_id']}/relatives"
    declare = committee.clerk.post(path, json={"volunteers": [str(zhao)]})
    await committee.refused(declare, 409, "mediator_is_party")
    joining = committee.clerk.post(f"/v1/cases/{case}/parties", json={"name": "样例乙", "volunteer_id": str(zhao)})
    await committee.refused(joining, 409, "mediator_is_party")
    await committee.post(f"/v1/cases/{case}/mediators/{zhao}/recusal")
    await committee.post(path, volunteers=[str(zhao)])
    assert (await committee.get(f"/v1/cases/{case}/parties"))[0]["relatives"] == sorted([str(wang), str(zhao)])
    again = committee.clerk.post(f"/v1/cases/{case}/mediators", json={"mediator_id": str(zhao)})
    await committee.refused(again, 409, "conflict_of_interest")


async def test_a_relative_named_by_mistake_is_retracted_by_the_office(committee: Committee) -> None:
    li, *_ = committee.people
    case = await committee.case()
    party = (await committee.get(f"/v1/cases/{case}/parties"))[0]["party_id"]
    path = f"/v1/cases/{case}/parties/{party}/relatives"
    await committee.post(path, volunteers=[str(li)])
    assign = {"mediator_id": str(li)}
    refused = committee.clerk.post(f"/v1/cases/{case}/mediators", json=assign)
    await committee.refused(refused, 409, "conflict_of_interest")
    mediator = committee.client("mediator", subject=str(li))
    await committee.refused(mediator.delete(f"{path}/{li}"), 403, "role_not_allowed")
    await committee.refused(committee.client("community", FOREIGN).delete(f"{path}/{li}"), 403, "outside_your_node")
    await committee.ok(committee.clerk.delete(f"{path}/{li}"))
    await committee.refused(committee.clerk.delete(f"{path}/{li}"), 404, "not_found")
    await committee.post(f"/v1/cases/{case}/mediators", **assign)


async def test_a_relative_declared_while_they_are_being_assigned_does_not_slip_through(committee: Committee) -> None:
    li, *_ = committee.people
    for _ in range(8):
        case = await committee.case()
        party = (await committee.get(f"/v1/cases/{case}/parties"))[0]["party_id"]
        assigned, declared = await asyncio.gather(
            committee.clerk.post(f"/v1/cases/{case}/mediators", json={"mediator_id": str(li)}),
            committee.clerk.post(f"/v1/cases/{case}/parties/{party}/relatives", json={"volunteers": [str(li)]}),
        )
        assert sorted([assigned.status_code, declared.status_code]) == [200, 409]


async def test_only_known_volunteers_who_may_serve_mediate(committee: Committee) -> None:
    li, wang, *_ = committee.people
    case = await committee.case(li)
    unknown = committee.clerk.post(f"/v1/cases/{case}/mediators", json={"mediator_id": str(uuid4())})
    await committee.refused(unknown, 422, "volunteer_unknown")
    for withdrawn in (li, wang):
        await tell(committee.running.service, ConsentWithdrawn(volunteer_id=withdrawn, community=COMMUNITY))
    assign = committee.clerk.post(f"/v1/cases/{case}/mediators", json={"mediator_id": str(wang)})
    await committee.refused(assign, 409, "volunteer_may_not_serve")
    body = {"started_at": committee.at(-2), "minutes": 60, "record_signed": True}
    sitting = committee.clerk.post(f"/v1/cases/{case}/sessions", json=body)
    await committee.refused(sitting, 409, "volunteer_may_not_serve")
    stranger = committee.body(parties=[{"name": "样例甲", "volunteer_id": str(uuid4())}])
    await committee.refused(committee.clerk.post("/v1/cases", json=stranger), 422, "volunteer_unknown")


async def test_one_person_does_not_sit_in_two_sessions_at_once(committee: Committee) -> None:
    li, wang, *_ = committee.people
    first, second = await committee.case(li), await committee.case(li, wang)
    await committee.hold(first, at=-10, minutes=60)
    body = {"started_at": committee.at(-9.5), "minutes": 60, "record_signed": True}
    sitting = committee.clerk.post(f"/v1/cases/{second}/sessions", json=body)
    problem = await committee.refused(sitting, 409, "mediator_elsewhere")
    assert str(li) in problem["detail"]
    await committee.hold(second, at=-9.5, minutes=60, mediators=[str(wang)])
    await committee.hold(second, at=-8, minutes=60)
    answers = await asyncio.gather(
        *(
            committee.clerk.post(
                f"/v1/cases/{case}/sessions",
                json={"started_at": committee.at(-4), "minutes": 60, "mediators": [str(li)], "record_signed": True},
            )
            for case in (first, second)
        )
    )
    assert sorted(answer.status_code for answer in answers) == [201, 409]


async def test_who_the_parties_are_is_kept_from_events_and_from_others(committee: Committee) -> None:
    li, wang, *_ = committee.people
    case = await committee.case(li)
    parties = await committee.get(f"/v1/cases/{case}/parties")
    assert [(p["name"], p["phone"], p["role"]) for p in parties] == [
        ("样例申请人", "139 0000 1234", "applicant"),
        ("样例被申请人", None, "respondent"),
    ]
    for words in ("样例申请人", "139 0000 1234", "样例小区", "堆放杂物"):
        for table in ("events", "cases", "parties", "idempotency"):
            found = await committee.running.value(
                f"SELECT count(*) FROM {table} t WHERE t::text LIKE :words", words=f"%{words}%"
            )
            assert found == 0, f"{words} in {table}"
    for path in ("parties", "volume"):
        await committee.ok(committee.client("mediator", subject=str(li)).get(f"/v1/cases/{case}/{path}"))
        others = committee.client("mediator", subject=str(wang)).get(f"/v1/cases/{case}/{path}")
        await committee.refused(others, 403, "not_your_case")
        await committee.refused(committee.client("auditor").get(f"/v1/cases/{case}/{path}"), 403, "role_not_allowed")
        stranger = committee.client("community", FOREIGN).get(f"/v1/cases/{case}/{path}")
        await committee.refused(stranger, 403, "outside_your_node")


async def test_a_mediator_writes_the_account_of_their_own_open_cases_only(committee: Committee) -> None:
    li, wang, *_ = committee.people
    case = await committee.case(li)
    path, said = f"/v1/cases/{case}/account", {"account": "样例：更正后的情况"}
    own, other = (committee.client("mediator", subject=str(person)) for person in (li, wang))
    await committee.ok(own.post(path, json=said))
    assert (await committee.ok(own.get(f"/v1/cases/{case}/volume")))["account"] == said["account"]
    await committee.refused(other.post(path, json=said), 403, "not_your_case")
    foreign = committee.client("community", FOREIGN)
    await committee.refused(foreign.post(path, json=said), 403, "outside_your_node")
    await committee.post(f"/v1/cases/{case}/withdrawal")
    await committee.refused(own.post(path, json=said), 409, "case_closed")


async def test_a_mediator_steps_back_for_themselves_only(committee: Committee) -> None:
    li, wang, *_ = committee.people
    case = await committee.case(li, wang)
    mediator = committee.client("mediator", subject=str(li))
    await committee.refused(mediator.post(f"/v1/cases/{case}/mediators/{wang}/recusal", json={}), 403, "not_your_case")
    left = await committee.ok(mediator.post(f"/v1/cases/{case}/mediators/{li}/recusal", json={}))
    assert left["mediators"] == [str(wang)]
    again = committee.clerk.post(f"/v1/cases/{case}/mediators", json={"mediator_id": str(li)})
    await committee.refused(again, 409, "mediator_was_recused")


async def test_a_partys_details_are_put_right_until_they_are_erased(committee: Committee) -> None:
    li, wang, *_ = committee.people
    case = await committee.case(li)
    own, other = (committee.client("mediator", subject=str(person)) for person in (li, wang))
    party = (await committee.get(f"/v1/cases/{case}/parties"))[0]["party_id"]
    path = f"/v1/cases/{case}/parties/{party}"
    await committee.ok(own.patch(path, json={"phone": "139 0000 9999", "address": "样例小区2号楼"}))
    await committee.ok(own.patch(path, json={"address": None}))
    await committee.ok(own.patch(path, json={"address": None}))
    shown = (await committee.get(f"/v1/cases/{case}/parties"))[0]
    assert (shown["name"], shown["phone"], shown["address"]) == ("样例申请人", "139 0000 9999", None)
    told = await committee.events("PartyDetailsChanged")
    assert [event["fields"] for event in told] == [["address", "phone"], ["address"]]
    assert "9999" not in str(told)
    await committee.refused(other.patch(path, json={"phone": "139 0000 8888"}), 403, "not_your_case")
    foreign = committee.client("community", FOREIGN)
    await committee.refused(foreign.patch(path, json={"phone": "139 0000 8888"}), 403, "outside_your_node")
    for body in ({}, {"name": None}, {"phone": "电话"}):
        await committee.refused(own.patch(path, json=body), 422, "validation_failed")
    elsewhere = f"/v1/cases/{await committee.case()}/parties/{party}"
    await committee.refused(committee.clerk.patch(elsewhere, json={"name": "样例"}), 404, "not_found")
    await committee.post(f"/v1/cases/{case}/withdrawal")
    await committee.ok(own.patch(path, json={"name": "样例申请人乙"}))
    await committee.post(f"{path}/erasure")
    await committee.refused(own.patch(path, json={"name": "样例申请人"}), 410, "party_erased")
    assert (await committee.get(f"/v1/cases/{case}/parties"))[0]["name"] is None


async def test_a_party_is_erased_once_the_case_has_ended(committee: Committee) -> None:
    case = await committee.case()
    party = (await committee.get(f"/v1/cases/{case}/parties"))[0]["party_id"]
    path = f"/v1/cases/{case}/parties/{party}/erasure"
    await committee.refused(committee.clerk.post(path), 409, "case_still_open")
    await committee.post(f"/v1/cases/{case}/withdrawal")
    await committee.post(path)
    await committee.post(path)
    assert [event["party_id"] for event in await committee.events("PartyErased")] == [party]
    erased, kept = await committee.get(f"/v1/cases/{case}/parties")
    assert (erased["name"], erased["phone"]) == (None, None)
    assert erased["erased_at"] is not None
    assert kept["name"] == "样例被申请人"
    await committee.refused(committee.clerk.post(f"/v1/cases/{case}/parties/{case}/erasure"), 404, "not_found")
    # A backup from before knows who it was.
    service = committee.running.service
    async with service.database.transaction() as connection:
        await connection.execute(text("UPDATE parties SET erased_at = NULL WHERE party_id = :id"), {"id": UUID(party)})
        await service.workshop.vault.put(connection, UUID(party), {"name": "样例申请人"})
        events = [recorded async for recorded in read_all(connection)]
        await service.repairs.repair(service.workshop, connection, events)
    assert (await committee.get(f"/v1/cases/{case}/parties"))[0] == erased


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"parties": []}, 422, "application_needs_party"),
        ({"parties": [{"name": "样\u0000例"}]}, 422, "validation_failed"),
        ({"parties": [{"name": "样例", "phone": "电话"}]}, 422, "validation_failed"),
        ({"kind": "war"}, 422, "validation_failed"),
        ({"origin": "patrol_finding"}, 422, "validation_failed"),
        ({"filed_at": "2026-03-20T10:00:00"}, 422, "validation_failed"),
        ({"filed_at": "2026-03-20T12:00:01Z"}, 422, "dated_in_future"),
        ({"filed_at": "2026-03-13T11:59:59Z"}, 422, "dated_too_far_back"),
        ({"community": FOREIGN}, 403, "outside_your_node"),
        ({"more": 1}, 422, "validation_failed"),
    ],
)
async def test_bad_applications_are_refused(committee: Committee, changes: object, status: int, code: str) -> None:
    assert isinstance(changes, dict)
    await committee.refused(committee.clerk.post("/v1/cases", json=committee.body(**changes)), status, code)
    assert await committee.running.value("SELECT count(*) FROM vault_keys") == 0


async def test_a_stale_version_is_refused(committee: Committee) -> None:
    li, *_ = committee.people
    case = await committee.case()
    version = (await committee.clerk.get(f"/v1/cases/{case}")).headers["etag"]
    await committee.post(f"/v1/cases/{case}/classification", kind="debt", risk="red")
    stale = committee.clerk.post(
        f"/v1/cases/{case}/mediators", json={"mediator_id": str(li)}, headers={"if-match": version}
    )
    await committee.refused(stale, 412, "version_changed")
    fresh = (await committee.clerk.get(f"/v1/cases/{case}")).headers["etag"]
    answer = await committee.clerk.post(
        f"/v1/cases/{case}/mediators", json={"mediator_id": str(li)}, headers={"if-match": fresh}
    )
    assert (answer.status_code, answer.headers["etag"]) == (200, '"3"')


async def test_cases_are_listed_by_stage_kind_risk_and_month(committee: Committee) -> None:
    li, *_ = committee.people
    # 31 March 2026, 23:30 and 1 April, 00:30 in Jiayuguan.
    committee.clock.pass_by(days=13)
    march = await committee.case(filed_at="2026-03-31T15:30:00Z", kind="debt")
    april = await committee.case(filed_at="2026-03-31T16:30:00Z", risk="red", kind="family")
    await committee.post(f"/v1/cases/{april}/mediators", mediator_id=str(li))
    await committee.post(f"/v1/cases/{march}/decline", reason="other_authority")

    async def listed(**params: str) -> list[str]:
        return [item["case_id"] for item in (await committee.get("/v1/cases", **params))["items"]]

    assert await listed() == [april, march]
    assert await listed(month="2026-03") == [march]
    assert await listed(month="2026-04") == [april]
    assert await listed(stage="declined") == [march]
    assert await listed(kind="family", risk="red") == [april]
    assert await listed(mediator_id=str(li)) == [april]
    first = await committee.get("/v1/cases", limit=1)
    assert await listed(cursor=first["next_cursor"]) == [march]
    await committee.refused(committee.clerk.get("/v1/cases", params={"month": "2026-13"}), 422, "validation_failed")
    await committee.refused(committee.clerk.get("/v1/cases", params={"within": FOREIGN}), 403, "outside_your_node")

    figures = await committee.get("/v1/cases/figures", from_month="2026-03", to_month="2026-04")
    assert [(row["month"], row["kind"], row["declined"], row["open"], row["red"]) for row in figures] == [
        ("2026-03", "debt", 1, 0, 0),
        ("2026-04", "family", 0, 1, 1),
    ]
