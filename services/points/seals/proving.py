"""Looks whether the seals are one chain, and whether the ledger still says what it said when it was sealed."""

import json
from datetime import date, timedelta
from typing import Any

from services.points.ledger.schema import LIVE
from services.points.seals.lines import NOTHING, CommunityDay, counts, day_lines
from services.points.seals.model import BEFORE_ALL, canonical_text, sha256_of
from shared.contracts.points import SealedSum

_DAYS_AT_A_TIME = 31

_SEALS = """
    SELECT community, sequence, day, revision, lines, sums::text AS sums, lines_sha256, previous_sha256, seal_sha256,
           format_version
      FROM seals ORDER BY community, sequence
"""

_LATEST = """
    SELECT DISTINCT ON (community, day) community, day, lines_sha256 FROM seals WHERE day BETWEEN $1 AND $2
     ORDER BY community, day, revision DESC
"""


async def broken_links(db: Any) -> int:
    """How many seals do not follow from the one before them, or do not say what they were hashed on.

    Must be called within a transaction.
    """
    broken, revisions = 0, dict[CommunityDay, int]()
    community, sequence, head = "", 0, BEFORE_ALL
    # One by one from the server: chains grow by a seal a day and community, for as long as there is a community.
    async for row in db.cursor(_SEALS, prefetch=1000):
        if row["community"] != community:
            community, sequence, head = row["community"], 0, BEFORE_ALL
        of = CommunityDay(community, row["day"])
        revisions[of] = revisions.get(of, 0) + 1
        sums = [SealedSum(**entry) for entry in json.loads(row["sums"])]
        said = canonical_text(
            row["format_version"],
            community,
            sequence + 1,
            row["day"],
            revisions[of],
            row["lines"],
            sums,
            row["lines_sha256"],
            head,
        )
        whole = row["sequence"] == sequence + 1 and row["revision"] == revisions[of]
        balanced = all(entry.gained == entry.given for entry in sums)
        broken += not (whole and balanced and sha256_of(said) == row["seal_sha256"])
        sequence, head = row["sequence"], row["seal_sha256"]
    return broken


async def broken_days(db: Any, *, days: int | None = None) -> int:
    """How many days are not what they were when they were last sealed; of the last sealed `days`, or of all.

    A day to which something came after it was sealed is not among them: the next night seals it again.
    """
    first, last = await db.fetchrow("SELECT min(day), max(day) FROM seals")
    if first is None:
        return 0
    if days is not None:
        first = max(first, last - timedelta(days=days - 1))
    broken = 0
    while first <= last:
        end = min(last, first + timedelta(days=_DAYS_AT_A_TIME - 1))
        broken += await _broken_days(db, first, end)
        first = end + timedelta(days=1)
    return broken


async def _broken_days(db: Any, first: date, last: date) -> int:
    # Counted after the lines are read, so that what comes in between is taken for new and not for wrong.
    sealed = {CommunityDay(row[0], row[1]): row[2] for row in await db.fetch(_LATEST, first, last)}
    found = await day_lines(db, first, last, LIVE)
    counted = await counts(db, first, last, LIVE)
    broken = 0
    for of, sha256 in sealed.items():
        now, then = counted.get(of, (0, 0))
        broken += now < then or (now == then and found.get(of, NOTHING).sha256 != sha256)
    return broken
