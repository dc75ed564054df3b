"""Work that one process does while the others stand by."""

from typing import Any

from services.points.app import build
from services.points.settings import PointsSettings
from shared.election import elected
from tests.conftest import until

_LOCK = 815


async def test_one_is_elected_and_the_next_when_it_lets_go(start: Any) -> None:
    database = (await start(build, working=False, settings=PointsSettings)).service.database
    async with elected(database, _LOCK) as first:
        assert first is not None
        async with elected(database, _LOCK) as second:
            assert second is None

    async def again() -> bool:
        async with elected(database, _LOCK) as third:
            return third is not None

    await until(again)


async def test_whoever_stands_by_keeps_no_snapshot(start: Any) -> None:
    running = await start(build, working=False, settings=PointsSettings)
    database = running.service.database
    async with elected(database, _LOCK) as first, elected(database, _LOCK) as second:
        assert first is not None
        assert second is None
        held = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND backend_xmin IS NOT NULL"
        assert await running.value(held + " AND pid <> pg_backend_pid()") == 0
