"""What an administrator does: rebuild the read tables, import the division file."""

import asyncio
from typing import Any
from uuid import UUID

from typer.testing import CliRunner

from services.registry.__main__ import main
from services.registry.app import build
from services.registry.settings import RegistrySettings
from tests.conftest import Start, environment_of
from tests.integration.registry.conftest import DIVISIONS_FILE, Registry, id_number
from tests.integration.repairing import assert_repaired


async def test_a_rebuild_gives_the_same_tables(registry: Registry) -> None:
    people = [await registry.volunteer(n) for n in range(1, 4)]
    team = await registry.team()
    await registry.post(f"/v1/teams/{team['id']}/members", volunteers=[p["id"] for p in people])
    await registry.post(f"/v1/teams/{team['id']}/leader", volunteer=people[0]["id"])
    await registry.post(f"/v1/teams/{team['id']}/departures", volunteer=people[0]["id"])
    for hours in (-30, -20):
        activity = await registry.activity(hours, team_id=team["id"])
        path = f"/v1/activities/{activity['id']}"
        await registry.post(f"{path}/sign-ups", volunteer=people[0]["id"], signed_up_at=registry.at(hours - 1))
        await registry.post(f"{path}/sign-up-withdrawals", volunteer=people[0]["id"])
        entries = [{"volunteer": p["id"], "checked_in_at": registry.at(hours)} for p in people[:2]]
        await registry.post(f"{path}/attendances", entries=[*entries, {"volunteer": people[2]["id"], "minutes": 5}])
        await registry.post(f"{path}/completion")
        change = {"evidence": "backfilled", "reason": "not_present"}
        for minutes in (7, 0, 9):
            await registry.post(f"{path}/corrections", volunteer=people[1]["id"], minutes=minutes, **change)
    open_ = await registry.activity(40, team_id=team["id"])
    await registry.post(f"/v1/activities/{open_['id']}/sign-ups", volunteer=people[0]["id"])
    await registry.post(f"/v1/volunteers/{people[2]['id']}/forgetting")
    await registry.verify()
    await assert_repaired(registry.running, "engagements", "team_names", "volunteer_numbers")
    # As one who was registered after the backup that was restored.
    async with registry.running.service.database.transaction() as connection:
        await registry.running.service.workshop.vault.forget(connection, UUID(people[1]["id"]))
    lost = f"/v1/volunteers/{people[1]['id']}"
    for body in ({"phone": "13900000001"}, {"id_number": id_number(9)}):
        await registry.refused(registry.clerk.patch(lost, json=body), 409, "details_lost")
    await registry.refused(registry.clerk.post(f"{lost}/consent-withdrawal", json={}), 409, "details_lost")
    await registry.post(f"{lost}/forgetting")


async def test_the_division_file_is_imported_by_command(start: Start) -> None:
    running = await start(build, working=False, settings=RegistrySettings)

    def run(*arguments: str) -> Any:
        return CliRunner().invoke(main, list(arguments), env=environment_of(running))

    first = await asyncio.to_thread(run, "import-divisions", str(DIVISIONS_FILE))
    assert first.exit_code == 0, first.output
    assert "added 56" in first.output
    again = await asyncio.to_thread(run, "import-divisions", str(DIVISIONS_FILE))
    assert "unchanged 56" in again.output
    assert await running.value("SELECT count(*) FROM events") == 56
    wrong = await asyncio.to_thread(run, "import-divisions", __file__)
    assert wrong.exit_code == 1
    assert "区划文件" in wrong.output
