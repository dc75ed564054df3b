"""Signs of invented hours: what is still to be looked at, and the flags."""

from sqlalchemy import (
    BigInteger,
    Column,
    Identity,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from services.points.tables.base import CODE, MOMENT, metadata

fresh_tellings = Table(
    "fresh_tellings",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("event_ids", ARRAY(Uuid), nullable=False),
)
"""Events that were booked and not looked at yet. Not rebuilt: whoever has looked deletes the row with it."""

anomaly_flags = Table(
    "anomaly_flags",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("community", CODE, nullable=False),
    Column("sign", Text, nullable=False),
    Column("stage", Text, nullable=False),
    Column("evidence", JSONB, nullable=False),
    Column("flagged_at", MOMENT, nullable=False),
    Column("taken_up_by", Uuid),
    Column("hold_id", Uuid),
    Column("held", JSONB),
    Column("reason", Text),
    Column("decided_by", Uuid),
    Column("decided_at", MOMENT),
    Column("version", Integer, nullable=False),
    Index("anomaly_flags_community", "community", "id"),
    Index("anomaly_flags_open", "sign", postgresql_where=text("decided_at IS NULL")),
)

anomaly_records = Table(
    "anomaly_records",
    metadata,
    Column("record_id", Uuid, nullable=False),
    Column("flag_id", Uuid, nullable=False),
    Column("volunteer_id", Uuid),
    Column("event_id", Uuid),
    Column("started_at", MOMENT),
    Column("minutes", Integer),
    PrimaryKeyConstraint("record_id", "flag_id", name="anomaly_records_pkey"),
    Index("anomaly_records_flag", "flag_id", "started_at", "record_id"),
)
"""Which flags a record is evidence of: a correction leads to them. One that is evidence no more, and has its points
held all the same, has nothing but its ids."""
