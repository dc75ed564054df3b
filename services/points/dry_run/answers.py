"""The answer of a dry run."""

from collections.abc import Mapping
from datetime import date, datetime
from uuid import UUID

from pydantic import BaseModel, Field

from services.points.dry_run.comparison import EDGES_PERCENT, Comparison, Spread, Sums
from services.points.dry_run.market import MarketTally
from services.points.dry_run.standing import BankMove, BankTally, StarsMove, StarsTally
from services.points.stars.standing import GRADES
from services.points.units import EARNED_UNITS, Unit


class BeforeAfterOut(BaseModel):
    """An amount or a number under the policies in force, and under those with the proposed document."""

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
    node_names: dict[str, str] = Field(description="各节点的名称 names of the nodes, by code")


class Receipt(BaseModel):
    """Shows, when what was tried is published or ordered, that this answer was there to be seen."""

    receipt: str = Field(
        description="试算凭据：发布或下达时原样填写；内容、节点、日期须与试算相同，其间本节点、上级、下级的办法不得有变"
        " give it when you publish or order exactly this; not when a policy of the node, above or below changed since"
    )
    receipt_holds_until: datetime = Field(description="凭据有效至 until when")


class RestatementDryRunOut(DryRunOut, Receipt):
    """What pricing days anew would change."""


class GradeChangeOut(BaseModel):
    """People who meet what a grade asks for, by their service record of today. Whoever applied already counts, too."""

    grade: int
    people_before: int
    people_after: int
    people_newly: int = Field(description="新达到标准的人数 people who newly meet it")
    people_no_longer: int = Field(description="不再达到标准的人数 people who no longer meet it")
    people_no_longer_but_hold: int = Field(
        description="其中已评上该星级的人数；星级不变 of these, who holds this grade or a higher one, and keeps it"
    )


class TimeBankChangeOut(BaseModel):
    """What the rules of the time bank would do to what people have there today, were it the end of the day."""

    people: int = Field(description="有可用时间的人数 people with minutes that are neither spent nor held")
    over_cap_people: BeforeAfterOut = Field(description="超过上限的人数 people whose minutes lie above the cap")
    over_cap_minutes: BeforeAfterOut = Field(
        description="超过上限、将归入公益时间池的分钟 minutes above it, which flow over into the pools"
    )
    people_newly_over_cap: int
    people_no_longer_over_cap: int
    spending_people: BeforeAfterOut = Field(
        description="达到可用年龄的人数 people who are certainly old enough to spend"
    )
    people_newly_spending: int = Field(description="新可以使用的人数 people who could spend")
    people_no_longer_spending: int = Field(description="不再可以使用的人数 people who could no longer spend")
    people_age_unknown: int = Field(description="年龄不详的人数 people whose age nobody knows")


class MarketChangeOut(BaseModel):
    """What the rules of the love market would have meant for what was redeemed in the months."""

    redemptions: int = Field(description="已领取或待领取的兑换 redemptions that were collected, or wait")
    over_limit_households: BeforeAfterOut = Field(
        description="某月超过每户限领件数的户次 households with more pieces than the limit, each month counted"
    )
    over_limit_pieces: BeforeAfterOut = Field(description="超过的件数 pieces above it")
    late: BeforeAfterOut = Field(description="领取时已过期限的 collected after the time there would have been")


class NotTriedOut(BaseModel):
    """What the document says and the dry run does not try."""

    place: str = Field(description="在文档中的位置 place in the document, as a JSON pointer")
    why: str = Field(description="为什么没有试算，它管什么 why not, and what it is for")


class PolicyDryRunOut(DryRunOut, Receipt):
    """What a document would have changed for the service of the months, and would change for what people have today."""

    in_force_from: date = Field(description="发布时填同一天 the day to publish it for")
    stars: list[GradeChangeOut] = Field(
        description="名单 who they are: `POST /v1/policies/dry-run/stars`", min_length=GRADES, max_length=GRADES
    )
    time_bank: TimeBankChangeOut = Field(description="名单 who they are: `POST /v1/policies/dry-run/time-bank`")
    market: MarketChangeOut
    not_tried: list[NotTriedOut] = Field(description="文档中没有试算的项目 what the document says that was not tried")


class StarsMoveOut(BaseModel):
    """Somebody who meets what another grade asks for than before; 0 for none."""

    volunteer_id: UUID
    community: str
    minutes: int = Field(description="今天的服务时长 the service record of today")
    grade_before: int
    grade_after: int
    grade_held: int = Field(description="已评定的星级，不受影响 the grade in force, which stays")


class TimeBankMoveOut(BaseModel):
    """Somebody of whose minutes more or fewer would flow over, or who could (no longer) spend them."""

    volunteer_id: UUID
    community: str
    minutes: int = Field(description="今天可用的分钟 minutes that are neither spent nor held today")
    over_cap_before: int
    over_cap_after: int
    can_spend_before: bool
    can_spend_after: bool


def stars_move_out(move: StarsMove) -> StarsMoveOut:
    """A row of the list."""
    who = move.who
    return StarsMoveOut(
        volunteer_id=who.volunteer_id,
        community=who.community,
        minutes=who.minutes,
        grade_before=move.before,
        grade_after=move.after,
        grade_held=who.grade_held,
    )


def time_bank_move_out(move: BankMove) -> TimeBankMoveOut:
    """A row of the list."""
    who = move.who
    return TimeBankMoveOut(
        volunteer_id=who.volunteer_id,
        community=who.community,
        minutes=who.minutes,
        over_cap_before=move.over_before,
        over_cap_after=move.over_after,
        can_spend_before=move.spends_before,
        can_spend_after=move.spends_after,
    )


def policy_dry_run_out(
    prices: DryRunOut,
    in_force_from: date,
    stars: StarsTally,
    bank: BankTally,
    market: MarketTally,
    not_tried: list[NotTriedOut],
    receipt: Receipt,
) -> PolicyDryRunOut:
    """The whole answer."""
    grades = zip(stars.before, stars.after, stars.newly, stars.no_longer, stars.kept, strict=True)
    return PolicyDryRunOut(
        **dict(prices),
        **dict(receipt),
        in_force_from=in_force_from,
        stars=[
            GradeChangeOut(
                grade=grade,
                people_before=before,
                people_after=after,
                people_newly=newly,
                people_no_longer=no_longer,
                people_no_longer_but_hold=kept,
            )
            for grade, (before, after, newly, no_longer, kept) in enumerate(grades, 1)
        ],
        time_bank=TimeBankChangeOut(
            people=bank.people,
            over_cap_people=BeforeAfterOut(before=bank.over_before, after=bank.over_after),
            over_cap_minutes=BeforeAfterOut(before=bank.minutes_over_before, after=bank.minutes_over_after),
            people_newly_over_cap=bank.newly_over,
            people_no_longer_over_cap=bank.no_longer_over,
            spending_people=BeforeAfterOut(before=bank.spend_before, after=bank.spend_after),
            people_newly_spending=bank.newly_spend,
            people_no_longer_spending=bank.no_longer_spend,
            people_age_unknown=bank.age_unknown,
        ),
        market=MarketChangeOut(
            redemptions=market.redemptions,
            over_limit_households=BeforeAfterOut(
                before=market.households_over_before, after=market.households_over_after
            ),
            over_limit_pieces=BeforeAfterOut(before=market.pieces_over_before, after=market.pieces_over_after),
            late=BeforeAfterOut(before=market.late_before, after=market.late_after),
        ),
        not_tried=not_tried,
    )


def dry_run_out(
    node: str, first_day: date, last_day: date, comparison: Comparison, names: Mapping[str, str]
) -> DryRunOut:
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
        node_names=dict(names),
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
