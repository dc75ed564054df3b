"""A time bank at work: people with minutes, relatives, orders, and two clerks in each of two communities."""

import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from tests.conftest import COMMUNITY, FOREIGN, Running
from tests.integration.points.producing import Producing, Told, attendance, completed
from tests.integration.points.serving import registration
from tests.integration.points.test_from_events_to_goods import has_balance
from tests.moments import morning

OLD, YOUNG = 65, 30
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


class MovableClock:
    """The real time, and as much more as a test lets pass."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


def synthetic_id_number(born: str, order: int = 1) -> str:
    """A number that passes the check and belongs to nobody: the area code 620298 was never given out."""
    first = f"620298{born}{order:03d}"
    total = sum(int(digit) * weight for digit, weight in zip(first, _WEIGHTS, strict=True))
    return first + "10X98765432"[total % 11]


@dataclass
class Bank:
    """The points service, and who works with it."""

    running: Running
    producing: Producing
    clock: MovableClock = field(default_factory=MovableClock)

    def clerk(self, community: str = COMMUNITY) -> httpx.AsyncClient:
        return self.running.client("community", community, "clerk-anna")

    def colleague(self, community: str = COMMUNITY) -> httpx.AsyncClient:
        return self.running.client("community", community, "clerk-bo")

    def volunteer(self, person: str, community: str = COMMUNITY) -> httpx.AsyncClient:
        return self.running.client("volunteer", community, person)

    async def people(self, *minutes: int, age: int | None = OLD, community: str = COMMUNITY) -> list[str]:
        """Volunteers with so many minutes each, known to the service."""
        people = [uuid.uuid4() for _ in minutes]
        told: list[Told] = []
        for person in people:
            event = registration(person, morning(), community)
            told.append((uuid.uuid4(), event.model_copy(update={"age_group_from": age})))
        served = [attendance(p, m, morning()) for p, m in zip(people, minutes, strict=True) if m]
        if served:
            told.append(completed(served, community))
        await self.producing.tell(told)
        for person, amount in zip(people, minutes, strict=True):
            if amount:
                await has_balance(self.running, person, amount, "MINUTE")
        await self.known(people)
        return [str(person) for person in people]

    async def known(self, people: list[uuid.UUID]) -> None:
        from tests.conftest import until

        async def all_there() -> bool:
            query = "SELECT count(*) FROM ledger.members WHERE volunteer_id = ANY(:ids) AND community IS NOT NULL"
            return bool(await self.running.value(query, ids=people) == len(people))

        await until(all_there)

    async def beneficiary(self, volunteer: str | None = None, community: str = COMMUNITY, **person: Any) -> str:
        """A volunteer, or a synthetic person of eighty."""
        body: dict[str, Any] = {"community": community}
        if volunteer is not None:
            body["volunteer_id"] = volunteer
        else:
            number = synthetic_id_number("19460101", int(uuid.uuid4().int % 1000))
            body["person"] = {"name": "合成老人", "id_number": number, **person}
        return str((await made(self.clerk(community), "/v1/beneficiaries", body))["id"])

    async def kin(self, volunteer: str, beneficiary: str, community: str = COMMUNITY, relation: str = "parent") -> str:
        """A verified relation."""
        body = {"volunteer_id": volunteer, "beneficiary_id": beneficiary, "relation": relation}
        tie = str((await made(self.clerk(community), "/v1/kin", body))["id"])
        await made(self.colleague(community), f"/v1/kin/{tie}/verification")
        return tie

    async def minutes(self, holder: str, unit: str = "MINUTE") -> tuple[int, int]:
        """What a holder has, and what is held of it."""
        rows = await self.running.rows(
            "SELECT credits - debits, pending_debits FROM ledger.accounts JOIN units AS u ON u.id = unit"
            " WHERE holder = :holder AND u.code = :unit",
            holder=holder,
            unit=unit,
        )
        return (int(rows[0][0]), int(rows[0][1])) if rows else (0, 0)

    async def sums(self) -> set[int]:
        """Every unit's sum over all accounts."""
        query = "SELECT sum(credits - debits) FROM ledger.accounts GROUP BY unit"
        return {int(row[0]) for row in await self.running.rows(query)}

    async def served(self, order: str, provider: str, minutes: int, community: str = COMMUNITY) -> None:
        """Accepted by a volunteer, and given just now."""
        await made(self.clerk(community), f"/v1/time-orders/{order}/acceptance", {"provider_id": provider})
        started = self.clock()
        self.clock.ahead += timedelta(minutes=minutes + 1)
        body = {"started_at": started.isoformat(), "minutes": minutes}
        await made(self.clerk(community), f"/v1/time-orders/{order}/service", body)


def order_of(beneficiary: str, minutes: int = 60, payer: str = "own", **more: Any) -> dict[str, Any]:
    body = {"beneficiary_id": beneficiary, "service": "housework", "planned_minutes": minutes, "payer": payer}
    return {"agreed": True, **body, **more}


async def made(client: Any, path: str, body: Any = None) -> Any:
    answer = await client.post(path, json=body)
    assert answer.is_success, (path, answer.text)
    return answer.json()


async def refused(client: Any, path: str, code: str, body: Any = None) -> Any:
    answer = await client.post(path, json=body)
    assert answer.json().get("code") == code, (path, answer.text)
    assert "{" not in answer.json()["detail"], answer.text
    return answer.json()


__all__ = ["COMMUNITY", "FOREIGN", "OLD", "YOUNG", "Bank", "made", "order_of", "refused"]
