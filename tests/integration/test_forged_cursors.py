"""A cursor goes through the caller's hands: what comes back is ours, or is told to be wrong, and is never an error."""

import base64
import json
from typing import Any

from tests.integration.kernel import counting
from tests.services import ALL

A_UUID = "0192d3a0-5b7c-7d3e-8f00-2b1c3d4e5f60"


def cursor(values: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


async def told_to_be_wrong(client: Any, path: str, values: Any) -> None:
    answer = await client.get(path, params={"cursor": cursor(values)})
    assert (answer.status_code, answer.json()["code"]) == (400, "cursor_invalid"), values


async def test_values_of_another_type_are_told_to_be_wrong(start) -> None:
    client = (await start(counting.build, working=False)).client()
    for other in (5, 5.5, [], {}, True, None, "x", "\x00"):
        await told_to_be_wrong(client, "/v1/counters", [1, other])
    for other in ("1", 1.0, True, None, 2**31, [1]):
        await told_to_be_wrong(client, "/v1/counters", [other, A_UUID])
    for other in ([1], {}, 1, "1", [1, A_UUID, 1]):
        await told_to_be_wrong(client, "/v1/counters", other)


async def test_moments_that_no_calendar_has_are_told_to_be_wrong(start) -> None:
    build, settings = ALL["grid_patrol"]
    client = (await start(build, settings=settings, working=False)).client()
    for moment in ("0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2026-01-01T00:00:00", 5, "", None):
        await told_to_be_wrong(client, "/v1/findings", [moment, A_UUID])
