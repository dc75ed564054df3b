"""Households that somebody left who was forgotten are marked, also where others are left, and those of before."""

from alembic import op

revision = "0033"
down_revision = "0032"

MARK_THOSE_OF_BEFORE = """
    WITH told AS (
        SELECT h.id, e.version, e.type, e.data, e.metadata,
               lag(e.data->'members') OVER (
                   PARTITION BY h.id, e.data ? 'members' ORDER BY e.version
               ) AS members_before
          FROM households AS h
          JOIN events AS e ON e.stream = 'household-' || cast(h.id AS text)
         WHERE h.forgotten_at IS NULL
    ), looked AS (
        SELECT id, version,
               CASE WHEN metadata->>'actor' = 'forgetting' THEN cast(data->>'changed_at' AS timestamptz) END AS left_at
          FROM told
         WHERE type = 'liuling.points.HouseholdMembersChanged.v1'
           AND (metadata->>'actor' = 'forgetting' OR NOT members_before @> (data->'members'))
         UNION ALL
        SELECT id, version, NULL
          FROM told
         WHERE type = 'liuling.points.HouseholdDetailsChanged.v1' AND data->'fields' ? 'name'
    ), last AS (
        SELECT DISTINCT ON (id) id, left_at FROM looked ORDER BY id, version DESC
    )
    UPDATE households AS h SET member_forgotten_at = last.left_at FROM last WHERE last.id = h.id
"""
"""As the read table follows from the events: marked where one was forgotten, until a name or somebody new is told."""


def upgrade() -> None:
    """The watch over those who are forgotten acted under a name of its own; by that its events are known."""
    op.alter_column("households", "last_member_forgotten_at", new_column_name="member_forgotten_at")
    op.execute(MARK_THOSE_OF_BEFORE)
