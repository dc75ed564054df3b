"""Stars that are applied for, judged and granted, one that is refused, and a certificate that anybody can verify."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import httpx
from rich.console import Console
from rich.table import Column, Table

from deploy.demo.clients import Clerks, Refused
from shared.clock import SHANGHAI

GRANTED = 3
"""How many of those who reached a star have it granted; the next one waits for the district."""


@dataclass(frozen=True, slots=True)
class Application:
    """A star that somebody asked for."""

    volunteer: str
    minutes: int
    stage: str
    text: str


@dataclass(frozen=True, slots=True)
class Honours:
    """What there is to show."""

    applications: list[Application]
    candidates: int
    certificate: Mapping[str, Any]
    verification_url: str
    publicity_url: str
    verified: bool


async def honour(clerks: Clerks, community: str, district: str, minutes: Mapping[str, int], url: str) -> Honours:
    """Through the public API. `minutes` are of confirmed service, by volunteer; `url` is the points service's."""
    candidates = [c async for c in clerks.every("points", "/v1/stars/candidates", community=community)]
    candidates.sort(key=lambda c: (-c["minutes"], c["volunteer_id"]))
    authority = clerks.signed_in("district", "star-office", district)
    applications = []
    for number, candidate in enumerate(candidates[: GRANTED + 1]):
        volunteer, grade = candidate["volunteer_id"], candidate["grade_reached"]
        # Volunteers apply by themselves; the community judges the quality, and the district decides.
        own = clerks.signed_in("volunteer", volunteer)
        body = {"volunteer_id": volunteer, "grade": grade}
        application = await clerks.post("points", "/v1/stars/applications", body, token=own)
        path = f"/v1/stars/applications/{application['application_id']}"
        answer = await clerks.post("points", f"{path}/assessment", {"quality": "met"})
        text = f"{'★' * grade}：社区评定质量达标，待区级决定 judged by the community, waits for the district"
        if number < GRANTED:
            answer = await clerks.post("points", f"{path}/grant", token=authority)
            text = f"{'★' * grade}：社区评定，区级授予 judged by the community, granted by the district"
        applications.append(Application(volunteer, candidate["minutes"], answer["stage"], text))
    applications.append(await _too_early(clerks, candidates, minutes))
    certificate = await _certificate(clerks, candidates[0]["volunteer_id"])
    address = f"{url}/verify/{certificate['certificate_number']}?code={certificate['check_code']}"
    publicity = f"{url}/publicity/{community}"
    async with httpx.AsyncClient() as anybody:
        pages = [await anybody.get(address), await anybody.get(publicity)]
    verified = all(page.is_success and certificate["certificate_number"] in page.text for page in pages)
    return Honours(applications, len(candidates), certificate, address, publicity, verified)


async def _too_early(clerks: Clerks, candidates: list[Any], minutes: Mapping[str, int]) -> Application:
    """Somebody who lacks a few hours for the first star asks for it, and is told how many."""
    reached = {candidate["volunteer_id"] for candidate in candidates}
    short = {volunteer: served for volunteer, served in minutes.items() if volunteer not in reached}
    volunteer = max(short, key=lambda v: (short[v], v))
    own = clerks.signed_in("volunteer", volunteer)
    try:
        await clerks.post("points", "/v1/stars/applications", {"volunteer_id": volunteer, "grade": 1}, token=own)
    except Refused as refused:
        if not refused.detail:
            raise
        return Application(volunteer, short[volunteer], "refused", refused.detail)
    raise Refused("时长不够的星级申请竟被受理 a star was applied for without the hours")


async def _certificate(clerks: Clerks, volunteer: str) -> Any:
    person = await clerks.get("registry", f"/v1/volunteers/{volunteer}/identity", reveal=True)
    today = datetime.now(SHANGHAI).date()
    body = {
        "volunteer_id": volunteer,
        "since": _day(today - timedelta(days=400)),
        "until": _day(today),
        "name": person["name"],
        "id_kind": "居民身份证",
        "id_number": person["id_number"],
        "issuer": "祁连社区居民委员会（演示）",
        "responsible_person": "演示负责人",
        "handler": "演示经办人",
        "contact": "0937-0000000",
    }
    return await clerks.post("points", "/v1/certificates", body)


def _day(day: date) -> str:
    return day.isoformat()


def show(console: Console, found: Honours, numbers: Mapping[str, str]) -> None:
    """Print it."""
    stages = {
        "granted": "[green]已授予 granted[/green]",
        "assessed": "[yellow]待决定 waits[/yellow]",
        "refused": "[red]未受理 refused[/red]",
    }
    how = Column("经过 how", overflow="fold")
    table = Table("志愿者 volunteer", "时长 hours", "结果 outcome", how, title="星级评定 Stars")
    for one in found.applications:
        table.add_row(numbers[one.volunteer], f"{one.minutes / 60:.1f}", stages.get(one.stage, one.stage), one.text)
    console.print(table)
    console.print(f"达到一星而尚未申请者在申请之前共 {found.candidates} 人 candidates before anybody applied")
    done = found.certificate
    seen = (
        "公示页和核验页可打开 the pages answer" if found.verified else "[red]页面打不开 the pages do not answer[/red]"
    )
    console.print(
        f"志愿服务记录证明 certificate {done['certificate_number']}：{done['minutes'] / 60:.1f} 小时 hours，"
        f"公示至 public until {done['public_until']}"
    )
    console.print(f"任何人可核验，公示期内可提出异议，{seen}：", highlight=False)
    console.print(f"  {found.verification_url}\n  {found.publicity_url}\n", soft_wrap=True, markup=False)
