"""Which teams there are and who joined and left them, as the registry tells it. Kept in the ledger's own schema.

Joinings and leavings of one team lie in one stream, but a batch may bring them late, twice, or the leaving first. So
each is kept as a row, by its number in the team's stream, and nothing is overwritten: who belonged to a team on a day
is a function of the rows, in whatever order they came.
"""

from collections.abc import Sequence
from typing import Any

from shared.contracts.registry import TeamFormed, TeamMemberJoined, TeamMemberLeft
from shared.deliveries import Delivery

EVENTS = TeamFormed, TeamMemberJoined, TeamMemberLeft
"""What is told of teams."""


async def note(db: Any, schema: str, deliveries: Sequence[Delivery]) -> None:
    """Take in teams and their members; other deliveries are passed over. May be repeated."""
    formed = {d.event.team_id: d.event for d in deliveries if isinstance(d.event, TeamFormed)}
    if formed:
        teams = [formed[team_id] for team_id in sorted(formed)]
        await db.execute(
            f"INSERT INTO {schema}.teams (team_id, community, name, kind, formed_on)"
            " SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::date[]) ON CONFLICT DO NOTHING",
            [team.team_id for team in teams],
            [team.community for team in teams],
            # PostgreSQL holds no such character, and a team's name is free text.
            [team.name.replace("\x00", "") for team in teams],
            [team.kind.replace("\x00", "") for team in teams],
            [team.formed_on for team in teams],
        )
    changes = set()
    for delivery in deliveries:
        event, sequence = delivery.event, delivery.sequence
        if isinstance(event, TeamMemberJoined):
            changes.add((event.team_id, event.volunteer_id, sequence, event.joined_on, True))
        elif isinstance(event, TeamMemberLeft):
            changes.add((event.team_id, event.volunteer_id, sequence, event.left_on, False))
    if changes:
        # In one order, so that two batches with the same changes cannot wait for each other in a circle.
        team_ids, people, sequences, days, joined = zip(*sorted(changes), strict=True)
        await db.execute(
            f"INSERT INTO {schema}.team_changes (team_id, volunteer_id, sequence, day, joined)"
            " SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::date[], $5::boolean[])"
            " ON CONFLICT DO NOTHING",
            list(team_ids),
            list(people),
            list(sequences),
            list(days),
            list(joined),
        )
