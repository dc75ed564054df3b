"""Clerks who hardly stop typing, and remember what they were told was done."""

import asyncio
import itertools
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from deploy.demo.clients import Clerks
from deploy.demo.platform import LocalPlatform
from deploy.demo.register import write_register
from deploy.local.stack import ROOT

COMMUNITY = "620201001004"
_MINUTES = 60
_BREATH_S = 0.3
"""Between two acts. Without it they keep the machine so busy that what was killed takes long to come back."""
_PAST_DAYS = 3000
"""Every act needs three hours of its own in the past; a year of them is typed in a minute."""


class Load:
    """Activities, shifts and disputes, one after the other, while `running`. `owed` is what the ledger has to show."""

    def __init__(self, platform: LocalPlatform) -> None:
        self._platform = platform
        self._clerks = Clerks(platform, COMMUNITY)
        self._slots = itertools.count()
        self._base = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(days=_PAST_DAYS)
        self.volunteers: list[str] = []
        self.minutes: Counter[str] = Counter()
        """Minutes of service that were acknowledged, by volunteer."""
        self.done: Counter[str] = Counter()
        self._stopping = asyncio.Event()
        self._workers: list[asyncio.Task[None]] = []

    async def prepare(self, folder: Path) -> None:
        """The tree, the register, a crew on its cells."""
        token = {"authorization": f"Bearer {self._platform.token('district', '620201')}"}
        divisions = ROOT / "services/registry/organisation/data/jiayuguan-divisions.csv"
        async with httpx.AsyncClient(base_url=self._platform.urls["registry"], headers=token, timeout=60) as http:
            answer = await http.post(
                "/v1/organisation/imports",
                files={"file": ("divisions.csv", divisions.read_bytes(), "text/csv")},
                data={"source": "test"},
                headers={"Idempotency-Key": "chaos-divisions"},
            )
            answer.raise_for_status()
        register = folder / "register.xlsx"
        write_register(register)
        files = {"file": ("register.xlsx", register.read_bytes(), "application/octet-stream")}
        await self._post(
            "registry", "/v1/imports/roster", files=files, data={"community": COMMUNITY, "consent_on_file": "true"}
        )
        self.volunteers = [v["id"] async for v in self._clerks.every("registry", "/v1/volunteers", node=COMMUNITY)]
        cells = [{"cell": f"QL{number:03d}", "area_m2": 10_000} for number in range(4)]
        await self._post("grid_patrol", "/v1/cells", {"community": COMMUNITY, "cells": cells})
        crew = {"community": COMMUNITY, "name": "巡逻队", "kind": "volunteer", "members": self.volunteers[:6]}
        self._crew = (await self._post("grid_patrol", "/v1/crews", crew))["crew_id"]

    def start(self) -> None:
        """Begin typing."""
        self._stopping.clear()
        kinds = [self._activity, self._activity, self._shift, self._dispute]
        self._workers = [asyncio.create_task(self._repeat(kind)) for kind in kinds]

    async def stop(self) -> None:
        """Finish what was begun, and stop. Raises what a clerk was refused."""
        self._stopping.set()
        await asyncio.gather(*self._workers)

    async def served(self) -> dict[str, int]:
        """Service minutes by volunteer, as the points service shows them."""
        accounts = self._clerks.every("points", "/v1/accounts", community=COMMUNITY, unit="SERVICE_MINUTE")
        known = set(self.volunteers)
        return {a["holder"]: a["posted"] async for a in accounts if a["holder"] in known and a["posted"]}

    async def close(self) -> None:
        """Hang up."""
        await self._clerks.close()

    async def _repeat(self, kind: Any) -> None:
        while not self._stopping.is_set():
            await kind()
            self.done[kind.__name__] += 1
            await asyncio.sleep(_BREATH_S)

    async def _post(self, service: str, path: str, body: Any = None, **options: Any) -> Any:
        return await self._clerks.post(service, path, body, **options)

    def _slot(self) -> tuple[int, datetime, datetime]:
        """Three hours that nobody else has, an hour of them served: at most eight hours a day and person."""
        number = next(self._slots)
        start = self._base + timedelta(hours=3 * number)
        return number, start, start + timedelta(minutes=_MINUTES)

    async def _activity(self) -> None:
        number, start, end = self._slot()
        people = [self.volunteers[100 + (number * 5 + offset) % 800] for offset in range(3)]
        body = {
            "community": COMMUNITY,
            "title": f"活动 {number}",
            "planned_start": start.isoformat(),
            "planned_end": end.isoformat(),
        }
        path = f"/v1/activities/{(await self._post('registry', '/v1/activities', body))['id']}"
        times = {"checked_in_at": start.isoformat(), "checked_out_at": end.isoformat()}
        entries = [{"volunteer": person, **times} for person in people]
        await self._post("registry", f"{path}/attendances", {"entries": entries})
        await self._post("registry", f"{path}/completion", {"completed_at": end.isoformat()})
        self.minutes.update(dict.fromkeys(people, _MINUTES))

    async def _shift(self) -> None:
        number, start, end = self._slot()
        members = [self.volunteers[(number + offset) % 6] for offset in range(2)]
        body = {
            "crew_id": self._crew,
            "cells": ["QL000", "QL001"],
            "members": members,
            "planned_start": start.isoformat(),
            "planned_end": end.isoformat(),
        }
        path = f"/v1/shifts/{(await self._post('grid_patrol', '/v1/shifts', body))['shift_id']}"
        await self._post("grid_patrol", f"{path}/start", {"started_at": start.isoformat()})
        scans = [
            {
                "cell": "QL000",
                "volunteer_id": member,
                "device_id": f"phone-{member[-8:]}",
                "device_time": (start + timedelta(minutes=10)).isoformat(),
            }
            for member in members
        ]
        await self._post("grid_patrol", f"{path}/scans", {"scans": scans})
        logged = await self._post("grid_patrol", f"{path}/log", {"ended_at": end.isoformat()})
        self.minutes.update({record["volunteer_id"]: record["minutes"] for record in logged["members"]})

    async def _dispute(self) -> None:
        _, start, _ = self._slot()
        mediator = self.volunteers[50]
        parties = [{"role": "applicant", "name": "合成当事人"}]
        body = {"community": COMMUNITY, "kind": "neighbour", "parties": parties, "filed_at": start.isoformat()}
        path = f"/v1/cases/{(await self._post('mediation', '/v1/cases', body))['case_id']}"
        assigned = {"mediator_id": mediator, "assigned_at": start.isoformat()}
        await self._post("mediation", f"{path}/mediators", assigned)
        session = {"started_at": start.isoformat(), "minutes": 30, "record_signed": True}
        await self._post("mediation", f"{path}/sessions", session)
        at = (start + timedelta(minutes=30)).isoformat()
        ended = {"agreement": "oral", "content": "合成数据", "resolved_at": at}
        await self._post("mediation", f"{path}/resolution", ended)
        self.minutes[mediator] += 30
