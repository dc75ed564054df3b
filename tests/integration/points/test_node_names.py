"""Offices have names: as the registry tells them, in whatever order, in lists and on paper, and again in a rebuild."""

import io
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pypdf
import pytest
from python_calamine import CalamineWorkbook

from services.points import node_names
from services.points.app import build
from services.points.ledger.schema import LIVE
from services.points.proof.rebuild import rebuild
from services.points.settings import PointsSettings
from shared.contracts import Event
from shared.contracts.registry import NodeLevel, OrganisationNodeAdded, OrganisationNodeRenamed
from shared.database import driver_connection
from shared.deliveries import Delivery
from shared.eventstore import writing
from tests.conftest import COMMUNITY, DISTRICT, FOREIGN
from tests.integration.points.producing import attendance, completed, headers, registered
from tests.integration.points.test_explanations import booked
from tests.integration.points.test_settling import A as ONE
from tests.integration.points.test_settling import orders, post
from tests.integration.telling import envelope_of
from tests.moments import morning, today

NAME, DISTRICT_NAME = "祁连社区", "嘉峪关市市辖区（演示）"


def added(node: str, name: str, level: NodeLevel = NodeLevel.COMMUNITY) -> OrganisationNodeAdded:
    return OrganisationNodeAdded(node=node, name=name, level=level, parent=node[:9], source="divisions.csv")


def renamed(node: str, name: str) -> OrganisationNodeRenamed:
    return OrganisationNodeRenamed(node=node, name=name, source="divisions-2027.csv")


@pytest.fixture
async def points(start: Any) -> Any:
    return await start(build, settings=PointsSettings)


async def tell_nodes(points: Any, producing: Any, *events: Event) -> None:
    """Each the next of its node's stream."""
    for sequence, event in enumerate(events, 1):
        event_id, node = uuid.uuid4(), event.node  # type: ignore[attr-defined]
        heads = headers(event_id, event, f"node-{node}", sequence)
        await producing.tell_raw("registry", f"node-{node}", event.model_dump_json().encode(), heads)
        await booked(points, event_id)


async def known(points: Any) -> dict[str, str]:
    return {row[0]: row[1] for row in await points.rows("SELECT node, name FROM ledger.nodes")}


async def test_a_node_is_called_what_stands_last_in_its_stream_whatever_order_it_is_heard_in(points: Any) -> None:
    first, second = added(COMMUNITY, "旧名社区"), renamed(COMMUNITY, NAME)
    told = [
        Delivery(event, replace(envelope_of(event, f"node-{COMMUNITY}"), sequence=sequence))
        for sequence, event in ((2, second), (1, first), (2, second), (1, first))
    ]
    for part in (told[:1], told[1:2], told[2:], told):
        async with writing(points.service.database) as connection:
            await node_names.note(await driver_connection(connection), LIVE, part)
        assert await known(points) == {COMMUNITY: NAME}


async def test_names_stand_beside_codes_in_lists_and_on_paper(points: Any, producing: Any) -> None:
    await tell_nodes(points, producing, added(COMMUNITY, "旧名社区"), renamed(COMMUNITY, NAME))
    await tell_nodes(points, producing, added(DISTRICT, DISTRICT_NAME, NodeLevel.DISTRICT))
    assert await known(points) == {COMMUNITY: NAME, DISTRICT: DISTRICT_NAME}
    person = uuid.uuid4()
    told = [registered(person), completed([attendance(person, 60, morning())])]
    await producing.tell(told)
    await booked(points, *(event_id for event_id, _ in told))
    clerk, district = points.client(), points.client("district", node=DISTRICT)
    for community in (COMMUNITY, FOREIGN):
        made = await points.client("community", node=community).post(
            "/v1/donors", json={"community": community, "kind": "firm", "name": "演示商贸公司"}
        )
        assert made.status_code == 201, made.text
    donors = (await district.get("/v1/donors")).json()
    assert {donor["community"] for donor in donors["items"]} == {COMMUNITY, FOREIGN}
    assert donors["node_names"] == {COMMUNITY: NAME}, "nobody has told of the other one"
    assert (await district.get("/v1/sales")).json()["node_names"] == {}
    tried = {
        "node": DISTRICT,
        "document": {"title": {"zh": "试行", "en": "Trial"}, "caps_per_day": {"POINT": 80}},
        "months": 1,
    }
    assert (await district.post("/v1/policies/dry-run", json=tried)).json()["node_names"] == await known(points)

    today = (datetime.now(UTC) + timedelta(hours=8)).date().isoformat()
    sheet = await clerk.get(f"/v1/accounts/{person}/POINT/statement.xlsx")
    assert f"{NAME} {COMMUNITY}" in _rows(sheet)[1][0]
    paper = await clerk.get(f"/v1/accounts/{person}/POINT/statement.pdf")
    assert f"{NAME}{COMMUNITY}" in _words(paper)
    found = (await district.get("/v1/solvency", params={"node": DISTRICT})).json()
    assert found["node_name"] == DISTRICT_NAME
    plot = await district.get("/v1/solvency/plot.svg", params={"node": DISTRICT})
    assert f"{DISTRICT_NAME} {DISTRICT}" in plot.text
    report = _words(await district.get("/v1/solvency/report.pdf", params={"node": DISTRICT}))
    assert f"{DISTRICT_NAME}{DISTRICT}" in report
    assert (report.count("时间银行支付能力"), report.count("Solvency")) == (1, 1)
    stars = await district.get("/v1/stars/report", params={"node": DISTRICT, "since": today})
    assert stars.json()["node_names"] == {DISTRICT: DISTRICT_NAME}

    assert await rebuild(points.service, switch=True) == 0
    assert await known(points) == {COMMUNITY: NAME, DISTRICT: DISTRICT_NAME}


async def test_a_settlement_says_who_pays_whom_by_name(points: Any, producing: Any) -> None:
    await tell_nodes(points, producing, added(ONE, NAME))
    await post(points.service, *orders())
    body = {"node": DISTRICT, "through": (today() - timedelta(days=2)).isoformat()}
    client = points.client("district", node=DISTRICT)
    made = await client.post("/v1/settlements", json=body)
    assert made.status_code == 201, made.text
    place = f"/v1/settlements/{made.json()['id']}"
    for listed in ("positions", "obligations", "flows"):
        assert (await client.get(f"{place}/{listed}")).json()["node_names"] == {ONE: NAME}
    book = CalamineWorkbook.from_filelike(io.BytesIO((await client.get(f"{place}/report.xlsx")).content))
    for sheet in (1, 2, 3):
        rows = book.get_sheet_by_index(sheet).to_python()
        assert any(row[:2] == [ONE, NAME] for row in rows), sheet


def _rows(answer: Any) -> list[Any]:
    return CalamineWorkbook.from_filelike(io.BytesIO(answer.content)).get_sheet_by_index(0).to_python()


def _words(answer: Any) -> str:
    assert answer.status_code == 200, answer.text
    pages = pypdf.PdfReader(io.BytesIO(answer.content)).pages
    return "".join("".join(page.extract_text().split()) for page in pages)
