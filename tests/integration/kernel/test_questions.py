"""Query routes ask and change nothing: the server itself refuses, whichever way a statement takes to it."""

import asyncio
import time
import uuid
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi import Request
from structlog.testing import capture_logs

from shared.database import QuestionWrote, driver_connection
from shared.metrics import REGISTRY
from shared.web import Api, Caller, Read
from tests.conftest import COMMUNITY
from tests.integration.kernel import counting

_INTO = "INSERT INTO heard VALUES ('0192d3a0-5b7c-7d3e-8f00-2b1c3d4e5f60', 1)"

wrong = Api(tags=["wrong"])


@wrong.query("/v1/wrong/{way}", permission="cases.read")
async def write(way: str, read: Read, caller: Caller) -> dict[str, str]:
    if way == "statement":
        await read.execute(sa.text(_INTO))
    elif way == "driver":
        await (await driver_connection(read)).execute(_INTO)
    elif way == "transaction":
        async with (await driver_connection(read)).transaction():
            await (await driver_connection(read)).execute(_INTO)
    else:
        await read.execute(sa.text("SELECT 1 FROM counters FOR UPDATE"))
    return {}


@wrong.query("/v1/slow/{way}", permission="cases.read")
async def slow(way: str, read: Read, caller: Caller) -> dict[str, str]:
    if way == "driver":
        await (await driver_connection(read)).execute("SELECT pg_sleep(30)")
    else:
        await read.execute(sa.text("SELECT pg_sleep(30)"))
    return {}


@wrong.query("/v1/early/{counter_id}", permission="cases.read")
async def early(request: Request, counter_id: uuid.UUID, read: Read, caller: Caller) -> dict[str, Any]:
    """As an export does that sets its file after it has let go of the database."""
    value = await read.scalar(sa.select(counting.counters.c.value).where(counting.counters.c.counter_id == counter_id))
    await read.close()
    pool = request.app.state.workshop.database.questions.pool.checkedout()
    await asyncio.sleep(0)
    return {"value": value, "in_use": pool}


@pytest.mark.parametrize("way", ["statement", "driver", "transaction", "lock"])
async def test_a_query_route_that_writes_fails_and_nothing_is_written(start, way: str) -> None:
    running = await start(counting.build, working=False)
    wrong.add_to(running.service.app.router)
    counted = {"route": "GET /v1/wrong/{way}", "status": "500"}
    before = REGISTRY.get_sample_value("liuling_query_seconds_count", counted) or 0
    with capture_logs() as said:
        answer = await running.client().get(f"/v1/wrong/{way}")
    assert REGISTRY.get_sample_value("liuling_query_seconds_count", counted) == before + 1
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error"), "a mistake, not an outage"
    [failed] = [line for line in said if line["event"] == "request_failed"]
    assert failed["correlation_id"] == answer.headers["x-correlation-id"]
    assert await running.value("SELECT count(*) FROM heard") == 0


async def test_a_question_says_that_it_wrote_and_its_connection_serves_on(start) -> None:
    running = await start(counting.build, working=False, database_questions_pool_size=1)
    database = running.service.database
    for _ in range(2):
        with pytest.raises(QuestionWrote):
            async with database.asking() as connection:
                await connection.execute(sa.text(_INTO))
        async with database.asking() as connection:
            assert await connection.scalar(sa.text("SELECT count(*) FROM heard")) == 0


async def test_a_connection_that_was_let_go_early_serves_others_and_never_a_command(start) -> None:
    running = await start(counting.build, working=False, database_questions_pool_size=1, database_pool_size=1)
    wrong.add_to(running.service.app.router)
    client, counter = running.client(), uuid.uuid4()
    for amount in (1, 2):
        assert (await client.post(f"/v1/counters/{counter}", json={"community": COMMUNITY})).status_code == 201
        answers = await asyncio.gather(*[client.get(f"/v1/early/{counter}") for _ in range(5)])
        assert [answer.json() for answer in answers] == [{"value": amount, "in_use": 0}] * 5


async def test_many_who_ask_do_not_keep_a_command_waiting(start) -> None:
    running = await start(counting.build, working=False, database_questions_pool_size=1, database_pool_size=1)
    async with running.service.database.asking() as connection:
        await connection.execute(sa.text("SELECT 1"))
        answer = await running.client().post(f"/v1/counters/{uuid.uuid4()}", json={"community": COMMUNITY})
    assert answer.status_code == 201


@pytest.mark.parametrize("way", ["statement", "driver"])
async def test_a_question_that_takes_too_long_is_ended_once_and_told(start, way: str) -> None:
    running = await start(counting.build, working=False, database_question_timeout_s=1, database_questions_pool_size=1)
    wrong.add_to(running.service.app.router)
    client, began = running.client(), time.perf_counter()
    answer = await client.get(f"/v1/slow/{way}")
    assert (answer.status_code, answer.json()["code"]) == (503, "question_took_too_long")
    assert time.perf_counter() - began < 2, "asked once, and not three times"
    assert (await client.get("/v1/counters")).status_code == 200
