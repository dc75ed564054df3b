"""From a command to the visible balance, at 100 commands a second. Floors: p50 ≤ 40 ms, p99 ≤ 150 ms.

A command is ``POST /v1/activities/{id}/completion`` on the registry, for an activity with one attendance by a
volunteer who has no other. Its clock runs from before the request is sent until the volunteer's points are in the
accounts of the points service as committed rows, which is what its API reads. One observer looks every 2 ms for all
that are still missing, so that looking costs the measured services little.
"""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import uvloop

from deploy.demo.register import write_register
from deploy.local.stack import ROOT, LocalStack
from tests.bench.measuring import percentile, report, stack

COMMUNITY = "620201001004"
RATE_PER_S = 100
COMMANDS = 900
WARM_UP = 100


def main() -> None:
    with stack("registry", "points", BACKDATING_MAX_DAYS="400") as running:
        uvloop.run(_measure(running))


async def _measure(running: LocalStack) -> None:
    token = running.token("district", "620201")
    url = next(h.url for h in running.handles if h.name == "registry")
    limits = httpx.Limits(max_connections=64)
    async with httpx.AsyncClient(
        base_url=url, headers={"authorization": f"Bearer {token}"}, timeout=60, limits=limits
    ) as http:
        commands = await _prepare(http)
        observer = await asyncpg.connect(running.database_url("points"))
        table = await _accounts_table(observer)
        sent: dict[str, float] = {}
        seen: dict[str, float] = {}
        watching = asyncio.create_task(_watch(observer, table, sent, seen, len(commands)))
        started = time.perf_counter()
        pending = []
        for number, (activity, volunteer) in enumerate(commands):
            await asyncio.sleep(max(0.0, started + number / RATE_PER_S - time.perf_counter()))
            sent[volunteer] = time.perf_counter()
            pending.append(asyncio.create_task(_post(http, f"/v1/activities/{activity}/completion", {})))
        await asyncio.gather(*pending)
        rate = len(commands) / (time.perf_counter() - started)
        await asyncio.wait_for(watching, 60)
        await observer.close()
    waits = [(seen[volunteer] - sent[volunteer]) * 1000 for _, volunteer in commands[WARM_UP:]]
    report(
        "click_to_balance",
        commands_per_s=rate,
        p50_ms=percentile(waits, 0.5),
        p99_ms=percentile(waits, 0.99),
        max_ms=max(waits),
        commands=len(waits),
    )


async def _prepare(http: httpx.AsyncClient) -> list[tuple[str, str]]:
    """Activities of one attendance each, ready to be completed: (activity, volunteer)."""
    import tempfile
    from pathlib import Path

    divisions = ROOT / "services" / "registry" / "organisation" / "data" / "jiayuguan-divisions.csv"
    files = {"file": ("divisions.csv", divisions.read_bytes(), "text/csv")}
    await _post(http, "/v1/organisation/imports", files=files, data={"source": "bench"})
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "register.xlsx"
        write_register(path)
        files = {"file": ("register.xlsx", path.read_bytes(), "application/octet-stream")}
        await _post(http, "/v1/imports/roster", files=files, data={"community": COMMUNITY, "consent_on_file": "true"})
    volunteers: list[str] = []
    cursor = None
    while len(volunteers) < COMMANDS:
        query = {"limit": 500, "node": COMMUNITY, **({"cursor": cursor} if cursor else {})}
        page = (await http.get("/v1/volunteers", params=query)).json()
        volunteers += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
    start = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=6)
    end = start + timedelta(hours=2)

    async def ready(volunteer: str) -> tuple[str, str]:
        body = {
            "community": COMMUNITY,
            "title": "bench",
            "planned_start": start.isoformat(),
            "planned_end": end.isoformat(),
        }
        activity = (await _post(http, "/v1/activities", body))["id"]
        entry = {"volunteer": volunteer, "checked_in_at": start.isoformat(), "checked_out_at": end.isoformat()}
        await _post(http, f"/v1/activities/{activity}/attendances", {"entries": [entry]})
        return activity, volunteer

    made: list[tuple[str, str]] = []
    for first in range(0, COMMANDS, 20):
        made += await asyncio.gather(*[ready(volunteer) for volunteer in volunteers[first : first + 20]])
    return made


async def _watch(
    observer: asyncpg.Connection, table: str, sent: dict[str, float], seen: dict[str, float], count: int
) -> None:
    statement = await observer.prepare(
        f"SELECT holder FROM {table} WHERE holder = ANY($1) AND unit = (SELECT id FROM units WHERE code = 'POINT')"
    )
    while len(seen) < count:
        missing = [holder for holder in sent if holder not in seen]
        if missing:
            rows = await statement.fetch(missing)
            now = time.perf_counter()
            seen.update((row["holder"], now) for row in rows)
        await asyncio.sleep(0.002)


async def _accounts_table(observer: asyncpg.Connection) -> str:
    schema = await observer.fetchval("SELECT table_schema FROM information_schema.tables WHERE table_name = 'accounts'")
    return f"{schema}.accounts"


async def _post(http: httpx.AsyncClient, path: str, body: Any = None, **options: Any) -> Any:
    answer = await http.post(path, json=body, headers={"Idempotency-Key": uuid4().hex}, **options)
    if not answer.is_success:
        raise RuntimeError(f"{path}: {answer.status_code} {answer.text[:300]}")
    return answer.json()


if __name__ == "__main__":
    main()
