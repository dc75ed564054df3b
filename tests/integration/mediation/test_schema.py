"""The tables that the code speaks of are those that the migrations make, and lists are read along their indexes."""

from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection

from services.mediation.app import build
from services.mediation.settings import MediationSettings
from services.mediation.tables import metadata
from shared.migrations import KERNEL_TABLES
from tests.conftest import COMMUNITY, Start


def _differences(connection: Connection) -> list[Any]:
    def ours(name: str | None, kind: str, _: Any) -> bool:
        return not (kind == "table" and name in KERNEL_TABLES)

    context = MigrationContext.configure(connection, opts={"include_name": ours, "compare_type": True})
    return list(compare_metadata(context, metadata))


async def test_the_migrations_make_the_tables_that_the_code_speaks_of(start: Start) -> None:
    running = await start(build, working=False, settings=MediationSettings)
    async with running.service.database.engine.connect() as connection:
        assert await connection.run_sync(_differences) == []
    constraints = await running.rows("SELECT conname FROM pg_constraint WHERE contype = 'x'")
    assert [row[0] for row in constraints] == ["mediator_times_one_session_at_a_time"]


async def test_migrating_again_changes_nothing(start: Start) -> None:
    running = await start(build, working=False, settings=MediationSettings)
    await running.service.migrate()
    await running.service.require_schema()


async def test_a_page_of_a_community_is_read_along_an_index_without_sorting(start: Start) -> None:
    running = await start(build, working=False, settings=MediationSettings)
    plan = await running.rows(
        "EXPLAIN SELECT * FROM cases WHERE community = :node AND (filed_at, case_id) < (now(), gen_random_uuid())"
        " ORDER BY filed_at DESC, case_id DESC LIMIT 51",
        node=COMMUNITY,
    )
    told = " ".join(row[0] for row in plan)
    assert "cases_community_filed" in told
    assert "Sort" not in told
