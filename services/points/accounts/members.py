"""Who belongs to which community, since when, and whose data was erased: what points must know of a person, no more."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from services.points.ledger.holders import volunteer
from shared.contracts.registry import (
    PersonForgotten,
    VolunteerAgeGroupChanged,
    VolunteerMoved,
    VolunteerRegistered,
)
from shared.deliveries import Delivery, last_in_streams

PEOPLE = VolunteerRegistered, VolunteerMoved, VolunteerAgeGroupChanged, PersonForgotten
"""What is told of people."""


async def note(db: Any, schema: str, deliveries: Sequence[Delivery]) -> None:
    """Take in who was registered, moved, is older now, was forgotten; all else is passed over. May be repeated."""
    await register(db, schema, [d.event for d in deliveries if isinstance(d.event, VolunteerRegistered)])
    await move(db, schema, [(d.sequence, d.event) for d in deliveries if isinstance(d.event, VolunteerMoved)])
    await grow_older(db, schema, [d.event for d in deliveries if isinstance(d.event, VolunteerAgeGroupChanged)])
    await forget(db, schema, [(d.event, d.envelope.time) for d in deliveries if isinstance(d.event, PersonForgotten)])


async def register(db: Any, schema: str, events: Sequence[VolunteerRegistered]) -> None:
    """Remember where people were registered, their number and the day. Accounts may exist already: service can arrive
    first. Home is where they were registered, unless a move has been heard of.
    """
    if not events:
        return
    registered = {event.volunteer_id: event for event in events}
    ids = sorted(registered)
    await db.execute(
        f"INSERT INTO {schema}.members AS m"
        " (volunteer_id, community, registered_in, number, registered_on, age_group_from)"
        " SELECT volunteer_id, community, community, number, registered_on, age_group_from"
        "   FROM unnest($1::uuid[], $2::text[], $3::text[], $4::date[], $5::smallint[])"
        "     AS r (volunteer_id, community, number, registered_on, age_group_from)"
        " ON CONFLICT (volunteer_id) DO UPDATE SET registered_in = excluded.registered_in,"
        " community = CASE WHEN m.home_sequence = 0 THEN excluded.community ELSE m.community END,"
        # Forgotten is for good, in whatever order the topic is read.
        " number = CASE WHEN m.forgotten_at IS NULL THEN excluded.number END, registered_on = excluded.registered_on,"
        # Whatever was told of the age after the registration is later than it.
        " age_group_from = CASE WHEN m.forgotten_at IS NOT NULL OR m.age_group_on IS NOT NULL"
        " THEN m.age_group_from ELSE excluded.age_group_from END",
        ids,
        [registered[volunteer_id].community for volunteer_id in ids],
        [registered[volunteer_id].volunteer_number for volunteer_id in ids],
        [registered[volunteer_id].registered_on for volunteer_id in ids],
        [registered[volunteer_id].age_group_from for volunteer_id in ids],
    )
    await _bring_home(db, schema, ids)


async def move(db: Any, schema: str, events: Sequence[tuple[int, VolunteerMoved]]) -> None:
    """Remember the home that stands last in each volunteer's stream, in whatever order moves come."""
    latest = last_in_streams((event.volunteer_id, sequence, event.community) for sequence, event in events)
    if not latest:
        return
    ids = sorted(latest)
    await db.execute(
        f"INSERT INTO {schema}.members AS m (volunteer_id, home_sequence, community)"
        " SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::text[])"
        " ON CONFLICT (volunteer_id) DO UPDATE"
        " SET home_sequence = excluded.home_sequence, community = excluded.community"
        " WHERE m.home_sequence < excluded.home_sequence",
        ids,
        [latest[volunteer_id][0] for volunteer_id in ids],
        [latest[volunteer_id][1] for volunteer_id in ids],
    )
    await _bring_home(db, schema, ids)


async def _bring_home(db: Any, schema: str, ids: Sequence[UUID]) -> None:
    """People are looked after where they live: their accounts are listed there, whatever book they stand in."""
    await db.execute(
        f"UPDATE {schema}.accounts AS a SET community = m.community"
        "  FROM unnest($1::uuid[], $2::text[]) AS of_them(volunteer_id, holder)"
        f" JOIN {schema}.members AS m USING (volunteer_id)"
        " WHERE a.holder = of_them.holder AND a.community <> m.community",
        ids,
        [volunteer(volunteer_id) for volunteer_id in ids],
    )


async def grow_older(db: Any, schema: str, events: Sequence[VolunteerAgeGroupChanged]) -> None:
    """Remember age groups. Of two that were told of a person the later one holds, in whatever order they come."""
    told: dict[UUID, VolunteerAgeGroupChanged] = {}
    for event in events:
        if event.volunteer_id not in told or event.on >= told[event.volunteer_id].on:
            told[event.volunteer_id] = event
    if not told:
        return
    ids = sorted(told)
    await db.execute(
        f"INSERT INTO {schema}.members AS m (volunteer_id, age_group_from, age_group_on)"
        " SELECT * FROM unnest($1::uuid[], $2::smallint[], $3::date[])"
        " ON CONFLICT (volunteer_id) DO UPDATE"
        " SET age_group_from = excluded.age_group_from, age_group_on = excluded.age_group_on"
        " WHERE m.forgotten_at IS NULL AND (m.age_group_on IS NULL OR m.age_group_on <= excluded.age_group_on)",
        ids,
        [told[volunteer_id].age_group_from for volunteer_id in ids],
        [told[volunteer_id].on for volunteer_id in ids],
    )


async def forget(db: Any, schema: str, events: Sequence[tuple[PersonForgotten, datetime]]) -> None:
    """Close the accounts of people whose data was erased. Balances stay: they belong to an id that means nobody now."""
    if not events:
        return
    forgotten = {event.volunteer_id: (event.community, at) for event, at in events}
    ids = sorted(forgotten)
    await db.execute(
        f"INSERT INTO {schema}.members AS m (volunteer_id, community, forgotten_at)"
        " SELECT * FROM unnest($1::uuid[], $2::text[], $3::timestamptz[])"
        " ON CONFLICT (volunteer_id) DO UPDATE"
        " SET forgotten_at = excluded.forgotten_at, number = NULL, age_group_from = NULL, age_group_on = NULL,"
        " community = coalesce(m.community, excluded.community)",
        ids,
        [forgotten[volunteer_id][0] for volunteer_id in ids],
        [forgotten[volunteer_id][1] for volunteer_id in ids],
    )
