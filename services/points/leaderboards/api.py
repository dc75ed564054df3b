"""Routes of leaderboards: who served most in a community and a period, and staying off them."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Annotated, Any, ClassVar
from uuid import UUID

from fastapi import Query
from pydantic import BaseModel, Field
from sqlalchemy import BigInteger, Subquery, Text, TextClause, Uuid, column, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.points.leaderboards.model import Choose
from services.points.leaderboards.views import APPEARANCES
from services.points.ledger.schema import LIVE
from services.points.stars.standing import member
from services.points.units import Unit
from shared.auth.permissions import Role
from shared.clock import day_start, local_day
from shared.contracts import Refusal, refuse_if
from shared.contracts.common import CommunityCode
from shared.web import Api, Caller, Page, Paging, Read, Work
from shared.web.fields import Body, Day

api = Api(tags=["leaderboards 排行榜"])

Since = Annotated[Day, Query(description="自 first day")]
Until = Annotated[Day, Query(description="至 last day")]

_PERIOD_MAX = timedelta(days=366)


class LeaderboardPeriod(Refusal):
    """A leaderboard is of one period: a year at most, and not ending before it begins."""

    code: ClassVar[str] = "leaderboard_period"
    status: ClassVar[int] = 422


class ChoiceBody(Body):
    """是否上榜 Whether the volunteer stays off leaderboards."""

    opted_out: Annotated[bool, Field(description="不上榜 stay off leaderboards")]


class ChoiceOut(BaseModel):
    """The wish as it is kept."""

    volunteer_id: UUID
    opted_out: bool


class PlaceOut(BaseModel):
    """A place on the leaderboard. Equal minutes have equal rank."""

    rank: int
    volunteer_id: UUID
    volunteer_number: str | None
    minutes: int


class LeaderboardOut(Page[PlaceOut]):
    """Who served most, best first, without names: those are the registry's."""

    community: str
    since: date
    until: date
    mine: PlaceOut | None = Field(description="本人名次 the caller's own place, for a volunteer who is on it")


SHOWN = """
    m.forgotten_at IS NULL
    AND NOT EXISTS (SELECT FROM deaths AS d WHERE d.volunteer_id = m.volunteer_id)
    AND NOT EXISTS (SELECT FROM leaderboard_opt_outs AS o WHERE o.volunteer_id = m.volunteer_id)
"""
"""Who is on leaderboards, of `members AS m`: neither the dead nor whoever does not want to be."""

# One range of the statement indexes for each account of the community, both sides.
_PLACES = text(
    f"""
    WITH people AS (
        SELECT a.id, m.volunteer_id, m.number
          FROM {LIVE}.accounts AS a
          JOIN {LIVE}.members AS m ON m.volunteer_id = CASE WHEN a.limited THEN a.holder::uuid END
         WHERE a.community = :community AND a.unit = {Unit.SERVICE_MINUTE:d} AND a.limited
           AND {SHOWN}
    ), served AS (
        SELECT p.volunteer_id, p.number,
               (coalesce((SELECT sum(t.amount) FROM {LIVE}.transfers AS t
                           WHERE t.credit_account = p.id AND t.credit_account > 0
                             AND t.occurred_at >= :since AND t.occurred_at < :until), 0)
                - coalesce((SELECT sum(t.amount) FROM {LIVE}.transfers AS t
                             WHERE t.debit_account = p.id AND t.debit_account > 0
                               AND t.occurred_at >= :since AND t.occurred_at < :until), 0))::bigint AS minutes
          FROM people AS p
    )
    SELECT rank() OVER (ORDER BY minutes DESC) AS rank, volunteer_id, number AS volunteer_number, minutes
      FROM served WHERE minutes > 0
    """
)
PLACE_COLUMNS = {"rank": BigInteger, "volunteer_id": Uuid, "volunteer_number": Text, "minutes": BigInteger}


@api.query("/v1/leaderboards", permission="leaderboards.read")
async def get_leaderboard(
    read: Read,
    caller: Caller,
    page: Paging,
    community: Annotated[CommunityCode, Query(description="社区 community")],
    since: Since,
    until: Until,
) -> LeaderboardOut:
    """社区某期间服务时长排行，不含姓名和退出者。Who served most in a community and a period.

    与服务队排行一样分页：名次在 `items`，每页 `limit` 条；0.1.0 里是 `places` 和 `top`。

    A page at a time, as of teams: places are in `items`, `limit` of them on a page. In 0.1.0 they were in `places`, and
    `top` of them.
    """
    caller.require(community)
    places = ranked(_PLACES, PLACE_COLUMNS, {**period(since, until), "community": community})
    found, mine = await places_of(read, page, caller, places)
    return LeaderboardOut(community=community, since=since, until=until, mine=mine, **dict(found))


@api.command("/v1/leaderboards/{volunteer_id}/choice", permission="leaderboards.opt_out")
async def choose(volunteer_id: UUID, body: ChoiceBody, work: Work, caller: Caller) -> ChoiceOut:
    """退出或重新加入排行榜。Stay off leaderboards, or be on them again."""
    caller.require_self(volunteer_id)
    who = await member(work.connection, volunteer_id)
    caller.require(who.community, volunteer_id)
    command = Choose(volunteer_id, who.community, body.opted_out, local_day(work.now))
    appearance = await work.execute(APPEARANCES, volunteer_id, command)
    return ChoiceOut(volunteer_id=volunteer_id, opted_out=appearance.opted_out)


def period(since: date, until: date) -> dict[str, datetime]:
    """The moments between which service counts, by parameter. Raises `LeaderboardPeriod`."""
    # Every period starts from zero (零起点): what was served before does not count.
    refuse_if(not timedelta(0) <= until - since <= _PERIOD_MAX, LeaderboardPeriod)
    return {"since": day_start(since), "until": day_start(until + timedelta(days=1))}


def own(caller: Any) -> UUID | None:
    """The volunteer whose own place is asked for; None for staff."""
    if caller.role is not Role.VOLUNTEER:
        return None
    try:
        return UUID(caller.subject)
    except ValueError:
        return None


def ranked(statement: TextClause, columns: Mapping[str, Any], params: Mapping[str, Any]) -> Subquery:
    """A statement that ranks, as something to select from."""
    typed = statement.bindparams(**params).columns(*(column(name, kind) for name, kind in columns.items()))
    return typed.subquery("ranked")


async def places_of(
    read: AsyncConnection, page: Any, caller: Any, places: Subquery
) -> tuple[Page[PlaceOut], PlaceOut | None]:
    """A page of people's places, and the caller's own wherever it is."""
    order = [places.c.minutes, places.c.volunteer_id]
    found: Page[PlaceOut] = await page.fetch(read, select(places), order, _place, descending=True)
    me, mine = own(caller), None
    if me is not None:
        row = (await read.execute(select(places).where(places.c.volunteer_id == me))).first()
        mine = None if row is None else _place(row)
    return found, mine


def _place(row: Any) -> PlaceOut:
    return PlaceOut.model_validate(row, from_attributes=True)
