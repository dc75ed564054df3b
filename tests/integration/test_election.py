"""Work that one process does while the others stand by."""

import asyncio
from typing import Any

from services.points.app import build
from services.points.settings import PointsSettings
from shared.election import elected
from tests.conftest import until

_LOCK = 815


async def test_one_is_elected_and_the_next_when_it_lets_go(start: Any) -> None:
    running = await start(build, working=False, settings=PointsSettings)
    database = running.service.database
    leads = asyncio.Event()

    async def stand_by_and_lead() -> None:
        async with elected(database, _LOCK):
            leads.set()

    async with elected(database, _LOCK):
        second = asyncio.create_task(stand_by_and_lead())

        async def stands_by() -> bool:
            idle = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%try_adv%'"
            return bool(await running.value(idle + " AND state = 'idle'") == 2)

        await until(stands_by)
        assert not leads.is_set()

        async def nothing_is_held() -> bool:
            held = "backend_xmin IS NOT NULL AND datname = current_database() AND pid <> pg_backend_pid()"
            return bool(await running.value(f"SELECT count(*) FROM pg_stat_activity WHERE {held}") == 0)

        # Whoever stands by keeps no snapshot: they have one only for the moment in which they ask again.
        await until(nothing_is_held)
    await asyncio.wait_for(second, 10)
    assert leads.is_set()
