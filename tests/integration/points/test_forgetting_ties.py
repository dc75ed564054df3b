"""Whoever was forgotten belongs to no household and has no relatives: their names would say whose the ledger is."""

import asyncio
import uuid
from datetime import UTC, datetime
from importlib import import_module
from typing import Any

import pytest

from services.points.app import build
from services.points.forgetting import ForgettingWatch
from services.points.ledger.schema import copy_of_the_tables
from services.points.proof.switching import REBUILDING
from services.points.settings import PointsSettings
from shared.contracts.love_market import HouseholdMembersChanged
from shared.contracts.registry import PersonForgotten
from shared.eventstore import Recorded, append, writing
from tests.conftest import COMMUNITY
from tests.integration.points.test_goods_come_and_go import made
from tests.integration.scene import _valid
from tests.integration.telling import registered, tell


@pytest.fixture
async def points(start: Any) -> Any:
    return await start(build, settings=PointsSettings, working=False)


async def relations(points: Any) -> dict[str, str]:
    items = (await points.client().get("/v1/kin")).json()["items"]
    return {item["volunteer_id"]: item["stage"] for item in items}


async def execute(points: Any, statement: str) -> None:
    async with points.service.database.transaction() as connection:
        await connection.exec_driver_sql(statement)


async def tables_of_members(points: Any) -> list[str]:
    rows = await points.rows("SELECT schemaname FROM pg_tables WHERE tablename = 'members' ORDER BY 1")
    return [row[0] for row in rows]


async def left_alone(clerk: Any) -> list[Any]:
    asked = {"member_forgotten": "true", "names": "true"}
    items: list[Any] = (await clerk.get("/v1/households", params=asked)).json()["items"]
    return items


async def emptied_by_an_earlier_program(points: Any, household: str) -> None:
    """As events told it before they said that somebody was forgotten."""
    at, stream = datetime.now(UTC), f"household-{household}"
    event = HouseholdMembersChanged(household_id=uuid.UUID(household), community=COMMUNITY, members=(), changed_at=at)
    recorded = [Recorded(event, uuid.uuid4(), stream, 2, COMMUNITY, at, {"actor": "forgetting"})]
    async with writing(points.service.database) as connection:
        await points.service.views.apply_all(connection, recorded)
        await append(connection, recorded)


async def marks(points: Any) -> list[Any]:
    """Which households are marked, and since when: in the table, by the migration, and after a rebuild."""
    query = "SELECT id, member_forgotten_at FROM households ORDER BY id"
    found = [await points.rows(query)]
    migration = import_module("services.points.migrations.versions.0033_households_left")
    await execute(points, "UPDATE households SET member_forgotten_at = NULL")
    await execute(points, migration.MARK_THOSE_OF_BEFORE)
    found.append(await points.rows(query))
    async with points.service.database.transaction() as connection:
        await points.service.views.rebuild(connection)
    found.append(await points.rows(query))
    assert found[0] == found[1] == found[2]
    return [row[0] for row in found[0] if row[1] is not None]


async def test_nothing_ties_the_forgotten_to_a_name(points: Any) -> None:
    gone, stays, mother, single = (uuid.uuid4() for _ in range(4))
    await tell(points.service, registered(gone), registered(stays), registered(mother))
    clerk, other = points.client(subject="clerk"), points.client(subject="colleague")
    body = {"community": COMMUNITY, "name": "演示户", "members": [str(gone), str(stays)]}
    household = await made(clerk, "/v1/households", body)
    alone = await made(clerk, "/v1/households", {**body, "name": "演示户主", "members": [str(single)]})
    before = await made(clerk, "/v1/households", {**body, "members": [str(uuid.uuid4())]})
    left = await made(clerk, "/v1/households", {**body, "members": [str(mother)]})
    await made(clerk, f"/v1/households/{left['id']}/members", {"members": []})
    person = {"name": "合成老人", "id_number": _valid("62029819450101001")}
    named = await made(clerk, "/v1/beneficiaries", {"community": COMMUNITY, "person": person})
    itself = await made(clerk, "/v1/beneficiaries", {"community": COMMUNITY, "volunteer_id": str(gone)})
    for volunteer, beneficiary in ((gone, named), (mother, itself), (stays, named)):
        tie = {"volunteer_id": str(volunteer), "beneficiary_id": beneficiary["id"], "relation": "parent"}
        await made(other, f"/v1/kin/{(await made(clerk, '/v1/kin', tie))['id']}/verification")

    watch = ForgettingWatch(points.service.workshop, 60)
    assert await watch.let_go() == 0
    # What rebuilds left: of the last switch, and of one that differs or was killed.
    for schema in ("retired", "rebuild"):
        for statement in copy_of_the_tables(schema):
            await execute(points, statement)
    at_work = await points.service.database.dedicated()
    await at_work.execute("SELECT pg_advisory_lock($1)", REBUILDING)
    await watch.let_go()
    assert await tables_of_members(points) == ["ledger", "rebuild", "retired"], "a rebuild is at work on them"
    await at_work.execute("SELECT pg_advisory_unlock($1)", REBUILDING)
    for person in (gone, single):
        await tell(points.service, PersonForgotten(volunteer_id=person, community=COMMUNITY))
    async with at_work.transaction():
        await at_work.execute("LOCK TABLE retired.members IN ACCESS SHARE MODE")
        async with asyncio.timeout(20):
            assert await watch.let_go() == 4, "also while a dump is reading the old tables"
        assert await tables_of_members(points) == ["ledger", "rebuild", "retired"]
    await at_work.close()
    assert await watch.let_go() == 0
    assert await tables_of_members(points) == ["ledger"]
    expected = {str(gone): "ended", str(mother): "ended", str(stays): "verified"}
    for _ in range(2):
        found = (await clerk.get(f"/v1/households/{household['id']}")).json()
        assert (found["name"], found["members"]) == ("演示户", [str(stays)])
        assert await relations(points) == expected
        assert await watch.let_go() == 0
        marked = {item["id"]: (item["name"], item["members"]) for item in await left_alone(clerk)}
        assert marked == {household["id"]: ("演示户", [str(stays)]), alone["id"]: ("演示户主", [])}
        async with points.service.database.transaction() as connection:
            await points.service.views.rebuild(connection)
    await emptied_by_an_earlier_program(points, before["id"])
    assert await marks(points) == sorted(uuid.UUID(one["id"]) for one in (household, alone, before))
    refused = await clerk.post(f"/v1/households/{household['id']}/members", json={"members": [str(gone)]})
    assert refused.json()["code"] == "member_of_another_community"
    # Only who looks at the name, or is new there, takes the mark away; that it is right is said by giving it again.
    path = f"/v1/households/{alone['id']}"
    assert (await clerk.patch(path, json={"address": "演示路 1 号"})).is_success
    for members in ([], [str(stays)]):
        await made(clerk, f"/v1/households/{household['id']}/members", {"members": members})
    assert len(await marks(points)) == 2
    assert (await clerk.patch(path, json={"name": "演示户主"})).is_success
    assert (await clerk.patch(path, json={"name": "演示户主"})).is_success
    assert await marks(points) == [uuid.UUID(before["id"])]
    assert (await clerk.patch(f"/v1/households/{before['id']}", json={"name": "演示户之女"})).is_success
    assert (await marks(points), await left_alone(clerk)) == ([], [])
    told = "SELECT count(*) FROM events WHERE type LIKE '%HouseholdDetailsChanged%' AND data->'fields' ? 'name'"
    assert await points.value(told) == 2, "what nobody doubts is not told again"
