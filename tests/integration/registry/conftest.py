"""A registry on a fresh database with the organisation tree in it, and shortcuts to its routes."""

from collections.abc import AsyncIterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from shared.identity_documents import check_character
from tests.conftest import COMMUNITY, DISTRICT, Start
from tests.integration.office import Office

DIVISIONS_FILE = Path("services/registry/organisation/data/jiayuguan-divisions.csv")
DIVISIONS = DIVISIONS_FILE.read_bytes()


def id_number(sequence: int, born: date = date(1985, 6, 14)) -> str:
    """A synthetic ID number of the community's county that passes the checks; the sequence makes it unique."""
    day = born - timedelta(days=sequence // 1000)
    first = f"620201{day:%Y%m%d}{sequence % 1000:03d}"
    return first + check_character(first)


class Registry(Office):
    async def volunteer(self, sequence: int = 1, client: httpx.AsyncClient | None = None, **body: Any) -> Any:
        """Register a synthetic person."""
        return await self.ok((client or self.clerk).post("/v1/volunteers", json=self.person(sequence, **body)), 201)

    def person(self, sequence: int = 1, **body: Any) -> dict[str, Any]:
        return {
            "community": COMMUNITY,
            "name": "样例甲",
            "id_number": id_number(sequence),
            "phone": f"139{sequence:08d}",
            "consent": True,
            **body,
        }

    async def team(self, name: str = "样例巾帼队", **body: Any) -> Any:
        return await self.ok(
            self.clerk.post("/v1/teams", json={"community": COMMUNITY, "name": name, "kind": "women", **body}), 201
        )

    async def activity(self, start: float = -3, hours: float = 2, **body: Any) -> Any:
        """Publish an activity that starts so many hours from now."""
        begin = self.clock.now + timedelta(hours=start)
        return await self.ok(
            self.clerk.post(
                "/v1/activities",
                json={
                    "community": COMMUNITY,
                    "title": "样例活动",
                    "category": "environment",
                    "planned_start": begin.isoformat(),
                    "planned_end": (begin + timedelta(hours=hours)).isoformat(),
                    **body,
                },
            ),
            201,
        )


@pytest.fixture
async def registry(start: Start) -> AsyncIterator[Registry]:
    ready = await Registry.opened(start, "registry")
    files = {"file": ("divisions.csv", DIVISIONS)}
    district = ready.client("district", DISTRICT)
    await ready.ok(district.post("/v1/organisation/imports", files=files, data={"source": "test"}), 201)
    yield ready
    await ready.verify()
