"""Long lists are read by day and from either end, along an index."""

from typing import Any

import pytest
from sqlalchemy import text

from services.points.app import build
from services.points.settings import PointsSettings
from tests.conftest import COMMUNITY

ROWS = 4000
"""One every hour, from the first of March 2026 in Shanghai."""

FILLED = {
    "sales": (
        "sold_at",
        "(id, community, lines, amount_fen, sold_at, version) SELECT gen_random_uuid(), :community, '[]', n, {at}, 1",
    ),
    "purchases": (
        "purchased_at",
        "(id, community, supplier_id, lines, amount_fen, receipt_reference, purchased_at, version)"
        " SELECT gen_random_uuid(), :community, gen_random_uuid(), '[]', n, 'x', {at}, 1",
    ),
    "redemptions": (
        "reserved_at",
        "(id, community, volunteer_id, item_id, quantity, reserved_quantity, points, stage, reserved_at, collect_by,"
        " version) SELECT gen_random_uuid(), :community, gen_random_uuid(), (SELECT id FROM items), 1, 1, n,"
        " 'reserved', {at}, {at}, 1",
    ),
    "time_orders": (
        "requested_at",
        "(id, community, place, beneficiary_id, service, planned_minutes, payer, payer_community, stage,"
        " requested_at, serve_by, reminders, version) SELECT gen_random_uuid(), :community, :community,"
        " gen_random_uuid(), 'companionship', 60, 'pool', :community, 'requested', {at}, {at}, 0, 1",
    ),
}

_ITEM = """
    INSERT INTO items (id, community, name, price_points, listed, version)
    VALUES (gen_random_uuid(), :community, '大米', 10, true, 1)
"""


@pytest.mark.parametrize("table", FILLED)
async def test_a_long_list_is_read_by_day_and_from_either_end(start: Any, table: str) -> None:
    points = await start(build, settings=PointsSettings, working=False)
    moment, columns = FILLED[table]
    at = "timestamptz '2026-03-01 00:00+08' + (n - 1) * interval '1 hour'"
    async with points.service.database.transaction() as connection:
        await connection.execute(text(_ITEM), {"community": COMMUNITY})
        fill = f"INSERT INTO {table} {columns.format(at=at)} FROM generate_series(1, {ROWS}) AS n"
        await connection.execute(text(fill), {"community": COMMUNITY})
        await connection.execute(text(f"ANALYZE {table}"))
    client, path = points.client(), f"/v1/{table.replace('_', '-')}"

    async def told(**params: Any) -> list[str]:
        found: list[str] = []
        cursor = None
        while True:
            answer = await client.get(path, params={**params, "limit": 20, **({"cursor": cursor} if cursor else {})})
            assert answer.status_code == 200, answer.text
            found += [row[moment] for row in answer.json()["items"]]
            cursor = answer.json()["next_cursor"]
            if cursor is None or len(found) >= 60:
                return found

    two_days = {"since": "2026-03-03", "until": "2026-03-04"}
    oldest_first = await told(**two_days)
    assert (len(oldest_first), oldest_first[0][:19]) == (48, "2026-03-02T16:00:00")
    assert oldest_first == sorted(set(oldest_first))
    assert await told(**two_days, newest_first=True) == oldest_first[::-1]
    everything = await told(newest_first=True)
    assert everything == sorted(set(everything), reverse=True)
    assert len(everything) == 60
    assert await told(since="2027-01-01") == []
    page = f"WHERE community LIKE '620201%' ORDER BY {moment} DESC, id DESC LIMIT 51"
    plan = await points.rows(f"EXPLAIN SELECT * FROM {table} {page}")
    assert any(f"{table}_{moment}" in row[0] for row in plan), plan
