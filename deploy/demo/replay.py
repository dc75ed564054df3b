"""Lives the planned year through the public HTTP APIs, in order of time, several clerks at once."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from datetime import date, datetime, time, timedelta
from io import BytesIO
from typing import Any

from deploy.demo.clients import Clerks, Refused
from deploy.demo.sign_in_sheets import Attendee, write_sign_in_sheet
from deploy.demo.year import CELLS, ITEMS, ActivityPlan, DisputePlan, Month, Outing, ShiftPlan, Team
from services.registry.importing.signin import PlannedTime
from shared.clock import SHANGHAI

CLERKS = 10
"""Commands under way at once."""
_LONG_DAY_PEOPLE = 3
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_FINDING_TEXTS = {
    "dispute": "楼道堆放杂物，两户争执（合成数据）",
    "hazard": "井盖松动（合成数据）",
    "sanitation": "垃圾未清运（合成数据）",
    "facility": "路灯不亮（合成数据）",
    "person_in_need": "独居老人家中无人应答（合成数据）",
}

Step = Callable[[], None]


class Replay:
    """Everything the community's workers type and scan in a year."""

    def __init__(self, clerks: Clerks, community: str, teams: Iterable[Team], numbers: dict[str, str]) -> None:
        self._clerks = clerks
        self._community = community
        self._teams = list(teams)
        self._numbers = numbers
        self._leaders: dict[tuple[str, str], str] = {}
        self._names: dict[str, str] = {}
        self._crews: dict[str, str] = {}
        self._items: list[dict[str, Any]] = []
        self._redeemed_from = 0
        self.redemptions = 0
        self.refused_redemptions = 0

    async def prepare(self, plan: list[Month]) -> None:
        """Cells, crews and the love market's shelves."""
        for start in range(0, len(CELLS), 500):
            cells: list[dict[str, Any]] = [{"cell": cell, "area_m2": 10_000} for cell in CELLS[start : start + 500]]
            await self._clerks.post("grid_patrol", "/v1/cells", {"community": self._community, "cells": cells})
        people: dict[str, set[str]] = {}
        for month in plan:
            for shift in month.shifts:
                people.setdefault(shift.crew, set()).update(shift.members)
        names = {"joint_defence": "社区治安联防队", "volunteer": "社区志愿者巡逻队", "cadre": "社区干部巡逻队"}
        for kind, members in people.items():
            crew: dict[str, Any] = {
                "community": self._community,
                "name": names[kind],
                "kind": kind,
                "members": sorted(members),
            }
            self._crews[kind] = (await self._clerks.post("grid_patrol", "/v1/crews", crew))["crew_id"]
        for name, price, pieces in ITEMS:
            listed: dict[str, Any] = {"community": self._community, "name": name, "price_points": price}
            item = await self._clerks.post("points", "/v1/items", listed)
            await self._clerks.post("points", f"/v1/items/{item['id']}/receipts", {"quantity": pieces})
            self._items.append(item)

    async def month(self, month: Month, step: Step) -> None:
        """One month: activities, shifts and disputes side by side, then the cases that patrols brought."""
        work: list[Coroutine[Any, Any, None]] = []
        work += [self._activity(plan) for plan in month.activities]
        work += [self._shift(plan) for plan in month.shifts]
        work += [self._dispute(plan) for plan in month.disputes]
        # Interleaved, so that no service idles while another is busy.
        work = [item for offset in range(7) for item in work[offset::7]]
        await _together(work, step)
        await self._patrol_cases()

    async def long_day(self, day: date) -> None:
        """Two activities that fill a day from seven to eight, with the same people in both: somebody should look."""
        team = next(team for team in self._teams if team.kind == "festivals")
        for begins, ends, title in ((7, 13, "节前走访慰问"), (14, 20, "社区联欢布置")):
            starts, over = (datetime.combine(day, time(hour), SHANGHAI) for hour in (begins, ends))
            outings = tuple(Outing(volunteer, starts, over) for volunteer in team.members[-_LONG_DAY_PEOPLE:])
            await self._activity(ActivityPlan(team.id, title, "general", starts, over, outings, False, None))

    async def redeem(self, count: int, step: Step) -> None:
        """Volunteers with enough points collect something; one of ten thinks better of it."""
        rich = [
            account["holder"]
            async for account in self._clerks.every("points", "/v1/accounts", community=self._community, unit="POINT")
            if account["available"] >= ITEMS[0][1] and account["holder"] in self._numbers
        ]
        chosen = [rich[(self._redeemed_from + n * 7) % len(rich)] for n in range(count)] if rich else []
        self._redeemed_from += count
        await _together([self._redemption(holder, number) for number, holder in enumerate(chosen)], step)

    async def _activity(self, plan: ActivityPlan) -> None:
        # The leader of the team keeps the list, except for lists on paper: those all go over one desk in the office.
        token = None if plan.by_sheet else self._leader(plan)
        body = {
            "community": self._community,
            "team_id": plan.team_id,
            "title": plan.title,
            "category": plan.category,
            "planned_start": plan.starts.isoformat(),
            "planned_end": plan.ends.isoformat(),
        }
        post = self._clerks.post
        path = f"/v1/activities/{(await post('registry', '/v1/activities', body, token=token))['id']}"
        if plan.by_sheet:
            sheet = BytesIO()
            people = [await self._attendee(outing.volunteer) for outing in plan.outings]
            write_sign_in_sheet(sheet, plan.title, PlannedTime(plan.starts, plan.ends), people, seed=len(people))
            files = {"file": ("签到表.xlsx", sheet.getvalue(), _XLSX)}
            imported = await post("registry", f"{path}/sign-in-sheet", files=files)
            if imported["problem_rows"]:
                raise Refused(f"签到表 sign-in sheet: {[p['code'] for p in imported['problems']]}")
        else:
            entries = [
                {"volunteer": o.volunteer, "started_at": o.arrives.isoformat(), "minutes": o.backfilled_minutes}
                if o.backfilled_minutes is not None
                else {
                    "volunteer": o.volunteer,
                    "checked_in_at": o.arrives.isoformat(),
                    **({"checked_out_at": o.leaves.isoformat()} if o.leaves else {}),
                }
                for o in plan.outings
            ]
            await post("registry", f"{path}/attendances", {"entries": entries}, token=token)
        completed_at = (plan.ends + timedelta(minutes=30)).isoformat()
        await post("registry", f"{path}/completion", {"completed_at": completed_at}, token=token)
        if plan.corrected is not None:
            change: dict[str, Any] = {
                "volunteer": plan.corrected,
                "minutes": 45,
                "evidence": "scanned",
                "reason": "wrong_time",
            }
            await post("registry", f"{path}/corrections", change)

    def _leader(self, plan: ActivityPlan) -> str:
        """Somebody else in every month: a year is confirmed here in a minute, and a leader who confirms a year in a
        minute is a sign of invented hours, which the points service finds.
        """
        key = (plan.team_id, f"{plan.starts:%Y-%m}")
        if key not in self._leaders:
            self._leaders[key] = self._clerks.signed_in("team_leader", f"leader-{key[0]}-{key[1]}")
        return self._leaders[key]

    async def _attendee(self, volunteer: str) -> Attendee:
        """A line of a sign-in sheet bears the volunteer's name, which the importer compares with the register."""
        if volunteer not in self._names:
            person = await self._clerks.get("registry", f"/v1/volunteers/{volunteer}/identity", reveal=True)
            self._names[volunteer] = person["name"]
        return Attendee(self._names[volunteer], None, self._numbers[volunteer])

    async def _shift(self, plan: ShiftPlan) -> None:
        post = self._clerks.post
        body = {
            "crew_id": self._crews[plan.crew],
            "cells": list(plan.cells),
            "members": list(plan.members),
            "planned_start": plan.starts.isoformat(),
            "planned_end": plan.ends.isoformat(),
        }
        path = f"/v1/shifts/{(await post('grid_patrol', '/v1/shifts', body))['shift_id']}"
        await post("grid_patrol", f"{path}/start", {"started_at": plan.starts.isoformat()})
        scans = [
            {"cell": cell, "volunteer_id": member, "device_id": f"demo-{member[-8:]}", "device_time": at.isoformat()}
            for cell, member, at in plan.scanned
        ]
        if scans:
            await post("grid_patrol", f"{path}/scans", {"scans": scans})
        if plan.finding is not None:
            finding = dict(plan.finding)
            finding["found_at"] = finding["found_at"].isoformat()
            await post("grid_patrol", f"{path}/findings", {**finding, "text": _FINDING_TEXTS[finding["kind"]]})
        await post("grid_patrol", f"{path}/log", {"ended_at": plan.ends.isoformat()})
        if plan.corrected is not None:
            minutes = int((plan.ends - plan.starts).total_seconds()) // 120
            change = {"volunteer_id": plan.corrected, "minutes": minutes, "evidence": "backfilled"}
            await post("grid_patrol", f"{path}/corrections", {**change, "reason": "wrong_time"})

    async def _dispute(self, plan: DisputePlan) -> None:
        body = {
            "community": self._community,
            "kind": plan.kind,
            "risk": plan.risk,
            "parties": [
                {"role": "applicant", "name": "合成当事人甲", "phone": "15400000001"},
                {"role": "respondent", "name": "合成当事人乙", "phone": "15400000002"},
            ],
            "account": "合成数据：邻里纠纷经过",
            "filed_at": plan.filed.isoformat(),
        }
        case = await self._clerks.post("mediation", "/v1/cases", body)
        await self._mediate(case["case_id"], plan.filed, plan.mediators, plan.sessions, plan.ending)

    async def _mediate(
        self,
        case_id: str,
        filed: datetime,
        mediators: Iterable[str],
        sessions: Iterable[tuple[datetime, int]],
        ending: str,
    ) -> None:
        post, path = self._clerks.post, f"/v1/cases/{case_id}"
        for mediator in mediators:
            assigned_at = (filed + timedelta(minutes=5)).isoformat()
            await post("mediation", f"{path}/mediators", {"mediator_id": mediator, "assigned_at": assigned_at})
        ended = filed
        for started, minutes in sessions:
            session = {"started_at": started.isoformat(), "minutes": minutes, "record_signed": True}
            await post("mediation", f"{path}/sessions", session)
            ended = started + timedelta(minutes=minutes)
        at = ended.isoformat()
        if ending == "failed":
            await post("mediation", f"{path}/failure", {"remedies": ["litigation"], "ended_at": at})
        elif ending == "withdrawn":
            await post("mediation", f"{path}/withdrawal", {"withdrawn_at": at})
        else:
            body = {"agreement": ending, "content": "合成数据：双方达成一致", "resolved_at": at}
            await post("mediation", f"{path}/resolution", body)

    async def _patrol_cases(self) -> None:
        """Take up the cases that were opened from patrol findings: one session on the next morning."""
        mediators = next(team.members for team in self._teams if team.kind == "mediation")[:18]
        cases = [case async for case in self._clerks.every("mediation", "/v1/cases", stage="filed")]
        for number, case in enumerate(c for c in cases if c["origin"] == "patrol_finding"):
            filed = datetime.fromisoformat(case["filed_at"])
            morning = (filed + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)  # 08:00 local
            await self._mediate(case["case_id"], filed, [mediators[number % len(mediators)]], [(morning, 30)], "oral")

    async def _redemption(self, holder: str, number: int) -> None:
        item = self._items[number % len(self._items)]
        body = {"volunteer_id": holder, "item_id": item["id"], "quantity": 1}
        try:
            reserved = await self._clerks.post("points", "/v1/redemptions", body)
        except Refused as refused:
            if "409" not in str(refused):
                raise
            self.refused_redemptions += 1  # not enough left after an earlier one: exactly what must be refused
            return
        ending = "cancellation" if number % 10 == 9 else "collection"
        shown = {"identified_by": "card"} if ending == "collection" else None
        await self._clerks.post("points", f"/v1/redemptions/{reserved['id']}/{ending}", shown)
        self.redemptions += ending == "collection"


async def _together(work: list[Coroutine[Any, Any, None]], step: Step) -> None:
    """Run all, a few at a time; the first failure ends the whole."""
    hands = asyncio.Semaphore(CLERKS)

    async def one(item: Coroutine[Any, Any, None]) -> None:
        async with hands:
            await item
        step()

    try:
        async with asyncio.TaskGroup() as group:
            for item in work:
                group.create_task(one(item))
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None  # the first is the reason, the others are its consequence
