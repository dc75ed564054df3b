"""The answer: groups, years and what was assumed, in numbers and in words."""

from collections.abc import Sequence
from datetime import date
from fractions import Fraction
from typing import Any

from pydantic import BaseModel, Field

from services.points.durations import months_later
from services.points.solvency.model import Assumptions, Year, draw_rate, project
from services.points.solvency.reading import Found
from shared.web.problems import Texts


class GroupOut(BaseModel):
    """The people of one age group."""

    age_from: int | None = Field(description="年龄段下限，空为年龄未知 lower bound of five years; null for unknown")
    holders: int = Field(description="持有时间的人数 people who hold minutes")
    balance_minutes: int = Field(description="持有的分钟 minutes they hold")
    spent_minutes: int = Field(description="近十二个月用于服务单 paid for orders in the last 12 months")
    draw_percent: float = Field(description="每年支取比例，推算所用 part drawn a year, as the projection takes it")
    draw_observed: bool = Field(description="比例来自观察，而非假定 whether that was observed, not assumed")
    volunteers: int = Field(description="近十二个月服务过的人数 people who served in the last 12 months")
    served_minutes: int = Field(description="他们这期间服务的分钟 minutes they served in that time")


class YearOut(BaseModel):
    """One year of the projection."""

    year: int
    until: date
    outstanding_minutes: int = Field(description="年末持有 held at the end of the year")
    demanded_minutes: int = Field(description="需求 demanded in the year")
    earned_minutes: int = Field(description="存入 credited in the year")
    supplied_minutes: int = Field(description="可提供的服务 service that volunteers give in the year")
    coverage_percent: float | None = Field(
        description="供给与需求之比，没有需求为空 supply by demand; null without any"
    )


class AssumptionOut(BaseModel):
    """Something that the projection takes for granted."""

    code: str
    zh: str
    en: str


class SolvencyOut(BaseModel):
    """What people hold, who serves, and how it goes on."""

    node: str
    node_name: str | None = Field(description="节点名称 what the node is called, where that is known")
    day: date
    outstanding_minutes: int = Field(description="个人持有合计 held by people, all together")
    pools_minutes: int = Field(description="公共时间池 in the public pools, not among it")
    clearing_minutes: int = Field(description="未结算的社区间往来 not settled between communities, not among it")
    forgotten_minutes: int = Field(description="个人信息已删除者持有 held by people who were erased, not among it")
    spend_from_age: int
    groups: list[GroupOut]
    years: list[YearOut]
    assumptions: list[AssumptionOut]


def answer(
    node: str, name: str | None, today: date, found: Found, assumptions: Assumptions, texts: Texts
) -> SolvencyOut:
    """Everything about a node."""
    years = project(found.groups, assumptions)
    return SolvencyOut(
        node=node,
        node_name=name,
        day=today,
        outstanding_minutes=sum(group.balance_minutes for group in found.groups),
        pools_minutes=found.pools_minutes,
        clearing_minutes=found.clearing_minutes,
        forgotten_minutes=found.forgotten_minutes,
        spend_from_age=assumptions.spend_from_age,
        groups=[
            GroupOut(
                age_from=group.age_from,
                holders=group.holders,
                balance_minutes=group.balance_minutes,
                spent_minutes=group.spent_minutes,
                draw_percent=_percent(draw_rate(group, assumptions)),
                draw_observed=group.spent_minutes > 0,
                volunteers=group.volunteers,
                served_minutes=group.served_minutes,
            )
            for group in found.groups
        ],
        years=[_year(year, today) for year in years],
        assumptions=list(_assumed(assumptions, texts)),
    )


def _year(year: Year, today: date) -> YearOut:
    return YearOut(
        **year._asdict(),
        until=months_later(today, 12 * year.year),
        coverage_percent=None if year.coverage is None else _percent(year.coverage),
    )


_CODES = ("ageing", "drawing", "younger", "unknown", "serving", "earning", "policy", "left_out")


def _assumed(assumptions: Assumptions, texts: Texts) -> Sequence[AssumptionOut]:
    params: dict[str, Any] = {
        "age": assumptions.spend_from_age,
        "percent": assumptions.assumed_draw_percent,
        "share": f"{_percent(assumptions.earned_share):g}",
    }
    return [
        AssumptionOut(
            code=code,
            zh=texts.get("zh", f"solvency.assumed.{code}", params),
            en=texts.get("en", f"solvency.assumed.{code}", params),
        )
        for code in _CODES
    ]


def _percent(part: Fraction) -> float:
    return round(float(part * 100), 1)
