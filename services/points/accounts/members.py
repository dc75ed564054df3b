"""Who belongs to which community, since when, and whose data was erased: what points must know of a person, no more."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from services.points.ledger.holders import volunteer
from shared.contracts.registry import PersonForgotten, VolunteerRegistered
from shared.deliveries import Delivery


async def note(db: Any, schema: str, deliveries: Sequence[Delivery]) -> None:
    """Take in who was registered and who was forgotten; other deliveries are passed over. May be repeated."""
    await register(db, schema, [d.event for d in deliveries if isinstance(d.event, VolunteerRegistered)])
    await forget(db, schema, [(d.event, d.envelope.time) for d in deliveries if isinstance(d.event, PersonForgotten)])


async def register(db: Any, schema: str, events: Sequence[VolunteerRegistered]) -> None:
    """Remember home community, number and day of registration. Accounts may exist already: service can arrive first."""
    if not events:
        return
    registered = {event.volunteer_id: event for event in events}
    ids = sorted(registered)
    communities = [registered[volunteer_id].community for volunteer_id in ids]
    await db.execute(
        f"INSERT INTO {schema}.members AS m (volunteer_id, community, number, registered_on)"
        " SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::date[])"
        " ON CONFLICT (volunteer_id) DO UPDATE SET community = excluded.community,"
        # Forgotten is for good, in whatever order the topic is read.
        " number = CASE WHEN m.forgotten_at IS NULL THEN excluded.number END, registered_on = excluded.registered_on",
        ids,
        communities,
        [registered[volunteer_id].volunteer_number for volunteer_id in ids],
        [registered[volunteer_id].registered_on for volunteer_id in ids],
    )
    await db.execute(
        f"UPDATE {schema}.accounts AS a SET community = m.community"
        "  FROM unnest($1::text[], $2::text[]) AS m(holder, community)"
        " WHERE a.holder = m.holder AND a.community <> m.community",
        [volunteer(volunteer_id) for volunteer_id in ids],
        communities,
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
        " SET forgotten_at = excluded.forgotten_at, number = NULL,"
        " community = coalesce(m.community, excluded.community)",
        ids,
        [forgotten[volunteer_id][0] for volunteer_id in ids],
        [forgotten[volunteer_id][1] for volunteer_id in ids],
    )
