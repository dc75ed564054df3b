"""Points after a restore: the ledger, the deadlines and what was forgotten are as if there had been none."""

import asyncio
import uuid
from datetime import UTC, datetime
from typing import Any

import pytest
from typer.testing import CliRunner

from services.points.__main__ import main
from services.points.app import build
from services.points.ledger.schema import LIVE
from services.points.proof.checks import net_effects
from services.points.proof.switching import REBUILDING
from services.points.settings import PointsSettings
from shared.database import driver_connection
from tests.conftest import COMMUNITY, at_work, environment_of, until
from tests.integration.points.producing import attendance, completed, registered
from tests.integration.points.test_from_events_to_goods import has_balance, item_on_the_shelf
from tests.integration.points.test_goods_come_and_go import made
from tests.moments import morning


async def consumed(points: Any, count: int) -> None:
    async def all_of_them() -> bool:
        return bool(await points.value("SELECT count(*) FROM consumed") == count)

    await until(all_of_them)


async def state_of(points: Any) -> tuple[Any, ...]:
    async with points.service.database.reading() as connection:
        effects = await net_effects(await driver_connection(connection), LIVE)
    queries = (
        "SELECT position, event_id, data FROM events ORDER BY position",
        "SELECT * FROM timers ORDER BY kind, subject",
        "SELECT subject FROM vault_keys ORDER BY subject",
        "SELECT volunteer_id, number FROM ledger.members ORDER BY volunteer_id",
    )
    return effects.digest, *[[tuple(row) for row in await points.rows(query)] for query in queries]


async def test_a_restored_ledger_is_the_one_that_was_lost(
    start: Any, databases: Any, producing: Any, monkeypatch: Any
) -> None:
    began, early, late = datetime.now(UTC), uuid.uuid4(), uuid.uuid4()
    donor = {"community": COMMUNITY, "kind": "person", "name": "演示捐赠人"}
    before = await start(build, working=False, settings=PointsSettings)
    url = before.service.settings.database_url.get_secret_value()
    async with at_work(before):
        await producing.tell([registered(early), completed([attendance(early, 300, morning())])])
        await has_balance(before, early, 50)
        item = await item_on_the_shelf(before)
        forgotten = (await made(before.client(), "/v1/donors", donor))["id"]
    backup = await databases.back_up(url)
    after = await start(build, working=False, settings=PointsSettings, database_url=url, migrate=False)
    async with at_work(after):
        client = after.client()
        await made(client, "/v1/redemptions", {"volunteer_id": str(early), "item_id": item})
        await producing.tell([registered(late), completed([attendance(late, 120, morning())])])
        await has_balance(after, late, 20)
        await made(client, f"/v1/donors/{forgotten}/forgetting", {})
        await consumed(after, 4)
        state = await state_of(after)
        await until_relayed(after)
    restored = await start(build, working=False, settings=PointsSettings, database_url=backup, migrate=False)
    program = {**environment_of(restored), "COLUMNS": "200"}
    # Something keeps the ledger from being rebuilt: nobody spends from the one of the dump, and the next run does it.
    busy = await restored.service.database.dedicated()
    await busy.execute(f"SELECT pg_advisory_lock({REBUILDING})")
    done = await asyncio.to_thread(CliRunner().invoke, main, ["recover"], env=program)
    assert (done.exit_code, "服务不会启动" in done.output) == (1, True), done.output
    with pytest.raises(SystemExit, match=r"没有做完.* recover"):
        await restored.service.require_own_events()
    await busy.close()
    done = await asyncio.to_thread(CliRunner().invoke, main, ["recover"], env=program)
    assert (done.exit_code, "已从主题读回 0 个事件" in done.output) == (0, True), done.output
    await restored.service.require_own_events()
    assert await state_of(restored) == state
    # Balances are told above all that was told before the restore, and above what another restore would tell.
    assert await restored.value("SELECT min(version) FROM ledger.accounts") > began.timestamp() * 1e6
    async with at_work(restored):
        await consumed(restored, 4)
        await has_balance(restored, late, 20)
        assert await state_of(restored) == state


async def until_relayed(points: Any) -> None:
    async def all_of_them() -> bool:
        return bool(
            await points.value("SELECT (SELECT position FROM relay_cursor) = (SELECT max(position) FROM events)")
        )

    await until(all_of_them)
