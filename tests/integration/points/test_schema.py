"""The tables that the code speaks of are those that the migrations make, and their rules hold against anybody."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, inspect
from sqlalchemy.exc import DBAPIError, IntegrityError

from services.points.app import build
from services.points.ledger.schema import LIVE, REBUILT, TABLES, copy_of_the_tables
from services.points.settings import PointsSettings
from services.points.tables import accounts, members, metadata, tellings, transfers
from shared.migrations import KERNEL_TABLES


def _differences(connection: Connection) -> list[Any]:
    def ours(name: str | None, kind: str, _: Any) -> bool:
        return not (kind == "table" and name in KERNEL_TABLES | {"units"})

    context = MigrationContext.configure(connection, opts={"include_name": ours, "compare_type": True})
    return list(compare_metadata(context, metadata))


async def test_the_migrations_make_the_tables_that_the_code_speaks_of(start: Any) -> None:
    points = await start(build, working=False, settings=PointsSettings)
    async with points.service.database.engine.connect() as connection:
        assert await connection.run_sync(_differences) == []
        for table in (accounts, members, tellings, transfers):
            columns = await connection.run_sync(lambda c, t=table: inspect(c).get_columns(t.name, schema="ledger"))  # type: ignore[misc]
            assert {column["name"] for column in columns} == set(table.c.keys())


async def test_a_second_set_of_the_ledger_is_built_and_stored_like_the_live_one(start: Any) -> None:
    points = await start(build, working=False, settings=PointsSettings)
    async with points.service.database.transaction() as connection:
        for statement in copy_of_the_tables(REBUILT):
            await connection.exec_driver_sql(statement)
    query = """
        SELECT c.relname, c.reloptions,
               (SELECT array_agg(pg_get_constraintdef(k.oid) ORDER BY 1) FROM pg_constraint AS k
                 WHERE k.conrelid = c.oid AND k.contype <> 'n'),
               (SELECT array_agg(regexp_replace(pg_get_indexdef(i.indexrelid), '^.* USING', '') ORDER BY 1)
                  FROM pg_index AS i WHERE i.indrelid = c.oid),
               (SELECT array_agg(t.tgname) FROM pg_trigger AS t WHERE t.tgrelid = c.oid)
          FROM pg_class AS c WHERE c.relnamespace = cast(:schema AS regnamespace) AND c.relkind = 'r' ORDER BY 1
    """
    live = await points.rows(query, schema=LIVE)
    assert [tuple(row) for row in await points.rows(query, schema=REBUILT)] == [tuple(row) for row in live]
    assert {row[0] for row in live} == set(TABLES)


@pytest.mark.parametrize(
    "statement",
    ["UPDATE ledger.transfers SET amount = 1", "DELETE FROM ledger.transfers", "TRUNCATE ledger.transfers"],
)
async def test_transfers_are_never_changed(start: Any, statement: str) -> None:
    points = await start(build, working=False, settings=PointsSettings)
    with pytest.raises(DBAPIError, match="append-only"):
        async with points.service.database.transaction() as connection:
            await connection.exec_driver_sql(statement)


async def test_the_database_itself_refuses_an_overdraft_and_a_transfer_of_nothing(start: Any) -> None:
    points = await start(build, working=False, settings=PointsSettings)
    database = points.service.database
    async with database.transaction() as connection:
        await connection.exec_driver_sql(
            "INSERT INTO ledger.accounts (id, holder, unit, community, limited, credits)"
            " VALUES (1, 'a', 1, '', true, 9)"
        )
    with pytest.raises(IntegrityError, match="accounts_never_below_zero"):
        async with database.transaction() as connection:
            await connection.exec_driver_sql("UPDATE ledger.accounts SET pending_debits = 10")
    with pytest.raises(IntegrityError, match="transfers_amount_check"):
        async with database.transaction() as connection:
            await connection.exec_driver_sql(
                "INSERT INTO ledger.transfers (debit_account, credit_account, amount, occurred_at, recorded_at,"
                " event_id, record_id, unit, clause)"
                f" VALUES (1, 2, 0, now(), now(), '{uuid.uuid4()}', '{uuid.uuid4()}', 1, 1)"
            )


async def test_a_statement_page_is_read_from_the_indexes(start: Any) -> None:
    """However long the ledger: both sides of an account come from their own index."""
    from sqlalchemy.dialects import postgresql

    from services.points.ledger.reading import statement

    points = await start(build, working=False, settings=PointsSettings)
    query, order, params = statement(5)
    query = query.where(order[0] < datetime.now(UTC) - timedelta(days=1))
    query = query.order_by(*(column.desc() for column in order)).limit(51).params(params)
    text = str(query.compile(dialect=postgresql.dialect(), compile_kwargs={"literal_binds": True}))
    async with points.service.database.transaction() as connection:
        await connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        await connection.exec_driver_sql("SET LOCAL enable_bitmapscan = off")
        plan = "\n".join(row[0] for row in await connection.exec_driver_sql(f"EXPLAIN {text}"))
    assert "transfers_credit" in plan
    assert "transfers_debit" in plan
