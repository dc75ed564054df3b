"""The report of three stars and more upwards, over HTTP: what it lists, and that it says so ever after."""

import asyncio
import io
import uuid
from datetime import timedelta
from importlib import import_module
from typing import Any

import pytest
from python_calamine import CalamineWorkbook

from services.points.app import build, read_views
from services.points.settings import PointsSettings
from services.points.stars.watch import flag_what_no_longer_holds
from shared.views import differing_read_tables
from tests.conftest import COMMUNITY, DISTRICT, until
from tests.integration.points.serving import correct, serve
from tests.integration.points.test_stars_over_http import apply, granted, ok, refused, volunteer
from tests.moments import now, today


@pytest.fixture
async def points(start: Any) -> Any:
    return await start(build, working=False, settings=PointsSettings)


async def test_three_stars_and_above_are_reported_upwards(points: Any) -> None:
    high, low = await volunteer(points, 640), await volunteer(points, 120)
    await granted(points, high, 3, "6202")
    await granted(points, low, 1)
    officer = points.client("district", DISTRICT, "officer")
    params = {"node": DISTRICT, "since": today().isoformat()}
    report = await ok(officer.get("/v1/stars/report", params=params))
    assert [(row["volunteer_id"], row["grade"], row["minutes"]) for row in report["rows"]] == [(str(high), 3, 38_400)]
    file = await officer.get("/v1/stars/report.xlsx", params=params)
    sheet = CalamineWorkbook.from_filelike(io.BytesIO(file.content)).get_sheet_by_index(0).to_python()
    assert sheet[0][:2] == ["社区代码 code", "社区 community"]
    assert sheet[1][:6] == [COMMUNITY, "", f"{COMMUNITY}-{high.int % 1_000_000:06d}", str(high), 3.0, 640.0]
    assert sheet[1][6] == today()
    sent = await ok(officer.post("/v1/stars/reports", json={**params, "until": today().isoformat()}), 201)
    assert (sent["rows_count"], sent["rows_sha256"]) == (1, report["rows_sha256"])
    assert [r["report_id"] for r in (await ok(officer.get("/v1/stars/reports")))["items"]] == [sent["report_id"]]
    # Whatever comes after it, it says what it said.
    await ok(points.client("district", "6202").post(f"/v1/stars/{high}/withdrawal", json={"reason": "misconduct"}))
    assert (await ok(officer.get("/v1/stars/report", params=params)))["rows"] == []
    path = f"/v1/stars/reports/{sent['report_id']}"
    for reader in (officer, points.client("district", "6202")):
        issued = await ok(reader.get(path))
        assert (issued["rows"], issued["rows_sha256"], issued["agrees"]) == (report["rows"], sent["rows_sha256"], True)
    kept = await officer.get(f"{path}/report.xlsx")
    assert CalamineWorkbook.from_filelike(io.BytesIO(kept.content)).get_sheet_by_index(0).to_python() == sheet
    assert (await points.client("district", "6301").get(path)).status_code == 403
    await refused(officer.get(f"/v1/stars/reports/{uuid.uuid4()}"), "not_found", 404)
    backwards = {**params, "until": (today() - timedelta(days=1)).isoformat()}
    await refused(officer.get("/v1/stars/report", params=backwards), "star_period_inverted", 422)
    outside = {**params, "node": "630101"}
    assert (await officer.get("/v1/stars/report", params=outside)).status_code == 403


async def test_a_report_waits_for_those_who_decide_at_the_same_moment(points: Any) -> None:
    """It lists what all events before its own say, and no more: what a replay of the events finds."""
    await granted(points, await volunteer(points, 640), 3, "6202")
    body = {"node": DISTRICT, "since": today().isoformat(), "until": today().isoformat()}
    async with points.service.database.transaction() as deciding:
        await deciding.exec_driver_sql("UPDATE star_applications SET stage = stage")
        report = asyncio.create_task(points.client("district", DISTRICT).post("/v1/stars/reports", json=body))

        async def waits() -> bool:
            return bool(await points.value("SELECT count(*) FROM pg_locks WHERE mode = 'ShareLock' AND NOT granted"))

        await until(waits)
    assert (await report).json()["rows_count"] == 1


async def test_the_read_tables_are_what_the_events_give(points: Any) -> None:
    person, other = await volunteer(points, 0), await volunteer(points, 120)
    attended = await serve(points.service, person, 600, now())
    await granted(points, person, 1)
    await granted(points, person, 3, "6202")
    await apply(points, other, 1)
    officer = points.client("district", "6202")
    body = {"node": COMMUNITY, "since": today().isoformat(), "until": today().isoformat()}
    reports = [await ok(officer.post("/v1/stars/reports", json=body), 201)]
    await correct(points.service, attended[0], 0)
    assert await flag_what_no_longer_holds(points.service.workshop) == 1
    reports.append(await ok(officer.post("/v1/stars/reports", json=body), 201))
    await ok(officer.post(f"/v1/stars/{person}/withdrawal", json={"reason": "hours_corrected"}))
    reports.append(await ok(officer.post("/v1/stars/reports", json=body), 201))
    state = await ok(points.client().get(f"/v1/stars/{person}"))
    assert state["grade"] == 1
    earlier = import_module("services.points.migrations.versions.0019_rows_of_star_reports").ROWS_OF_EARLIER_REPORTS
    for made_by_the_upgrade in (False, True):
        if made_by_the_upgrade:
            async with points.service.database.transaction() as connection:
                await connection.exec_driver_sql("DELETE FROM star_report_rows")
                await connection.exec_driver_sql(earlier)
        async with points.service.database.reading() as connection:
            assert (await differing_read_tables(connection, read_views))[1] == []
        issued = [await ok(officer.get(f"/v1/stars/reports/{report['report_id']}")) for report in reports]
        assert [report["agrees"] for report in issued] == [True, True, True]
        assert [[row["minutes"] for row in report["rows"]] for report in issued] == [[36_000], [35_520], []]
