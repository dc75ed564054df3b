"""Journeys over the bus: several services, one Kafka, as clerks and volunteers live them."""

from datetime import UTC, datetime, timedelta

from tests.conftest import COMMUNITY, until
from tests.integration.scene import grid_patrol, made, registry
from tests.services import ALL


async def begin(start, *names: str, **values):
    running = {}
    for name in names:
        build, settings = ALL[name]
        running[name] = await start(build, settings=settings, backdating_max_days=30, **values)
    return running


async def balance(running, holder: str, unit: str) -> int:
    answer = await running.client().get(f"/v1/accounts/{holder}/{unit}")
    return answer.json()["posted"] if answer.is_success else 0


async def test_hours_become_points_and_points_become_rice(start) -> None:
    town = await begin(start, "registry", "points")
    known = await registry(town["registry"])  # two hours on site, in a category of weight 1
    volunteer, points = known["volunteer_id"], town["points"]

    async def earned() -> bool:
        return await balance(points, volunteer, "POINT") == 20

    await until(earned)
    assert await balance(points, volunteer, "SERVICE_MINUTE") == 120
    clerk = points.client()
    item = await made(clerk, "/v1/items", {"community": COMMUNITY, "name": "大米", "price_points": 15})
    await made(clerk, f"/v1/items/{item['id']}/receipts", {"quantity": 5})
    own = points.client("volunteer", COMMUNITY, volunteer)
    reserved = await made(own, "/v1/redemptions", {"volunteer_id": volunteer, "item_id": item["id"], "quantity": 1})
    again = await own.post("/v1/redemptions", json={"volunteer_id": volunteer, "item_id": item["id"], "quantity": 1})
    assert again.status_code == 409, "5 points are left, the item costs 15"
    await made(clerk, f"/v1/redemptions/{reserved['id']}/collection", {"identified_by": "card"})
    assert await balance(points, volunteer, "POINT") == 5
    assert await balance(points, volunteer, "SERVICE_MINUTE") == 120, "redemption never touches hours"
    statement = (await own.get(f"/v1/accounts/{volunteer}/POINT/statement")).json()["items"]
    assert sorted(line["amount"] for line in statement) == [-15, 20]


async def test_a_correction_takes_points_back_without_going_below_what_is_owed(start) -> None:
    town = await begin(start, "registry", "points")
    known = await registry(town["registry"])
    volunteer, points = known["volunteer_id"], town["points"]

    async def has(unit: str, amount: int) -> None:
        async def true() -> bool:
            return await balance(points, volunteer, unit) == amount

        await until(true)

    await has("POINT", 20)
    correction = {"volunteer": volunteer, "minutes": 60, "evidence": "scanned", "reason": "wrong_time"}
    await made(town["registry"].client(), f"/v1/activities/{known['activity_id']}/corrections", correction)
    await has("POINT", 10)
    await has("SERVICE_MINUTE", 60)


async def test_a_dispute_found_on_patrol_becomes_one_case_that_remembers_where_it_came_from(start) -> None:
    town = await begin(start, "registry", "grid_patrol", "mediation")
    member = (await registry(town["registry"]))["volunteer_id"]
    known = await grid_patrol(town["grid_patrol"], [member])
    finding = {"cell": "QL001", "kind": "dispute", "risk": "yellow", "reported_by": member, "text": "两户争执（合成）"}
    path = f"/v1/shifts/{known['shift_id']}/findings"
    reported = await made(town["grid_patrol"].client(), path, finding)
    clerk = town["mediation"].client()

    async def case():
        found = (await clerk.get("/v1/cases", params={"finding_id": reported["finding_id"]})).json()["items"]
        return found[0] if found else None

    opened = await until(case)
    assert (opened["origin"], opened["risk"], opened["stage"]) == ("patrol_finding", "yellow", "filed")
    cause = await town["grid_patrol"].rows(
        "SELECT event_id, metadata ->> 'correlation_id' FROM events WHERE type = :type AND data ->> 'finding_id' = :id",
        type="liuling.grid_patrol.PatrolFindingReported.v1",
        id=reported["finding_id"],
    )
    effect = await town["mediation"].rows(
        "SELECT metadata ->> 'causation_id', metadata ->> 'correlation_id', metadata ->> 'traceparent'"
        " FROM events WHERE type = 'liuling.mediation.CaseFiled.v1'"
    )
    assert [(str(cause[0][0]), cause[0][1])] == [(row[0], row[1]) for row in effect]
    assert effect[0][2], "the trace goes on over the bus"


async def test_a_resolved_dispute_gives_its_mediator_hours_and_a_patrol_its_members(start) -> None:
    town = await begin(start, "registry", "mediation", "grid_patrol", "points")
    person = (await registry(town["registry"]))["volunteer_id"]
    clerk = town["mediation"].client()
    now = datetime.now(UTC).replace(microsecond=0)
    at = (now - timedelta(hours=4)).isoformat()
    body = {
        "community": COMMUNITY,
        "kind": "neighbour",
        "parties": [{"role": "applicant", "name": "合成当事人"}],
        "filed_at": at,
    }
    case = f"/v1/cases/{(await made(clerk, '/v1/cases', body))['case_id']}"
    await made(clerk, f"{case}/mediators", {"mediator_id": person, "assigned_at": at})
    await made(clerk, f"{case}/sessions", {"started_at": at, "minutes": 40, "record_signed": True})
    ended = (now - timedelta(hours=3)).isoformat()
    resolution = {"agreement": "oral", "content": "合成", "resolved_at": ended}
    [mediated] = (await made(clerk, f"{case}/resolution", resolution))["service"]
    known = await grid_patrol(town["grid_patrol"], [person])
    ended = (now - timedelta(hours=2)).isoformat()
    logged = await made(town["grid_patrol"].client(), f"/v1/shifts/{known['shift_id']}/log", {"ended_at": ended})
    patrolled = sum(record["minutes"] for record in logged["members"])
    assert patrolled > 0

    async def served(minutes: int) -> None:
        async def told() -> bool:
            return await balance(town["points"], person, "SERVICE_MINUTE") == minutes

        await until(told)

    await served(120 + 40 + patrolled)
    # It was another who sat with the parties, and the person walked for half an hour only.
    other = {"record_id": mediated["record_id"], "minutes": 0, "evidence": "scanned", "reason": "wrong_person"}
    await made(clerk, f"{case}/corrections", other)
    shorter = {"volunteer_id": person, "minutes": 30, "evidence": "backfilled", "reason": "wrong_time"}
    await made(town["grid_patrol"].client(), f"/v1/shifts/{known['shift_id']}/corrections", shorter)
    await served(120 + 30)
    assert await balance(town["points"], person, "POINT") == 20, "the activity's points are as they were"


async def test_a_forgotten_person_is_dropped_everywhere_and_can_spend_no_more(start) -> None:
    town = await begin(start, "registry", "points", "mediation")
    known = await registry(town["registry"])
    volunteer, points = known["volunteer_id"], town["points"]

    async def earned() -> bool:
        return await balance(points, volunteer, "POINT") == 20

    await until(earned)
    clerk = points.client()
    item = await made(clerk, "/v1/items", {"community": COMMUNITY, "name": "毛巾", "price_points": 5})
    await made(clerk, f"/v1/items/{item['id']}/receipts", {"quantity": 5})
    await made(town["registry"].client(), f"/v1/volunteers/{volunteer}/forgetting")
    assert await town["registry"].value("SELECT count(*) FROM vault_keys WHERE subject = :id", id=volunteer) == 0
    order = {"volunteer_id": volunteer, "item_id": item["id"], "quantity": 1}

    async def closed() -> bool:
        answer = await clerk.post("/v1/redemptions", json=order)
        return not answer.is_success

    await until(closed)
    assert await balance(points, volunteer, "SERVICE_MINUTE") == 120, "the ledger stays whole"
