"""What mediation does on other contexts' events, over the real bus."""

import json
from uuid import UUID, uuid4

from services.mediation.app import build
from services.mediation.settings import MediationSettings
from shared.clock import system_clock
from shared.contracts.grid_patrol import FindingKind, PatrolFindingReported, RiskLevel
from shared.contracts.registry import PersonForgotten
from shared.ids import derived_id
from tests.conftest import COMMUNITY, Start, until
from tests.integration.mediation.conftest import Committee
from tests.integration.telling import envelope_of, publish, registered, tell


def finding(kind: FindingKind = FindingKind.DISPUTE) -> PatrolFindingReported:
    return PatrolFindingReported(
        finding_id=uuid4(),
        shift_id=uuid4(),
        community=COMMUNITY,
        cell="QL-01",
        kind=kind,
        risk=RiskLevel.RED,
        reported_by=uuid4(),
        found_at=system_clock(),
    )


async def test_a_patrol_finding_becomes_one_case_with_its_causation(start: Start) -> None:
    running = await start(build, settings=MediationSettings)
    dispute, hazard, last = finding(), finding(FindingKind.HAZARD), finding()
    subject, correlation = f"finding-{dispute.finding_id}", str(uuid4())
    told = envelope_of(dispute, subject, correlation_id=correlation)
    once_more = envelope_of(dispute, subject)
    await publish(
        running.service,
        (dispute, told),
        (dispute, told),
        (hazard, envelope_of(hazard, f"finding-{hazard.finding_id}")),
        (dispute, once_more),
        (last, envelope_of(last, f"finding-{last.finding_id}")),
    )

    async def heard() -> bool:
        count: int = await running.value("SELECT count(*) FROM consumed")
        return count >= 4

    await until(heard)
    rows = await running.rows("SELECT stream, data, metadata::text FROM events ORDER BY position")
    assert {row[1]["finding_id"] for row in rows} == {str(dispute.finding_id), str(last.finding_id)}
    [(stream, data, metadata)] = [row for row in rows if row[1]["finding_id"] == str(dispute.finding_id)]
    assert stream == f"case-{derived_id('case', dispute.finding_id)}"
    assert (data["origin"], data["risk"], data["parties_count"]) == ("patrol_finding", "red", 0)
    kept = json.loads(metadata)
    assert (kept["causation_id"], kept["correlation_id"]) == (str(told.event_id), correlation)

    listed = await running.client().get("/v1/cases", params={"finding_id": str(dispute.finding_id)})
    [case] = listed.json()["items"]
    assert case["stage"] == "filed"
    # What it is about a patrol does not say here; the office, which reads the finding, writes it down.
    volume = f"/v1/cases/{case['case_id']}/volume"
    before = await running.client().get(volume)
    assert before.json()["account"] is None
    said = {"account": "样例：两户因漏水争执"}
    written = await running.client().post(f"/v1/cases/{case['case_id']}/account", json=said)
    assert written.status_code == 200, written.text
    after = await running.client().get(volume)
    assert (after.json()["account"], after.headers["etag"]) == (said["account"], written.headers["etag"])
    assert after.headers["etag"] != before.headers["etag"]
    assert await running.value("SELECT count(*) FROM events WHERE data::text LIKE '%漏水%'") == 0


async def test_a_forgotten_person_is_no_party_no_relative_and_no_mediator(committee: Committee) -> None:
    li, wang, *_ = committee.people
    party = {"name": "样例甲", "phone": "13900001234", "volunteer_id": str(li), "relatives": [str(wang)]}
    as_party = await committee.case(parties=[party, {"name": "样例乙", "relatives": [str(li)]}])
    as_mediator = await committee.case(li)
    over = await committee.case(li)
    await committee.hold(as_mediator, minutes=40)
    await committee.post(f"/v1/cases/{over}/withdrawal")

    await tell(committee.running.service, PersonForgotten(volunteer_id=li, community=COMMUNITY))

    first, second = await committee.get(f"/v1/cases/{as_party}/parties")
    assert (first["name"], first["phone"], first["volunteer_id"]) == (None, None, None)
    assert first["erased_at"] is not None
    assert [event["case_id"] for event in await committee.events("PartyErased")] == [as_party]
    assert (second["name"], second["relatives"]) == ("样例乙", [])
    for table in ("parties", "relatives"):
        query = f"SELECT count(*) FROM {table} WHERE volunteer_id = :id"
        assert await committee.running.value(query, id=li) == 0
    [mediator] = (await committee.get(f"/v1/cases/{as_mediator}"))["mediators"]
    assert mediator["recused_at"] is not None
    # The service given before stays, under an id that belongs to nobody any more.
    ended = await committee.post(f"/v1/cases/{as_mediator}/withdrawal")
    assert [(row["volunteer_id"], row["minutes"]) for row in ended["service"]] == [(str(li), 40)]
    assert (await committee.get(f"/v1/cases/{over}"))["mediators"][0]["recused_at"] is None


async def test_forgetting_twice_and_hearing_of_it_late_changes_nothing(committee: Committee) -> None:
    somebody: UUID = uuid4()
    forgotten = PersonForgotten(volunteer_id=somebody, community=COMMUNITY)
    await tell(committee.running.service, forgotten)
    await tell(committee.running.service, registered(somebody), forgotten)
    standing = await committee.running.value(
        "SELECT standing FROM known_volunteers WHERE volunteer_id = :id", id=somebody
    )
    assert standing == "forgotten"
