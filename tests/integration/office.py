"""A service at a moment that the test chooses, with a clerk at the desk: what the tests over HTTP share."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Self
from uuid import UUID, uuid4

import httpx

from shared.service import Service
from shared.settings import Settings
from shared.views import differing_read_tables
from tests.conftest import COMMUNITY, Running, Start
from tests.integration.telling import registered, tell
from tests.services import ALL

NOW = datetime(2026, 3, 20, 12, 0, tzinfo=UTC)
"""20:00 in Jiayuguan."""


class StandingClock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, **span: float) -> None:
        self.now += timedelta(**span)


@dataclass
class Office:
    running: Running
    clock: StandingClock
    clerk: httpx.AsyncClient

    @classmethod
    async def opened(cls, start: Start, name: str, **values: Any) -> Self:
        """The service of this name on a fresh database; `values` are its settings."""
        build, settings = ALL[name]
        clock = StandingClock()

        def at_our_time(settings: Settings) -> Service:
            return build(settings, clock)

        running = await start(at_our_time, working=False, settings=settings, **values)
        return cls(running, clock, running.client())

    async def ok(self, response: Any, status: int | None = None) -> Any:
        answer = await response
        assert answer.status_code == status if status else answer.status_code < 300, answer.text
        return answer.json()

    async def refused(self, response: Any, status: int, code: str) -> Any:
        answer = await response
        assert (answer.status_code, answer.json().get("code")) == (status, code), answer.text
        assert "{" not in answer.json()["detail"], answer.text
        return answer.json()

    async def post(self, path: str, **body: Any) -> Any:
        return await self.ok(self.clerk.post(path, json=body))

    async def get(self, path: str, **params: Any) -> Any:
        return await self.ok(self.clerk.get(path, params=params))

    def client(self, role: str = "community", node: str = COMMUNITY, subject: str | None = None) -> httpx.AsyncClient:
        return self.running.client(role, node, subject)

    def at(self, hours: float = 0, minutes: float = 0) -> str:
        """So long from now."""
        return (self.clock.now + timedelta(hours=hours, minutes=minutes)).isoformat()

    async def events(self, name: str) -> list[dict[str, Any]]:
        """The service's own events of a type, oldest first."""
        wire_type = f"liuling.{self.running.service.name}.{name}.v1"
        rows = await self.running.rows("SELECT data FROM events WHERE type = :type ORDER BY position", type=wire_type)
        return [row[0] for row in rows]

    async def hear_of(self, count: int) -> list[UUID]:
        """Volunteers whom the registry tells of, in the order of their ids."""
        people = sorted(uuid4() for _ in range(count))
        await tell(self.running.service, *(registered(person) for person in people))
        return people

    async def verify(self) -> None:
        """Every read table is what the events give."""
        service = self.running.service
        async with service.database.reading() as connection:
            _, differing = await differing_read_tables(connection, service.views)
        assert differing == []
