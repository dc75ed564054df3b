"""What a seal is made of: the net effects of a community's day as canonical lines, and where days have changed.

A transfer belongs to one community, with both of its sides: to that of its account that is not a person's (of issue, a
market, a shelf, a pool), the giving side before the gaining one; between two people, to that in whose book the giver's
stands, where they were registered. The accounts of people are brought home when that becomes known, and when they move
house; those of places never move. So the lines of a community are the same at any later time, and whatever the lines of
a seal say was gained was also given.

A transfer belongs to the day, in Asia/Shanghai, on which it became known (`recorded_at`): that day is over when it is
sealed, while what *happened* on a day may become known at any time.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, NamedTuple

from services.points.ledger.schema import LIVE
from services.points.seals.model import NO_LINES
from shared.clock import day_start
from shared.contracts.points import SealedSum

_DAY = timedelta(days=1)


class CommunityDay(NamedTuple):
    """A day of a community."""

    community: str
    day: date


@dataclass(frozen=True, slots=True)
class DayLines:
    """The lines of a day, without the lines."""

    lines: int
    sums: Sequence[SealedSum]
    sha256: str


NOTHING = DayLines(0, (), NO_LINES)
"""Of a day whose transfers amount to nothing."""


async def changed_days(db: Any, until: date, schema: str = LIVE) -> dict[CommunityDay, int]:
    """Days before `until` that have other transfers than when they were last looked at, with how many they have.

    Transfers are never changed and never deleted, so a day has changed exactly when it has more of them. What comes
    late is told by nothing but the table itself, wherever it lies in it; so this reads the whole table, once a day.
    """
    rows = await db.fetch(
        _CHANGED.format(s=schema, place=_PLACE.format(s=schema), where="recorded_at < $1"), day_start(until), until
    )
    return {CommunityDay(row[0], row[1]): row[2] for row in rows}


async def counts(db: Any, first: date, last: date, schema: str = LIVE) -> dict[CommunityDay, tuple[int, int]]:
    """How many transfers days have, and how many they had when they were last looked at (0 for never)."""
    query = _COUNTS.format(s=schema, place=_PLACE.format(s=schema), where="recorded_at >= $1 AND recorded_at < $2")
    rows = await db.fetch(query, day_start(first), day_start(last + _DAY))
    return {CommunityDay(row[0], row[1]): (row[2], row[3]) for row in rows}


async def day_lines(db: Any, first: date, last: date, schema: str = LIVE) -> dict[CommunityDay, DayLines]:
    """The lines of all communities from the first day to the last, counted, summed up and hashed by the database.

    Days without lines are left out. The text of one community's day must fit into a gigabyte, which is eight million
    lines.
    """
    query = _EFFECTS.format(s=schema, place=_PLACE.format(s=schema)) + _HASHED
    rows = await db.fetch(query, day_start(first), day_start(last + _DAY))
    found: dict[CommunityDay, DayLines] = {}
    for row in rows:
        sums = [SealedSum(unit=u, gained=g, given=v) for u, g, v in zip(row[3], row[4], row[5], strict=True)]
        found[CommunityDay(row[0], row[1])] = DayLines(row[2], tuple(sums), row[6])
    return found


async def read_lines(db: Any, of: CommunityDay, after: str | None, limit: int, schema: str = LIVE) -> list[str]:
    """The lines of one community's day themselves, in byte order, behind the line `after`."""
    query = _EFFECTS.format(s=schema, place=_PLACE.format(s=schema)) + _LINES
    rows = await db.fetch(query, day_start(of.day), day_start(of.day + _DAY), of.community, after or "", limit)
    return [row[0] for row in rows]


_PLACE = """
    CASE WHEN position(':' IN d.holder) > 0 THEN d.community WHEN position(':' IN c.holder) > 0 THEN c.community
         ELSE coalesce((SELECT m.registered_in FROM {s}.members AS m WHERE m.volunteer_id = cast(d.holder AS uuid)),
                       d.community) END
"""
"""Community of a transfer between the accounts d and c. People go by their id alone, everything else has a colon."""

_LOCAL = "date_bin('1 day', {moment}, timestamptz '2000-01-01 00:00:00+08')"
"""First moment of the local day. Asia/Shanghai has had no summer time since 1991; this costs a tenth of a time zone."""

_TALLY = f"""
    WITH tallied AS (
        SELECT debit_account, CASE WHEN debit_account > 0 THEN credit_account END AS credit_account,
               {_LOCAL.format(moment="recorded_at")} AS begins, count(*) AS transfers
          FROM {{s}}.transfers WHERE {{where}}
         GROUP BY 1, 2, 3
    ), counted AS (
        SELECT {{place}} AS community, (begins AT TIME ZONE 'Asia/Shanghai')::date AS day,
               sum(transfers)::bigint AS transfers
          FROM tallied AS t
          JOIN {{s}}.accounts AS d ON d.id = t.debit_account
          JOIN {{s}}.accounts AS c ON c.id = coalesce(t.credit_account, t.debit_account)
         GROUP BY 1, 2
    )
"""
"""The places that most transfers come from are few; only where a person gives, the other side is looked at."""

_CHANGED = (
    _TALLY
    + """
    SELECT coalesce(c.community, k.community), coalesce(c.day, k.day), coalesce(c.transfers, 0)
      FROM counted AS c FULL JOIN {s}.sealed_days AS k ON k.community = c.community AND k.day = c.day
     WHERE coalesce(c.day, k.day) < $2 AND coalesce(c.transfers, 0) <> coalesce(k.transfers, 0)
     ORDER BY 2, 1
"""
)

_COUNTS = (
    _TALLY
    + """
    SELECT c.community, c.day, c.transfers, coalesce(k.transfers, 0)
      FROM counted AS c LEFT JOIN {s}.sealed_days AS k ON k.community = c.community AND k.day = c.day
"""
)

_EFFECTS = """
    WITH placed AS (
        SELECT t.event_id, t.recorded_at, t.debit_account, t.credit_account, t.amount, {place} AS community
          FROM {s}.transfers AS t
          JOIN {s}.accounts AS d ON d.id = t.debit_account
          JOIN {s}.accounts AS c ON c.id = t.credit_account
         WHERE t.recorded_at >= $1 AND t.recorded_at < $2
    ), sides AS (
        SELECT community, event_id, recorded_at, credit_account AS account, amount FROM placed
        UNION ALL
        SELECT community, event_id, recorded_at, debit_account, -amount FROM placed
    ), effects AS (
        SELECT community, event_id, recorded_at, account, sum(amount) AS net FROM sides
         GROUP BY community, event_id, recorded_at, account HAVING sum(amount) <> 0
    ), lines AS (
        SELECT e.community, (e.recorded_at AT TIME ZONE 'Asia/Shanghai')::date AS day, u.code AS unit, e.net,
               e.event_id || '|' || cast(extract(epoch FROM e.recorded_at) * 1000000 AS bigint) || '|' || a.holder
               || '|' || u.code || '|' || e.net AS line
          FROM effects AS e JOIN {s}.accounts AS a ON a.id = e.account JOIN units AS u ON u.id = a.unit
    )
"""
"""The same lines as those by which a rebuild is compared (`proof.checks`)."""

_HASHED = """
    , sums AS (
        SELECT community, day, unit, sum(net) FILTER (WHERE net > 0) AS gained,
               -sum(net) FILTER (WHERE net < 0) AS given
          FROM lines GROUP BY community, day, unit
    ), by_unit AS (
        SELECT community, day, array_agg(unit ORDER BY unit COLLATE "C") AS units,
               array_agg(coalesce(gained, 0)::bigint ORDER BY unit COLLATE "C") AS gained,
               array_agg(coalesce(given, 0)::bigint ORDER BY unit COLLATE "C") AS given
          FROM sums GROUP BY community, day
    ), hashed AS (
        SELECT community, day, count(*) AS lines,
               encode(sha256(convert_to(string_agg(line || E'\\n', '' ORDER BY line COLLATE "C"), 'UTF8')), 'hex')
                   AS sha256
          FROM lines GROUP BY community, day
    )
    SELECT community, day, lines, units, gained, given, sha256 FROM hashed JOIN by_unit USING (community, day)
"""

_LINES = """
    SELECT line FROM lines WHERE community = $3 AND line COLLATE "C" > $4
     ORDER BY line COLLATE "C" LIMIT $5
"""
