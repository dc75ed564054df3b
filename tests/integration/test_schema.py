"""The tables that the code speaks of are those that the migrations make, and lists are read along their indexes."""

from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, MetaData
from sqlalchemy.dialects.postgresql import ExcludeConstraint

from shared.migrations import KERNEL_TABLES
from tests.conftest import COMMUNITY, Running, Start
from tests.services import ALL

OTHERS = KERNEL_TABLES | {"units"}
"""Not of a service's metadata: the kernel's tables, and the one of the ledger that stands beside its schemas."""


async def migrated(start: Start, name: str) -> Running:
    build, settings = ALL[name]
    running: Running = await start(build, working=False, settings=settings)
    return running


def differences(connection: Connection, metadata: MetaData) -> list[Any]:
    def ours(name: str | None, kind: str, _: Any) -> bool:
        return not (kind == "table" and name in OTHERS)

    context = MigrationContext.configure(connection, opts={"include_name": ours, "compare_type": True})
    return list(compare_metadata(context, metadata))


@pytest.mark.parametrize("name", ALL)
async def test_the_migrations_make_the_tables_that_the_code_speaks_of(start: Start, name: str) -> None:
    running = await migrated(start, name)
    metadata = running.service.metadata
    async with running.service.database.engine.connect() as connection:
        assert await connection.run_sync(differences, metadata) == []
    # Alembic does not compare these.
    spoken_of = {
        constraint.name
        for table in metadata.tables.values()
        for constraint in table.constraints
        if isinstance(constraint, ExcludeConstraint)
    }
    made = await running.rows("SELECT conname FROM pg_constraint WHERE contype = 'x'")
    assert {row[0] for row in made} == spoken_of


@pytest.mark.parametrize("name", ALL)
async def test_migrating_again_changes_nothing(start: Start, name: str) -> None:
    running = await migrated(start, name)
    await running.service.migrate()
    await running.service.require_schema()


@pytest.mark.parametrize(
    ("name", "table", "moment", "key", "index"),
    [
        ("grid_patrol", "shifts", "planned_start", "shift_id", "shifts_community_start"),
        ("mediation", "cases", "filed_at", "case_id", "cases_community_filed"),
    ],
)
async def test_a_page_of_a_community_is_read_along_an_index_without_sorting(
    start: Start, name: str, table: str, moment: str, key: str, index: str
) -> None:
    running = await migrated(start, name)
    plan = await running.rows(
        f"EXPLAIN SELECT * FROM {table} WHERE community = :node AND ({moment}, {key}) < (now(), gen_random_uuid())"
        f" ORDER BY {moment} DESC, {key} DESC LIMIT 51",
        node=COMMUNITY,
    )
    told = " ".join(row[0] for row in plan)
    assert index in told
    assert "Sort" not in told
