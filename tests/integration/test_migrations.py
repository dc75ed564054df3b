"""Two replicas that are started at once migrate the same empty database, and both succeed."""

import asyncio

import pytest

from shared.topics import ensure_topics
from tests.services import ALL


@pytest.mark.parametrize("service", ALL)
async def test_two_who_migrate_at_once_both_succeed(start, service: str) -> None:
    build, settings = ALL[service]
    first = await start(build, settings=settings, working=False, migrate=False)
    url = first.service.settings.database_url.get_secret_value()
    second = await start(build, settings=settings, working=False, migrate=False, database_url=url)

    async def migrate(running) -> None:
        await running.service.migrate()
        await ensure_topics(running.service.settings)

    await asyncio.gather(migrate(first), migrate(second))
    await first.service.require_schema()
