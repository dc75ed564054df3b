"""What the office knows of people is in the vault alone: it is put right there, and events never say what it is."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.points.app import build
from services.points.settings import PointsSettings
from shared.contracts.envelope import header_map
from shared.contracts.love_market import HouseholdNeedRecognisedV1, HouseholdRegistered, NeedReason
from shared.eventstore import Recorded, append, writing
from tests.conftest import COMMUNITY
from tests.integration.kernel.telling import read_topic
from tests.integration.points.test_goods_come_and_go import made
from tests.moments import today


@pytest.fixture
async def points(start: Any) -> Any:
    return await start(build, settings=PointsSettings)


async def needy_since_events_told_why(points: Any) -> uuid.UUID:
    """A household that was recognised by an earlier program."""
    household, at = uuid.uuid4(), datetime.now(UTC)
    common: dict[str, Any] = {"household_id": household, "community": COMMUNITY}
    until = today() + timedelta(days=100)
    events = (
        HouseholdRegistered(**common, members=(), registered_at=at),
        HouseholdNeedRecognisedV1(**common, reason=NeedReason.SERIOUS_ILLNESS, until=until, recognised_at=at),
    )
    stream = f"household-{household}"
    recorded = [Recorded(event, uuid.uuid4(), stream, n, COMMUNITY, at) for n, event in enumerate(events, 1)]
    async with writing(points.service.database) as connection:
        read = [Recorded(r.event.upcast(), r.event_id, stream, r.version, COMMUNITY, at) for r in recorded]
        await points.service.views.apply_all(connection, read)
        await points.service.workshop.vault.put(connection, household, {"name": "演示户"})
        await append(connection, recorded)
    return household


async def test_why_a_household_is_in_need_is_for_the_office_alone(points: Any, stack: Any) -> None:
    client, auditor = points.client(), points.client("auditor", "620201")
    household = await needy_since_events_told_why(points)
    for _ in range(2):
        await points.service.seed()
        assert (await client.get(f"/v1/households/{household}")).json()["need_reason"] == "serious_illness"
    need = {"reason": "disability", "until": (today() + timedelta(days=9)).isoformat()}
    assert "disability" not in str(await made(client, f"/v1/households/{household}/need", need))
    await points.service.seed()
    assert (await client.get(f"/v1/households/{household}")).json()["need_reason"] == "disability"
    (listed,) = (await auditor.get("/v1/households")).json()["items"]
    assert listed["need_until"] == need["until"]
    assert "need_reason" not in listed
    assert (await auditor.get(f"/v1/households/{household}")).status_code == 403
    told = await read_topic(stack, points.service.settings.topic("points"), 4)
    versions = [header_map(message.headers)["ce_type"] for message in told]
    assert versions.count(b"liuling.points.HouseholdNeedRecognised.v2") == 2
    assert not [message for message in told if b"illness" in message.value or b"disability" in message.value]
    await made(client, f"/v1/households/{household}/need/end")
    await points.service.seed()
    shown = (await client.get(f"/v1/households/{household}")).json()
    assert (shown["name"], shown["need_reason"]) == ("演示户", None)
    assert await points.value("SELECT count(*) FROM vault_entries WHERE field = 'need_reason'") == 0
