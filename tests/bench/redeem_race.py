"""Fifty people redeem the same item at once, over HTTP, against a real running service. Asked: ≥ 300 a second.

Each of fifty clients reserves one piece after the other until the shelf is empty, and goes on asking a few times more:
what is not there must be refused. Then everything is collected, as at a counter. A redemption is a reservation; the
rate counts those that were granted, from the first request to the last grant. Checked afterwards: as many pieces are
gone as there were, every unit sums to zero, nobody is below zero.

What bounds it: all fifty want the shelf's row, which one transaction holds from its hold to its commit, with two round
trips between; and two cores, of which a reservation takes some 5 ms with its six ways to the database, half of it in
the service's one process. The till's row is no matter when reserving, it is credited when goods are collected.
`service_cpu_share` says how much of a core the service had, `machine_busy_share` how much of the whole machine was in
use, by whomever.
"""

import asyncio
import json
import time
from collections import Counter
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlparse
from uuid import uuid4

import asyncpg
import psutil
import uvloop

from deploy.local.stack import LocalStack
from tests.bench.measuring import percentile, report, stack

COMMUNITY = "620201001004"
BUYERS = 50
PIECES = 3000
WARM_UP = 300
REFUSED_EACH = 2


@dataclass
class Line:
    """One kept-alive connection. A whole HTTP client costs as much as the service, on the same two cores."""

    head: str
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @classmethod
    async def open(cls, url: str, token: str) -> "Line":
        place = urlparse(url)
        reader, writer = await asyncio.open_connection(place.hostname, place.port)
        head = (
            f" HTTP/1.1\r\nHost: {place.netloc}\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n"
        )
        return cls(head, reader, writer)

    async def post(self, path: str, body: Any) -> tuple[int, Any]:
        """Status and answer."""
        content = json.dumps(body).encode()
        key = uuid4().hex
        head = f"POST {path}{self.head}Idempotency-Key: {key}\r\nContent-Length: {len(content)}\r\n\r\n"
        self.writer.write(head.encode() + content)
        answer = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        length = int(answer.partition("content-length:")[2].partition("\r\n")[0])
        return int(answer.split(" ", 2)[1]), json.loads(await self.reader.readexactly(length))

    async def made(self, path: str, body: Any) -> Any:
        """The answer of what must succeed."""
        status, answer = await self.post(path, body)
        if status >= 300:
            raise RuntimeError(f"{path}: {status} {answer}")
        return answer


def main() -> None:
    with stack("points") as running:
        uvloop.run(_measure(running))


async def _measure(running: LocalStack) -> None:
    token = running.token("community", COMMUNITY)
    handle = next(handle for handle in running.handles if handle.name == "points")
    lines = [await Line.open(handle.url, token) for _ in range(BUYERS)]
    database = await asyncpg.connect(running.database_url("points"))
    people = [str(uuid4()) for _ in range(BUYERS)]
    await _give_points(database, people)
    warm = await _race(lines, people, await _item(lines[0], WARM_UP))
    item = await _item(lines[0], PIECES)
    process = psutil.Process(handle.pid)
    used = sum(process.cpu_times()[:2])
    psutil.cpu_percent()
    race = await _race(lines, people, item)
    busy, used = psutil.cpu_percent() / 100, sum(process.cpu_times()[:2]) - used
    started = time.perf_counter()
    await _collect(lines, race.granted)
    collected_per_s = len(race.granted) / (time.perf_counter() - started)
    await _check(database, item, race, warm)
    await database.close()
    report(
        "redeem_race",
        redemptions_per_s=race.per_s,
        p50_ms=percentile(race.waits_ms, 0.5),
        p99_ms=percentile(race.waits_ms, 0.99),
        collections_per_s=collected_per_s,
        service_cpu_share=used / race.seconds,
        machine_busy_share=busy,
        buyers=BUYERS,
        pieces=PIECES,
        granted=len(race.granted),
        refused=race.refused,
        ledger_sum=0,
    )


class _Race:
    """What one race came to."""

    def __init__(self) -> None:
        self.granted: list[str] = []
        self.waits_ms: list[float] = []
        self.refused = 0
        self.seconds = 0.0

    @property
    def per_s(self) -> float:
        return len(self.granted) / self.seconds


async def _race(lines: list[Line], people: list[str], item: str) -> _Race:
    race = _Race()
    started = time.perf_counter()

    async def buy(line: Line, person: str) -> None:
        refused = 0
        while refused < REFUSED_EACH:
            asked = time.perf_counter()
            status, answer = await line.post("/v1/redemptions", {"volunteer_id": person, "item_id": item})
            now = time.perf_counter()
            if status == 201:
                race.granted.append(answer["id"])
                race.waits_ms.append((now - asked) * 1000)
                race.seconds = now - started
            elif status == 409 and answer["code"] == "out_of_stock":
                refused += 1
            else:
                raise RuntimeError(f"{status} {answer}")
        race.refused += refused

    await asyncio.gather(*map(buy, lines, people))
    return race


async def _collect(lines: list[Line], granted: list[str]) -> None:
    waiting = list(granted)

    async def hand_over(line: Line) -> None:
        while waiting:
            await line.made(f"/v1/redemptions/{waiting.pop()}/collection", {"identified_by": "card"})

    await asyncio.gather(*map(hand_over, lines))


async def _item(line: Line, pieces: int) -> str:
    body = {"community": COMMUNITY, "name": "bench", "price_points": 1}
    item: str = (await line.made("/v1/items", body))["id"]
    await line.made(f"/v1/items/{item}/receipts", {"quantity": pieces})
    return item


async def _give_points(database: asyncpg.Connection, people: list[str]) -> None:
    """Points from an account of issue, with their transfers, as if earned: this is not about earning."""
    schema = await database.fetchval(
        "SELECT table_schema FROM information_schema.tables WHERE table_name = 'transfers'"
    )
    async with database.transaction():
        issuer = await database.fetchval(
            f"INSERT INTO {schema}.accounts (id, holder, unit, community, limited, debits)"
            " VALUES (-nextval('account_ids'), $1, 1, $2, false, $3) RETURNING id",
            f"issuance:{COMMUNITY}",
            COMMUNITY,
            len(people) * 10_000,
        )
        await database.execute(
            f"WITH opened AS (INSERT INTO {schema}.accounts (id, holder, unit, community, limited, credits)"
            " SELECT nextval('account_ids'), unnest($1::text[]), 1, $2, true, 10000 RETURNING id)"
            f" INSERT INTO {schema}.transfers (debit_account, credit_account, amount, occurred_at, recorded_at,"
            " event_id, record_id, unit, policy_version, clause)"
            " SELECT $3, id, 10000, now(), now(), gen_random_uuid(), gen_random_uuid(), 1, 1, 1 FROM opened",
            people,
            COMMUNITY,
            issuer,
        )


async def _check(database: asyncpg.Connection, item: str, race: _Race, warm: _Race) -> None:
    """Never more than there is, never less than could be, and every unit sums to zero."""
    schema = await database.fetchval(
        "SELECT table_schema FROM information_schema.tables WHERE table_name = 'transfers'"
    )
    shelf = await database.fetchrow(f"SELECT * FROM {schema}.accounts WHERE holder = $1", f"stock:{item}")
    sums = await database.fetch(
        f"SELECT unit, sum(credits) - sum(debits) AS total FROM {schema}.accounts GROUP BY unit"
    )
    owed = await database.fetchval(f"SELECT count(*) FROM {schema}.accounts WHERE owed > 0")
    spent = await database.fetchval(f"SELECT credits FROM {schema}.accounts WHERE holder = $1", f"market:{COMMUNITY}")
    stages = Counter(row[0] for row in await database.fetch("SELECT stage FROM redemptions WHERE item_id = $1", item))
    facts = {
        "granted": len(race.granted) == PIECES and len(warm.granted) == WARM_UP,
        "shelf": (shelf["credits"], shelf["debits"], shelf["pending_debits"]) == (PIECES, PIECES, 0),
        "sum": all(row["total"] == 0 for row in sums),
        "owed": owed == 0,
        "till": spent == PIECES,  # nothing of the warm-up was collected
        "stages": stages == {"collected": PIECES},
    }
    wrong = [name for name, holds in facts.items() if not holds]
    if wrong:
        raise RuntimeError(f"not as it must be: {', '.join(wrong)}; {dict(shelf)}, {stages}, {spent}")


if __name__ == "__main__":
    main()
