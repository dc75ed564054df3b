"""Mediation on a fresh database with a few known volunteers, and shortcuts to its routes."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest

from tests.conftest import COMMUNITY, Start
from tests.integration.office import Office


class Committee(Office):
    people: list[UUID]

    def body(self, **changes: Any) -> dict[str, Any]:
        return {
            "community": COMMUNITY,
            "kind": "neighbour",
            "risk": "yellow",
            "parties": [
                {"name": "样例申请人", "phone": "139 0000 1234", "role": "applicant"},
                {"name": "样例被申请人", "address": "样例小区1号楼", "role": "respondent"},
            ],
            "account": "样例：楼道堆放杂物引起争执",
            "filed_at": self.at(-48),
            **changes,
        }

    async def case(self, *mediators: UUID, **changes: Any) -> str:
        """File a case two days ago and assign these mediators."""
        filed = await self.ok(self.clerk.post("/v1/cases", json=self.body(**changes)), 201)
        case: str = filed["case_id"]
        for mediator in mediators:
            await self.post(f"/v1/cases/{case}/mediators", mediator_id=str(mediator), assigned_at=self.at(-47))
        return case

    async def hold(self, case: str, at: float = -24, minutes: int = 60, **body: Any) -> Any:
        """Enter a session that began so many hours from now."""
        return await self.post(
            f"/v1/cases/{case}/sessions", started_at=self.at(at), minutes=minutes, **{"record_signed": True, **body}
        )


@pytest.fixture
async def committee(start: Start) -> AsyncIterator[Committee]:
    ready = await Committee.opened(start, "mediation", volunteer_wait_max_ms=0)
    ready.people = await ready.hear_of(4)
    yield ready
    await ready.verify()
