"""Pooled connections: what becomes of them when the server, or whoever used them, lets go in the middle."""

import asyncio

import pytest
from sqlalchemy import text

from shared.database import driver_connection
from tests.conftest import until
from tests.integration.kernel import counting

_OTHERS = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"


async def test_after_all_connections_were_cut_the_next_work_and_the_next_question_get_new_ones(start) -> None:
    database = (await start(counting.build, working=False)).service.database
    used = set()

    async def work() -> None:
        async with database.transaction() as connection:
            used.add(await driver_connection(connection))
            await connection.execute(text("SELECT pg_sleep(0.05)"))

    async def question() -> None:
        async with database.asking() as connection:
            used.add(await driver_connection(connection))
            await connection.execute(text("SELECT pg_sleep(0.05)"))

    await asyncio.gather(*[work() for _ in range(4)], *[question() for _ in range(4)])
    server = await database.dedicated()
    assert await server.fetchval(f"SELECT count(pg_terminate_backend(pid)) {_OTHERS}") >= 8

    async def all_have_heard_of_it() -> bool:
        return all(connection.is_closed() for connection in used)

    await until(all_have_heard_of_it)
    await server.close()
    await work()
    await question()


@pytest.mark.parametrize("turns_between", range(4))
async def test_a_transaction_that_is_cut_short_while_it_ends_is_nobody_elses(start, turns_between: int) -> None:
    database = (await start(counting.build, working=False, database_pool_size=1)).service.database
    began = asyncio.Event()

    async def work() -> None:
        async with database.transaction() as connection:
            await connection.execute(text("CREATE TABLE half_done ()"))
            began.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(work())
    await began.wait()
    task.cancel()
    for _ in range(turns_between):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    async with database.transaction() as connection:
        assert await connection.scalar(text("SELECT to_regclass('half_done')")) is None
