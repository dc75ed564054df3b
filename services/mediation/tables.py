"""Mediation's tables beside the kernel's: read tables, and what no event may carry.

Read tables are rebuilt from the service's own events. Who the parties are is not in them: names lie in the vault under
the party's id, and which of them are volunteers, or related to one, only here.
"""

from sqlalchemy import Boolean, Column, DateTime, Index, Integer, PrimaryKeyConstraint, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import ARRAY, TSTZRANGE, ExcludeConstraint

from shared.database import service_metadata
from shared.volunteers import known_volunteers

metadata = service_metadata()

# Codes compare byte by byte: a node and all below it are one range of an index.
_CODE = Text(collation="C")
_MOMENT = DateTime(timezone=True)

# ── read tables ──────────────────────────────────────────────────────────────────────────────────────────────────

cases = Table(
    "cases",
    metadata,
    Column("case_id", Uuid, primary_key=True),
    Column("community", _CODE, nullable=False),
    Column("kind", Text, nullable=False),
    Column("risk", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("finding_id", Uuid, unique=True),
    Column("stage", Text, nullable=False),
    Column("parties_count", Integer, nullable=False),
    Column("sessions_count", Integer, nullable=False),
    Column("session_minutes", Integer, nullable=False),
    Column("filed_at", _MOMENT, nullable=False),
    Column("ended_at", _MOMENT),
    Column("agreement", Text),
    Column("decline_reason", Text),
    Column("remedies", ARRAY(Text)),
    Column("version", Integer, nullable=False),
    Index("cases_community_filed", "community", "filed_at", "case_id"),
    Index("cases_filed", "filed_at", "case_id"),
)

case_mediators = Table(
    "case_mediators",
    metadata,
    Column("case_id", Uuid, nullable=False),
    Column("mediator_id", Uuid, nullable=False),
    Column("assigned_at", _MOMENT, nullable=False),
    Column("recused_at", _MOMENT),
    PrimaryKeyConstraint("case_id", "mediator_id"),
    Index("case_mediators_mediator", "mediator_id", "case_id"),
)

sessions = Table(
    "sessions",
    metadata,
    Column("session_id", Uuid, primary_key=True),
    Column("case_id", Uuid, nullable=False),
    Column("started_at", _MOMENT, nullable=False),
    Column("minutes", Integer, nullable=False),
    Column("mediators", ARRAY(Uuid), nullable=False),
    Column("record_signed", Boolean, nullable=False),
    Index("sessions_case", "case_id", "started_at"),
)

service_records = Table(
    "service_records",
    metadata,
    Column("record_id", Uuid, primary_key=True),
    Column("case_id", Uuid, nullable=False),
    Column("volunteer_id", Uuid, nullable=False),
    Column("started_at", _MOMENT, nullable=False),
    Column("minutes", Integer, nullable=False),
    Column("evidence", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    Index("service_records_case", "case_id", "started_at"),
)
"""The mediators' service in ended cases, a record a day (decision 0012), as corrected."""

mediator_times = Table(
    "mediator_times",
    metadata,
    Column("session_id", Uuid, nullable=False),
    Column("mediator_id", Uuid, nullable=False),
    Column("case_id", Uuid, nullable=False),
    Column("during", TSTZRANGE, nullable=False),
    PrimaryKeyConstraint("session_id", "mediator_id"),
    ExcludeConstraint(
        ("mediator_id", "="), ("during", "&&"), using="gist", name="mediator_times_one_session_at_a_time"
    ),
)
"""Who sat when: nobody sits in two sessions at once, of whatever cases."""

# ── facts that are no events ─────────────────────────────────────────────────────────────────────────────────────

parties = Table(
    "parties",
    metadata,
    Column("party_id", Uuid, primary_key=True),
    Column("case_id", Uuid, nullable=False),
    Column("role", Text, nullable=False),
    Column("volunteer_id", Uuid),
    Column("joined_at", _MOMENT, nullable=False),
    Column("erased_at", _MOMENT),
    Index("parties_case", "case_id", "joined_at", "party_id"),
    Index("parties_volunteer", "volunteer_id"),
)
"""The parties of a case; name, phone and address lie in the vault under the party's id."""

relatives = Table(
    "relatives",
    metadata,
    Column("party_id", Uuid, nullable=False),
    Column("volunteer_id", Uuid, nullable=False),
    PrimaryKeyConstraint("party_id", "volunteer_id"),
    Index("relatives_volunteer", "volunteer_id"),
)
"""Volunteers who are declared relatives of a party, and so do not mediate."""

# ── copied from the registry ─────────────────────────────────────────────────────────────────────────────────────

known_volunteers(metadata)
