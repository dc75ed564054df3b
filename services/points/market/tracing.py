"""Every piece from its source to its recipient, computed from the ledger and kept nowhere (`following` says how).

What was taken back, and what took it back, is left out, as if it had never been entered (docs/decisions/0053).
"""

import asyncio
from collections import Counter
from collections.abc import Collection, Iterable
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, bindparam, or_, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.points.ledger import holders
from services.points.ledger.clauses import Clause
from services.points.ledger.schema import LIVE
from services.points.market.following import Move, Piece, follow
from services.points.tables import accounts, supply_uses, units
from services.points.teams import team_names
from services.points.units import goods_code


class Source(StrEnum):
    """Where pieces came from."""

    OPENING_STOCK = "opening_stock"
    DONATED = "donated"
    BOUGHT = "bought"
    FOUND = "found"
    """盘盈"""


class Outcome(StrEnum):
    """What became of pieces."""

    REDEEMED = "redeemed"
    GIVEN_IN_AID = "given_in_aid"
    SOLD = "sold"
    LOST = "lost"
    """盘亏、损坏、变质"""
    WITH_TEAM = "with_team"
    """在服务队手中 a volunteer team has them for its activities"""
    USED_UP = "used_up"
    """服务队活动消耗 by a team, in an activity"""
    HANDED_OUT = "handed_out"
    """服务队活动中发给居民 by a team, in an activity"""
    ON_THE_SHELF = "on_the_shelf"


SOURCES = {
    Clause.STOCK_RECEIVED: Source.OPENING_STOCK,
    Clause.DONATED: Source.DONATED,
    Clause.BOUGHT: Source.BOUGHT,
    Clause.STOCK_COUNTED: Source.FOUND,
}
OUTCOMES = {
    Clause.GOODS_HANDED_OVER: Outcome.REDEEMED,
    Clause.GIVEN_IN_AID: Outcome.GIVEN_IN_AID,
    Clause.SOLD: Outcome.SOLD,
    Clause.STOCK_COUNTED: Outcome.LOST,
    Clause.SUPPLIES_ISSUED: Outcome.WITH_TEAM,
    Clause.SUPPLIES_USED_UP: Outcome.USED_UP,
    Clause.SUPPLIES_HANDED_OUT: Outcome.HANDED_OUT,
}

# Between two of the places a transfer is on the statements of both, and counts once.
_MOVES = text(
    f"""
    WITH moves AS (
        SELECT * FROM {LIVE}.transfers WHERE credit_account = ANY(:places) AND credit_account > 0
        UNION ALL
        SELECT * FROM {LIVE}.transfers
         WHERE debit_account = ANY(:places) AND debit_account > 0 AND credit_account <> ALL(:places)
    )
    SELECT m.id, m.corrects, m.unit, m.debit_account, m.credit_account, m.amount, m.clause, m.record_id, m.occurred_at,
           giver.holder AS giver, receiver.holder AS receiver
      FROM moves AS m
      JOIN {LIVE}.accounts AS giver ON giver.id = m.debit_account
      JOIN {LIVE}.accounts AS receiver ON receiver.id = m.credit_account
     ORDER BY m.recorded_at, m.event_id, m.clause
    """
).bindparams(bindparam("places", type_=ARRAY(BigInteger)))


class Moved(NamedTuple):
    """What a transfer says beside who gave how much to whom."""

    clause: int
    record_id: UUID
    at: datetime
    giver: str
    receiver: str

    @property
    def team(self) -> UUID | None:
        """The team that was given pieces, or had them until then."""
        for holder in (self.giver, self.receiver):
            if holder.startswith(holders.team_prefix):
                return UUID(holder.removeprefix(holders.team_prefix))
        return None


Traced = Piece[Moved]


async def traced(read: AsyncConnection, community: str, item_ids: Collection[UUID]) -> dict[UUID, list[Traced]]:
    """Pieces of items of a community's market by source and recipient, in the order of both."""
    codes = {goods_code(item_id): item_id for item_id in item_ids}
    somewhere = or_(*(accounts.c.holder.startswith(p) for p in (holders.stock_prefix, holders.team_prefix)))
    query = select(accounts.c.id, accounts.c.unit, units.c.code).join(units, units.c.id == accounts.c.unit)
    rows = await read.execute(query.where(units.c.code.in_(codes), accounts.c.community == community, somewhere))
    item_by_unit, places = dict[int, UUID](), list[int]()
    for number, unit, code in rows:
        item_by_unit[unit] = codes[code]
        places.append(number)
    by_item: dict[UUID, list[Move[Moved]]] = {item_id: [] for item_id in item_ids}
    if places:
        moves = (await read.execute(_MOVES, {"places": places})).all()
        taken_back = Counter[int]()
        for move in moves:
            if move.corrects is not None:
                taken_back[move.corrects] += move.amount
        for number, corrects, unit, giver, receiver, amount, *about in moves:
            if corrects is None and (pieces := amount - taken_back[number]):
                by_item[item_by_unit[unit]].append(Move(giver, receiver, pieces, Moved(*about)))
    # Beside the loop: an item that thousands have redeemed takes a while.
    return await asyncio.to_thread(_followed, by_item, frozenset(places))


def _followed(by_item: dict[UUID, list[Move[Moved]]], places: frozenset[int]) -> dict[UUID, list[Traced]]:
    return {item_id: follow(moves, places) for item_id, moves in by_item.items()}


class ByTeam(NamedTuple):
    """Which team had pieces last, and in which activity it used them."""

    team_id: UUID
    team_name: str | None
    activity_id: UUID | None


async def by_teams(read: AsyncConnection, fates: Iterable[Moved | None]) -> dict[Moved, ByTeam]:
    """Of those fates that a team had a part in: its name, which is public, and the activity."""
    team_by_fate = {fate: fate.team for fate in fates if fate is not None}
    names = await team_names(read, (team_id for team_id in team_by_fate.values() if team_id is not None))
    used = [fate.record_id for fate, team_id in team_by_fate.items() if team_id is not None]
    activities = {}
    if used:
        query = select(supply_uses.c.id, supply_uses.c.activity_id).where(supply_uses.c.id.in_(used))
        activities = {row.id: row.activity_id for row in await read.execute(query)}
    return {
        fate: ByTeam(team_id, names.get(team_id), activities.get(fate.record_id))
        for fate, team_id in team_by_fate.items()
        if team_id is not None
    }
