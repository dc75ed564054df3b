"""Supplies of teams: what was asked for them, what they brought back, and what became of the rest."""

from sqlalchemy import Column, Index, Integer, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB

from services.points.tables.base import CODE, MOMENT, metadata

supply_requests = Table(
    "supply_requests",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("community", CODE, nullable=False),
    Column("team_id", Uuid, nullable=False),
    Column("activity_id", Uuid),
    Column("lines", JSONB, nullable=False),
    Column("stage", Text, nullable=False),
    Column("requested_at", MOMENT, nullable=False),
    Column("collect_by", MOMENT, nullable=False),
    Column("ended_at", MOMENT),
    Column("version", Integer, nullable=False),
    Index("supply_requests_community", "community", "id"),
    Index("supply_requests_team", "team_id", "id"),
)

supply_returns = Table(
    "supply_returns",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("community", CODE, nullable=False),
    Column("team_id", Uuid, nullable=False),
    Column("lines", JSONB, nullable=False),
    Column("returned_at", MOMENT, nullable=False),
    Column("version", Integer, nullable=False),
    Column("withdrawn_at", MOMENT),
    Column("replaced_by", Uuid),
    Index("supply_returns_community", "community", "returned_at", "id"),
    Index("supply_returns_team", "team_id", "returned_at", "id"),
)

supply_uses = Table(
    "supply_uses",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("community", CODE, nullable=False),
    Column("team_id", Uuid, nullable=False),
    Column("activity_id", Uuid),
    Column("people_reached", Integer, nullable=False),
    Column("lines", JSONB, nullable=False),
    Column("used_at", MOMENT, nullable=False),
    Column("withdrawn_at", MOMENT),
    Column("version", Integer, nullable=False),
    Index("supply_uses_community", "community", "used_at", "id"),
    Index("supply_uses_team", "team_id", "used_at", "id"),
    Index("supply_uses_activity", "activity_id"),
)
