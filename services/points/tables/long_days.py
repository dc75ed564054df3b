"""Long days that an office approved, as the offices' list."""

from sqlalchemy import Column, Date, Index, Integer, Table, Text, Uuid

from services.points.tables.base import CODE, MOMENT, metadata

long_days = Table(
    "long_days",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("community", CODE, nullable=False),
    Column("volunteer_id", Uuid, nullable=False),
    Column("day", Date, nullable=False),
    Column("stage", Text, nullable=False),
    Column("minutes_max", Integer, nullable=False),
    Column("level", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("policy_version", Integer, nullable=False),
    Column("approved_by", Uuid, nullable=False),
    Column("approved_at", MOMENT, nullable=False),
    Column("event_id", Uuid, nullable=False),
    Column("withdrawn_by", Uuid),
    Column("withdrawn_at", MOMENT),
    Column("withdrawal_event_id", Uuid),
    Column("version", Integer, nullable=False),
    Index("long_days_community", "community", "day", "id"),
    Index("long_days_volunteer", "volunteer_id", "day"),
)
"""One for a person and a day: the last approval, and whether it was withdrawn."""
