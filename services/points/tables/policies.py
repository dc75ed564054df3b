"""The versions of the policy, what they priced anew, and the seals."""

from sqlalchemy import BigInteger, Column, Date, Index, Integer, SmallInteger, Table, Text, UniqueConstraint, Uuid
from sqlalchemy.dialects.postgresql import JSONB

from services.points.tables.base import CODE, MOMENT, metadata

policies = Table(
    "policies",
    metadata,
    Column("policy_version", Integer, primary_key=True, autoincrement=False),
    Column("node", CODE),
    Column("in_force_from", Date, nullable=False),
    Column("document", JSONB, nullable=False),
    Column("published_at", MOMENT, nullable=False),
    Column("version", Integer, nullable=False),
    Column("withdrawn_at", MOMENT),
    Column("tried_at", MOMENT),
    Column("tried_months", SmallInteger),
)
Index(
    "policies_node_in_force_from_key",
    policies.c.node,
    policies.c.in_force_from,
    unique=True,
    postgresql_where=policies.c.withdrawn_at.is_(None),
)

restatements = Table(
    "restatements",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("event_id", Uuid, nullable=False),
    Column("node", CODE, nullable=False),
    Column("policy_version", Integer, nullable=False),
    Column("since", Date, nullable=False),
    Column("until", Date, nullable=False),
    Column("reference", Text, nullable=False),
    Column("restated_at", MOMENT, nullable=False),
    Column("version", Integer, nullable=False),
    Column("tried_at", MOMENT),
)
"""Days that were priced anew."""

restatement_parts = Table(
    "restatement_parts",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("part", SmallInteger, primary_key=True, autoincrement=False),
    Column("done_at", MOMENT, nullable=False),
)
"""Parts of the people for whom a restatement is posted. No view of events: posting a part again posts nothing."""

seals = Table(
    "seals",
    metadata,
    Column("community", CODE, primary_key=True),
    Column("sequence", Integer, primary_key=True, autoincrement=False),
    Column("day", Date, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("lines", BigInteger, nullable=False),
    Column("sums", JSONB, nullable=False),
    Column("lines_sha256", Text, nullable=False),
    Column("previous_sha256", Text, nullable=False),
    Column("seal_sha256", Text, nullable=False),
    Column("format_version", Integer, nullable=False),
    Column("sealed_at", MOMENT, nullable=False),
    UniqueConstraint("community", "day", "revision", name="seals_community_day_revision_key"),
)
