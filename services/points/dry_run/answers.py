"""The answer of a dry run."""

from datetime import date
from uuid import UUID

from pydantic import BaseModel, Field

from services.points.dry_run.comparison import EDGES_PERCENT, Comparison, Spread, Sums
from services.points.units import EARNED_UNITS, Unit


class BeforeAfterOut(BaseModel):
    """An amount under the policies in force, and under those with the proposed document."""

    before: int
    after: int


class PersonOut(BaseModel):
    """What changes for one person."""

    volunteer_id: UUID
    before: int
    after: int


class StepOut(BaseModel):
    """People whose difference lies within a step, in percent of what they had before."""

    more_than_percent: int | None = Field(description="不含 excluded; null for no bound")
    up_to_percent: int | None = Field(description="含 included; null for no bound, and for those who had nothing")
    people: int


class UnitOut(BaseModel):
    """What changes in one unit."""

    unit: str
    before: int
    after: int
    people_more: int = Field(description="得到更多的人数 people who get more")
    people_less: int = Field(description="得到更少的人数 people who get less")
    people_same: int = Field(description="不变的人数 people for whom nothing changes")
    distribution: list[StepOut] = Field(
        description="变化分布，不含不变的人 differences; people who get the same are not in it"
    )
    largest_gains: list[PersonOut] = Field(description="增加最多的人，至多 50 位 at most 50")
    largest_losses: list[PersonOut] = Field(description="减少最多的人，至多 50 位 at most 50")


class CommunityOut(BaseModel):
    """What changes for the service of one community."""

    community: str | None = Field(
        description="空值：同日在其他社区的服务 null: elsewhere, on the same days; a daily cap is one person's"
    )
    records: int
    units: dict[str, BeforeAfterOut]


class KindOut(BaseModel):
    """What changes for one kind of service."""

    kind: str
    records: int
    units: dict[str, BeforeAfterOut]


class DryRunOut(BaseModel):
    """What a document would have changed."""

    node: str
    first_day: date
    last_day: date
    people: int = Field(description="有服务记录的人数 people who served below the node")
    records: int = Field(description="服务记录数 service records that were priced")
    units: list[UnitOut]
    communities: list[CommunityOut]
    kinds: list[KindOut]


def dry_run_out(node: str, first_day: date, last_day: date, comparison: Comparison) -> DryRunOut:
    """The answer."""
    total = comparison.total
    communities = sorted(comparison.by_community.items(), key=lambda item: (item[0] is None, item[0] or ""))
    return DryRunOut(
        node=node,
        first_day=first_day,
        last_day=last_day,
        people=comparison.people,
        records=total.records,
        units=[_unit(comparison, total, unit) for unit in EARNED_UNITS],
        communities=[CommunityOut(community=c, records=s.records, units=_units(s)) for c, s in communities],
        kinds=[KindOut(kind=k, records=s.records, units=_units(s)) for k, s in sorted(comparison.by_kind.items())],
    )


def _units(sums: Sums) -> dict[str, BeforeAfterOut]:
    return {
        unit.name: BeforeAfterOut(before=before, after=after)
        for unit, before, after in zip(EARNED_UNITS, sums.before, sums.after, strict=True)
    }


def _unit(comparison: Comparison, total: Sums, unit: Unit) -> UnitOut:
    index, spread = EARNED_UNITS.index(unit), comparison.spread[unit]
    return UnitOut(
        unit=unit.name,
        before=total.before[index],
        after=total.after[index],
        people_more=spread.more,
        people_less=spread.less,
        people_same=spread.same,
        distribution=_steps(spread),
        largest_gains=_people(spread.gains()),
        largest_losses=_people(spread.losses()),
    )


def _steps(spread: Spread) -> list[StepOut]:
    edges = zip((None, *EDGES_PERCENT), (*EDGES_PERCENT, None), strict=True)
    return [
        StepOut(more_than_percent=low, up_to_percent=high, people=people)
        for (low, high), people in zip(edges, spread.steps, strict=True)
    ]


def _people(shown: list[tuple[UUID, int, int]]) -> list[PersonOut]:
    return [PersonOut(volunteer_id=person, before=before, after=after) for person, before, after in shown]
