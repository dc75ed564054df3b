"""The time bank: an elder spends what they saved, somebody without minutes is helped by the public pool."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from rich.console import Console
from rich.table import Column, Table

from deploy.demo.clients import Clerks, Refused
from deploy.demo.people import make_id_number
from shared.clock import SHANGHAI

HELPED = ("佟念恩", make_id_number(random.Random(2015), 8_975, woman=True))
"""Name and number of the person without minutes: as synthetic as everybody else, and in the vault only."""
_ELDERS = 4
_OLD_FROM, _YOUNG_UNTIL = 66, 50
"""Ages, well on this and that side of 60, from which minutes can be spent."""
_LOOKED_AT_MAX = 60
_DONORS, _GIVEN_MINUTES = 4, 120


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that happened."""

    what: str
    who: str
    result: str


@dataclass(frozen=True, slots=True)
class TimeBank:
    """What there is to show."""

    lines: list[Line]
    age_groups: Mapping[int, int]
    """Beneficiaries by the lower bound of their age group."""
    pool: Mapping[str, Any]
    pool_lines: list[Mapping[str, Any]]


async def save_and_spend(
    clerks: Clerks, community: str, helpers: Sequence[str], numbers: Mapping[str, str]
) -> TimeBank:
    """Through the public API. `helpers` are volunteers who serve."""
    accounts = [a async for a in clerks.every("points", "/v1/accounts", community=community, unit="MINUTE")]
    # Who can pay for more than one service, and serves in none of them.
    rich = {a["holder"]: a["available"] for a in accounts if a["available"] >= 300 and a["holder"] in numbers}
    elders, young = await _by_age(clerks, sorted(rich.keys() - set(helpers), key=numbers.__getitem__))
    provider = next(helper for helper in helpers if helper not in (*elders, young))
    story = _Story(clerks, community, numbers, provider)
    for elder in elders:
        await story.beneficiary(elder)
    await story.order_of(elders[0])
    await story.too_young(young)
    await story.donate()
    await story.pool_helps()
    history = await clerks.get("points", f"/v1/pools/{community}/history", limit=20)
    pool = await clerks.get("points", f"/v1/pools/{community}")
    groups: dict[int, int] = {}
    async for one in clerks.every("points", "/v1/beneficiaries", community=community):
        groups[one["age_group_from"]] = groups.get(one["age_group_from"], 0) + 1
    return TimeBank(story.lines, dict(sorted(groups.items())), pool, history["items"])


async def _by_age(clerks: Clerks, people: Sequence[str]) -> tuple[list[str], str]:
    """Some elders and a younger one. The office sees a birth date; the points service is told age groups only."""
    elders: list[str] = []
    young, today = None, datetime.now(SHANGHAI).date()
    for volunteer in people[:_LOOKED_AT_MAX]:
        person = await clerks.get("registry", f"/v1/volunteers/{volunteer}/identity", reveal=True)
        age = today.year - int(person["id_number"][6:10])
        if age >= _OLD_FROM and len(elders) < _ELDERS:
            elders.append(volunteer)
        elif age < _YOUNG_UNTIL:
            young = young or volunteer
        if young is not None and len(elders) == _ELDERS:
            return elders, young
    raise Refused("花名册里老人不够 there are too few elders with minutes in the register")


class _Story:
    def __init__(self, clerks: Clerks, community: str, numbers: Mapping[str, str], provider: str) -> None:
        self._clerks = clerks
        self._community = community
        self._numbers = numbers
        self._provider = provider
        # Asked for by telephone yesterday and entered today, with the service that was given meanwhile.
        yesterday: date = datetime.now(SHANGHAI).date() - timedelta(days=1)
        self._morning = datetime.combine(yesterday, time(9), SHANGHAI)
        self._colleague = clerks.signed_in("community", "time-bank-desk")
        self._beneficiaries: dict[str, str] = {}
        self.lines: list[Line] = []

    async def beneficiary(self, volunteer: str) -> None:
        body = {"community": self._community, "volunteer_id": volunteer}
        made = await self._clerks.post("points", "/v1/beneficiaries", body)
        self._beneficiaries[volunteer] = made["id"]

    async def order_of(self, elder: str) -> None:
        """An elder pays with minutes of their own; whoever served records it, and the elder confirms."""
        before = await self._minutes(elder)
        body = self._order(self._beneficiaries[elder], "own", 90, hours=0)
        order = await self._clerks.post("points", "/v1/time-orders", body)
        path = await self._served(order["id"], 75, hours=1)
        own = self._clerks.signed_in("volunteer", elder)
        done = await self._clerks.post("points", f"{path}/confirmation", token=own)
        after = await self._minutes(elder)
        self._tell(
            "老人用自己存的时间 an elder spends",
            self._numbers[elder],
            f"下单 90 分钟即冻结，服务 75 分钟，本人确认，余额 {before} → {after} "
            f"90 held, 75 served and paid ({done['stage']})",
        )

    async def too_young(self, volunteer: str) -> None:
        """Minutes are saved for old age."""
        await self.beneficiary(volunteer)
        try:
            body = self._order(self._beneficiaries[volunteer], "own", 60, hours=0)
            await self._clerks.post("points", "/v1/time-orders", body)
        except Refused as refused:
            if not refused.detail:
                raise
            self._tell("未到年龄，不予受理 too young, refused", self._numbers[volunteer], refused.detail)
        else:
            raise Refused("未到年龄的订单竟被受理 an order was taken of somebody too young")

    async def donate(self) -> None:
        """Who has most minutes that can only be given away gives them; in the pool they are as good as any."""
        accounts = self._clerks.every("points", "/v1/accounts", community=self._community, unit="DONATION_MINUTE")
        saved = {a["holder"]: a["available"] async for a in accounts if a["holder"] in self._numbers}
        given, donors = 0, sorted(saved, key=lambda holder: (-saved[holder], holder))[:_DONORS]
        for volunteer in donors:
            own = self._clerks.signed_in("volunteer", volunteer)
            body = {"volunteer_id": volunteer, "donation_minutes": min(_GIVEN_MINUTES, saved[volunteer])}
            given += (await self._clerks.post("points", "/v1/minutes/donations", body, token=own))["donation_minutes"]
        self._tell(
            "捐给公益时间池 gifts to the public pool",
            f"{len(donors)} 人 people",
            f"集体活动所得、仅可捐出的 {given} 分钟 minutes of joint activities that can only be given away",
        )

    async def pool_helps(self) -> None:
        """Somebody who never volunteered: one person requests, another approves."""
        name, number = HELPED
        body = {"community": self._community, "person": {"name": name, "id_number": number}}
        person = await self._clerks.post("points", "/v1/beneficiaries", body)
        requested = self._order(person["id"], "pool", 60, hours=3)
        order = await self._clerks.post("points", "/v1/time-orders", requested)
        await self._clerks.post("points", f"/v1/time-orders/{order['id']}/approval", token=self._colleague)
        path = await self._served(order["id"], 60, hours=4)
        done = await self._clerks.post("points", f"{path}/confirmation", token=self._colleague)
        self._tell(
            "公益时间池相助 helped by the pool",
            f"{person['age_group_from']} 岁以上，无账户 no account",
            f"一人提出、另一人批准，服务 60 分钟由池支付 one asks, another approves, the pool pays ({done['stage']})",
        )

    async def _served(self, order_id: str, minutes: int, *, hours: int) -> str:
        """Accepted and recorded by whoever serves."""
        path, own = f"/v1/time-orders/{order_id}", self._clerks.signed_in("volunteer", self._provider)
        await self._clerks.post("points", f"{path}/acceptance", {"provider_id": self._provider}, token=own)
        started = (self._morning + timedelta(hours=hours)).isoformat()
        await self._clerks.post("points", f"{path}/service", {"started_at": started, "minutes": minutes}, token=own)
        return path

    def _order(self, beneficiary: str, payer: str, minutes: int, *, hours: int) -> dict[str, Any]:
        return {
            "beneficiary_id": beneficiary,
            "service": "housework",
            "planned_minutes": minutes,
            "payer": payer,
            "agreed": payer == "own",
            "requested_at": (self._morning + timedelta(hours=hours)).isoformat(),
        }

    async def _minutes(self, volunteer: str) -> int:
        balance = await self._clerks.get("points", f"/v1/accounts/{volunteer}/MINUTE/balance")
        return int(balance["posted"])

    def _tell(self, what: str, who: str, result: str) -> None:
        self.lines.append(Line(what, who, result))


def show(console: Console, found: TimeBank) -> None:
    """Print it."""
    table = Table("事情 what", "谁 who", Column("结果 result", overflow="fold"), title="时间银行 Time bank")
    for line in found.lines:
        table.add_row(line.what, line.who, line.result)
    console.print(table)
    groups = "，".join(f"{group} 岁起 {count} 人" for group, count in found.age_groups.items())
    console.print(f"服务对象，按五岁一段（不存生日） beneficiaries by five-year age group: {groups}")
    by_reason: dict[str, int] = {}
    for line in reversed(found.pool_lines):
        by_reason[line["reason_text"]] = by_reason.get(line["reason_text"], 0) + line["amount"]
    flows = "；".join(f"{reason} {minutes:+d}" for reason, minutes in by_reason.items())
    console.print(f"公益时间池 the pool: {found.pool['available_minutes']} 分钟 minutes（{flows}）\n")
