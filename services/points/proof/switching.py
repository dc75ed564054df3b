"""Rebuilt tables take the place of the live ones. What takes long is laid ready before, while the service goes on."""

from typing import Any

from services.points.ledger.schema import LIVE, REBUILT, RETIRED, TABLES, switch_to_rebuilt
from services.points.proof.due import DONE

REBUILDING = 4995421788
"""The lock of whoever rebuilds."""


async def lay_ready(db: Any) -> None:
    """Once the replay has gone through the topics: note where claims and tellings differ, and let all accounts be told.

    Whatever live takes from here on is taken by the replay only after it, so both lists only become shorter.
    """
    for table in TABLES:
        await db.execute(f"ANALYZE {REBUILT}.{table}")
    await db.execute(
        f"CREATE TABLE {REBUILT}.apart AS SELECT event_id"
        f" FROM public.consumed AS c FULL JOIN {REBUILT}.consumed AS r USING (event_id)"
        " WHERE c.event_id IS NULL OR r.event_id IS NULL"
    )
    await db.execute(
        f"CREATE TABLE {REBUILT}.missed AS SELECT event_id FROM {REBUILT}.tellings AS r"
        f" WHERE NOT EXISTS (SELECT FROM {LIVE}.tellings AS l WHERE l.event_id = r.event_id)"
    )
    # The planner must know that they are short, or it goes through all that they are compared with.
    await db.execute(f"ANALYZE {REBUILT}.apart, {REBUILT}.missed")
    async with db.transaction():
        await db.execute(f"TRUNCATE {REBUILT}.balance_changes")
        await db.execute(
            f"INSERT INTO {REBUILT}.balance_changes (accounts)"
            f" SELECT array_agg(id) FROM (SELECT id, row_number() OVER (ORDER BY id) / 10000 AS part"
            f"   FROM {REBUILT}.accounts WHERE id > 0) AS a GROUP BY part"
        )


async def count_ahead(db: Any) -> int:
    """Events that the replay has taken and live has not, so far."""
    return int(
        await db.fetchval(
            f"SELECT count(*) FROM {REBUILT}.apart AS a JOIN {REBUILT}.consumed USING (event_id)"
            " WHERE NOT EXISTS (SELECT FROM public.consumed AS c WHERE c.event_id = a.event_id)"
        )
    )


async def count_unheard(db: Any) -> int:
    """Events that live has taken and no topic holds any more, once the replay has taken all that live has."""
    return int(
        await db.fetchval(
            f"SELECT count(*) FROM {REBUILT}.apart AS a"
            f" WHERE NOT EXISTS (SELECT FROM {REBUILT}.consumed AS r WHERE r.event_id = a.event_id)"
        )
    )


async def make_room(db: Any) -> None:
    """Give up the tables of an earlier switch, while nobody is held still: whoever reads them, as `pg_dump` does, is
    waited for.
    """
    await db.execute(f"DROP SCHEMA IF EXISTS {RETIRED} CASCADE")


async def let_go_of_people(db: Any) -> None:
    """Drop what tables beside the live ones, left by a rebuild that is over, say of people: their numbers, their ages.

    Whoever is forgotten is forgotten in the live tables alone. To be called in a transaction. Raises
    `LockNotAvailableError` where somebody goes on reading them, as `pg_dump` does for hours: whoever waited would keep
    other readers and rebuilds waiting as long.
    """
    left = [f"{schema}.members" for schema in (RETIRED, REBUILT)]
    there = "SELECT EXISTS (SELECT FROM unnest($1::text[]) AS name WHERE to_regclass(name) IS NOT NULL)"
    if await db.fetchval(there, left) and await db.fetchval("SELECT pg_try_advisory_xact_lock($1)", REBUILDING):
        await db.execute("SET LOCAL lock_timeout = '1s'")
        await db.execute(f"DROP TABLE IF EXISTS {', '.join(left)}")


async def switch_ledgers(db: Any) -> None:
    """Swap the two sets of tables, in the caller's transaction; nobody writes meanwhile."""
    # What the replay knew and live had not taken yet is to be looked at for signs of invented hours, and must not be
    # taken again.
    await db.execute(
        "INSERT INTO public.fresh_tellings (event_ids) SELECT array_agg(event_id)"
        "  FROM (SELECT event_id, row_number() OVER (ORDER BY event_id) / 100 AS piece"
        f"         FROM {REBUILT}.missed AS m WHERE NOT EXISTS"
        f"              (SELECT FROM {LIVE}.tellings AS l WHERE l.event_id = m.event_id)) AS missed GROUP BY piece"
    )
    await db.execute(
        f"INSERT INTO public.consumed SELECT event_id FROM {REBUILT}.apart JOIN {REBUILT}.consumed USING (event_id)"
        " ON CONFLICT DO NOTHING"
    )
    await db.execute(f"DROP TABLE {REBUILT}.consumed, {REBUILT}.apart, {REBUILT}.missed")
    await db.execute(f"ALTER TABLE {REBUILT}.accounts ALTER COLUMN version SET DEFAULT 0")
    for statement in (*switch_to_rebuilt(), DONE):
        await db.execute(statement)
