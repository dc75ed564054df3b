"""Commands over HTTP: once per key, refused in words, decided again after a conflict."""

import asyncio
import json
import uuid
from collections.abc import Awaitable

import pytest
from httpx import Response
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from sqlalchemy import text

from shared.eventstore import EventTooLarge
from shared.metrics import REGISTRY
from tests.conftest import COMMUNITY, FOREIGN, until
from tests.integration.kernel import counting


async def test_the_same_key_gives_the_same_answer_once(start) -> None:
    counting_ = await start(counting.build, working=False)
    client, url = counting_.client(), f"/v1/counters/{uuid.uuid4()}"
    body, key = {"community": COMMUNITY, "amount": 5}, {"Idempotency-Key": "the-same-key"}
    answers = await asyncio.gather(*[client.post(url, json=body, headers=key) for _ in range(8)])
    assert {(a.status_code, a.text) for a in answers} == {(201, answers[0].text)}
    assert sorted(a.headers.get("idempotency-replayed", "") for a in answers) == [""] + ["true"] * 7
    assert await counting_.value("SELECT count(*) FROM events") == 1


async def test_a_twin_is_given_the_answer_and_not_told_that_its_own_work_is_in_the_way(start) -> None:
    counting_ = await start(counting.build, working=False)
    client, url = counting_.client(), f"/v1/counters/{uuid.uuid4()}"
    await client.post(url, json={"community": COMMUNITY, "amount": 999})
    last, key = {"community": COMMUNITY, "amount": 1}, {"Idempotency-Key": "double-click"}
    answers = await asyncio.gather(*[client.post(url, json=last, headers=key) for _ in range(8)])
    assert {answer.status_code for answer in answers} == {201}, "the second of two would find the counter full"
    assert await counting_.value("SELECT value FROM counters") == 1000


async def test_an_exhausted_pool_is_an_answer_and_not_the_end(start) -> None:
    counting_ = await start(counting.build, working=False, database_pool_size=1)
    counting_.service.database.engine.pool._timeout = 0.2
    async with counting_.service.database.transaction() as connection:
        await connection.exec_driver_sql("SELECT 1")
        answer = await counting_.client().post(f"/v1/counters/{uuid.uuid4()}", json={"community": COMMUNITY})
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")


async def test_an_event_that_no_broker_would_take_is_refused(start) -> None:
    counting_ = await start(counting.build, working=False)
    # What the database gives back is larger than what was put in: there are spaces in it.
    for text_, marks in (("x" * 1_000_000, None), ("x", [1] * 400_000)):
        command = counting.Count(uuid.uuid4(), text_, 1, marks)
        async with counting_.service.workshop.transaction() as work:
            work.create(counting.COUNTERS, command.counter_id, command)
            with pytest.raises(EventTooLarge):
                await work.finish()


async def test_a_key_used_for_something_else_is_refused(start) -> None:
    counting_ = await start(counting.build, working=False)
    client, url = counting_.client(), f"/v1/counters/{uuid.uuid4()}"
    key = {"Idempotency-Key": "used-before"}
    await client.post(url, json={"community": COMMUNITY, "amount": 5}, headers=key)
    answer = await client.post(url, json={"community": COMMUNITY, "amount": 6}, headers=key)
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")


async def test_a_long_command_is_looked_for_before_it_is_decided_again(start) -> None:
    counting_ = await start(counting.build, working=False)
    client, url = counting_.client(), f"/v1/counters/{uuid.uuid4()}"
    headers = {"Idempotency-Key": "said-twice", "Content-Type": "application/json"}
    body = json.dumps({"community": COMMUNITY, "amount": 5}) + " " * 20_000
    first, again = [await client.post(url, content=body, headers=headers) for _ in range(2)]
    assert (again.json(), again.headers["idempotency-replayed"]) == (first.json(), "true")
    assert again.headers["etag"] == first.headers["etag"]
    assert (await client.post(url, content=body[:-1], headers=headers)).json()["code"] == "idempotency_key_reused"


async def test_an_answer_is_given_again_in_the_place_it_was_given_in_only(start) -> None:
    counting_ = await start(counting.build, working=False)
    url, body, key = f"/v1/counters/{uuid.uuid4()}", {"community": COMMUNITY}, {"Idempotency-Key": "before-moving"}
    assert (await counting_.client(subject="clerk").post(url, json=body, headers=key)).status_code == 201
    moved = await counting_.client(node=FOREIGN, subject="clerk").post(url, json=body, headers=key)
    assert (moved.status_code, moved.json()["code"]) == (422, "idempotency_key_reused")
    for other in (counting_.client(node=FOREIGN, subject="clerk-of-elsewhere"), counting_.client(node=FOREIGN)):
        assert (await other.post(url, json=body, headers=key)).json()["code"] == "outside_your_node"


async def test_a_post_without_a_key_is_told_what_is_missing(start) -> None:
    counting_ = await start(counting.build, working=False)
    client = counting_.client()
    client.event_hooks = {"request": []}
    answer = await client.post(f"/v1/counters/{uuid.uuid4()}", json={"community": COMMUNITY})
    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_missing")
    assert answer.headers["content-type"] == "application/problem+json"


async def test_concurrent_commands_on_one_stream_are_all_counted(start) -> None:
    counting_ = await start(counting.build, working=False)
    client, counter = counting_.client(), uuid.uuid4()
    answers = await asyncio.gather(
        *[client.post(f"/v1/counters/{counter}", json={"community": COMMUNITY, "amount": 1}) for _ in range(20)]
    )
    done = sum(a.status_code == 201 for a in answers)
    assert {a.status_code for a in answers} <= {201, 503}, "either done, or told to come again"
    assert await counting_.value("SELECT value FROM counters") == done
    assert await counting_.value("SELECT count(*) FROM events") == done


async def test_two_who_open_the_same_thing_at_once_are_both_served(start) -> None:
    """They meet at the row of the read table, before the event store could tell them."""
    counting_ = await start(counting.build, working=False)
    client, counter = counting_.client(), uuid.uuid4()
    answers = await asyncio.gather(
        *[client.post(f"/v1/counters/{counter}", json={"community": COMMUNITY, "amount": n}) for n in (1, 2)]
    )
    assert [answer.status_code for answer in answers] == [201, 201]
    assert await counting_.value("SELECT value FROM counters") == 3


async def test_whoever_waits_for_the_answer_to_a_key_holds_up_nobody_else(start) -> None:
    counting_ = await start(counting.build, working=False)
    client = counting_.client()

    def count(key: str) -> Awaitable[Response]:
        body, headers = {"community": COMMUNITY, "amount": 1}, {"Idempotency-Key": key}
        return client.post(f"/v1/counters/{uuid.uuid4()}", json=body, headers=headers)

    await count("the-first-of-all")
    caller = await counting_.value("SELECT caller FROM idempotency")
    async with counting_.service.database.reading() as slow:
        await slow.execute(_KEY_IN_USE, {"caller": caller})
        waiting = asyncio.ensure_future(count("in-use-elsewhere"))

        async def waits() -> bool:
            return bool(await counting_.value("SELECT count(*) FROM pg_locks WHERE NOT granted"))

        await until(waits)
        async with asyncio.timeout(5):
            assert (await count("somebody-else-s")).status_code == 201
        assert not waiting.done()
    assert (await waiting).status_code == 201


_KEY_IN_USE = text(
    "INSERT INTO idempotency (caller, key, fingerprint, status, headers, body)"
    " VALUES (:caller, 'in-use-elsewhere', '', 200, '{}', '')"
)


async def test_a_refused_command_leaves_nothing(start) -> None:
    counting_ = await start(counting.build, working=False)
    client, counter = counting_.client(), uuid.uuid4()
    await client.post(f"/v1/counters/{counter}", json={"community": COMMUNITY, "amount": 999})
    answer = await client.post(f"/v1/counters/{counter}", json={"community": COMMUNITY, "amount": 2})
    assert (answer.status_code, answer.json()["code"]) == (409, "counter_full")
    assert await counting_.value("SELECT value FROM counters") == 999
    assert await counting_.value("SELECT count(*) FROM idempotency") == 1


async def test_if_match_refuses_a_version_that_has_moved_on(start) -> None:
    counting_ = await start(counting.build, working=False)
    client, url = counting_.client(), f"/v1/counters/{uuid.uuid4()}"
    first = await client.post(url, json={"community": COMMUNITY})
    assert first.headers["etag"] == '"1"'
    assert (await client.get(url)).headers["etag"] == '"1"'
    second = await client.post(url, json={"community": COMMUNITY}, headers={"If-Match": '"1"'})
    third = await client.post(url, json={"community": COMMUNITY}, headers={"If-Match": '"1"'})
    assert (second.status_code, third.status_code, third.json()["code"]) == (201, 412, "version_changed")


async def test_problems_speak_the_language_that_was_asked_for(start) -> None:
    counting_ = await start(counting.build, working=False)
    client, url = counting_.client(), f"/v1/counters/{uuid.uuid4()}"
    chinese = await client.post(url, json={"community": COMMUNITY, "amount": 0})
    english = await client.post(url, json={"community": COMMUNITY, "amount": 0}, headers={"Accept-Language": "en"})
    assert chinese.headers["content-language"] == "zh"
    assert "填写" in chinese.json()["detail"]
    assert english.headers["content-language"] == "en"
    assert "correct what" in english.json()["detail"]
    assert chinese.json()["errors"] == [{"field": "body.amount", "problem": "不能小于 1"}]


async def test_a_body_over_the_limit_is_refused_before_it_is_read_whole(start) -> None:
    counting_ = await start(counting.build, working=False, request_body_bytes_max=2048)
    answer = await counting_.client().post(f"/v1/counters/{uuid.uuid4()}", content=b"x" * 10_000)
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


async def test_tokens_that_do_not_hold_are_not_let_in(start, issuer) -> None:
    counting_ = await start(counting.build, working=False)
    good = issuer.token("community", COMMUNITY)
    head, payload, signature = good.split(".")
    forged = [
        "",
        "nonsense",
        f"{head}.{payload}.",
        f"{head}.{payload}.{signature[:-6]}AAAAAA",
        "eyJhbGciOiJub25lIn0." + payload + ".",
        issuer.token("community", "62020100100"),
    ]
    for token in forged:
        answer = await counting_.client().get("/v1/counters", headers={"authorization": f"Bearer {token}"})
        assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated"), token
    assert (await counting_.client().get("/v1/counters")).status_code == 200


async def test_the_wrong_role_and_the_wrong_place_are_refused(start) -> None:
    counting_ = await start(counting.build, working=False)
    url = f"/v1/counters/{uuid.uuid4()}"
    asked = {"X-Correlation-Id": str(uuid.uuid4())}
    role = await counting_.client("auditor").post(url, json={"community": COMMUNITY}, headers=asked)
    place = await counting_.client().post(url, json={"community": FOREIGN}, headers=asked)
    assert (role.status_code, role.json()["code"]) == (403, "role_not_allowed")
    assert (place.status_code, place.json()["code"]) == (403, "outside_your_node")
    assert role.headers["x-correlation-id"] == place.headers["x-correlation-id"] == asked["X-Correlation-Id"]


async def test_pages_follow_each_other_without_gap_or_repeat(start) -> None:
    counting_ = await start(counting.build, working=False)
    client = counting_.client()
    for amount in [3, 1, 2, 1, 3, 2, 2]:
        await client.post(f"/v1/counters/{uuid.uuid4()}", json={"community": COMMUNITY, "amount": amount})
    seen, cursor = [], None
    while True:
        page = (await client.get("/v1/counters", params={"limit": 3, **({"cursor": cursor} if cursor else {})})).json()
        seen += [item["value"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == [1, 1, 2, 2, 2, 3, 3]
    for bad in ["x", "W10", "WyJhIiwgImIiXQ", "W251bGwsIG51bGxd", "WzFlOTksIDFd", "[[[[" * 50]:
        answer = await client.get("/v1/counters", params={"cursor": bad})
        assert (answer.status_code, answer.json()["code"]) == (400, "cursor_invalid"), bad


async def test_what_a_caller_did_wrong_is_not_counted_as_a_failure_of_the_service(start) -> None:
    counting_ = await start(counting.build, working=False)
    client, url = counting_.client(), f"/v1/counters/{uuid.uuid4()}"
    before = _counted("422"), _counted("403"), _counted("500")
    wrong = await client.post(url, json={"community": COMMUNITY, "amount": "many"})
    outside = await client.post(url, json={"community": FOREIGN})
    assert (wrong.status_code, outside.status_code) == (422, 403)
    assert (_counted("422"), _counted("403"), _counted("500")) == (before[0] + 1, before[1] + 1, before[2])


def _counted(status: str) -> float:
    labels = {"route": "POST /v1/counters/{counter_id}", "status": status}
    return REGISTRY.get_sample_value("liuling_command_seconds_count", labels) or 0.0


async def test_a_body_of_fields_that_nobody_asked_for_costs_little(start) -> None:
    counting_ = await start(counting.build, working=False)
    fields = ",".join(f'"{number:x}":0' for number in range(60_000))
    for body in (f"{{{fields}}}", "[" + "0," * 300_000 + "0]"):
        answer = await counting_.client().post(f"/v1/counters/{uuid.uuid4()}", content=body)
        assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
        assert "512" in answer.json()["detail"]
    fields = ",".join(f'"{number:x}":0' for number in range(40_000))
    answer = await counting_.client().post(f"/v1/counters/{uuid.uuid4()}", content=f"{{{fields}}}")
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")
    assert len(answer.json()["errors"]) == 1, "one mistake, and not one for each of them"


async def test_a_file_may_be_larger_than_a_form_that_somebody_fills_in(start) -> None:
    counting_ = await start(counting.build, working=False)
    files = {"file": ("large.csv", b"x" * 2_000_000)}
    answer = await counting_.client().post(f"/v1/counters/{uuid.uuid4()}", files=files)
    assert answer.status_code == 422, "read, and then found to be no counting"


async def test_what_somebody_typed_stands_in_no_trace(start) -> None:
    """An exception repeats the values that were wrong, and a span would repeat the exception."""
    exporter = InMemorySpanExporter()
    provider = trace.get_tracer_provider()
    assert isinstance(provider, TracerProvider)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    client = (await start(counting.build, working=False)).client()
    answer = await client.post(f"/v1/counters/{uuid.uuid4()}", json={"community": "合成·甲", "amount": 1})
    assert answer.status_code == 422
    [told] = [span for span in exporter.get_finished_spans() if span.name.startswith("POST")]
    assert "合成" not in told.to_json(indent=None).encode().decode("unicode-escape", "replace")
    assert "RequestValidationError" in told.to_json()
