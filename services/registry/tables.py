"""The registry's tables beside the kernel's: read tables, and the few facts that no event may carry or decide.

Read tables are rebuilt from the events. The rest is not: digests belong to the person vault, numbers and names are
reserved before an event exists, and engagements keep what spans streams (one person, one place at a time).
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, TSTZRANGE, ExcludeConstraint

from shared.database import service_metadata

metadata = service_metadata()

# Codes, and numbers that begin with one, compare byte by byte: a node and all below it are one range of an index.
_CODE = Text(collation="C")
_MOMENT = DateTime(timezone=True)

# ── read tables ──────────────────────────────────────────────────────────────────────────────────────────────────

organisation_nodes = Table(
    "organisation_nodes",
    metadata,
    Column("code", _CODE, primary_key=True),
    Column("name", Text, nullable=False),
    Column("level", Text, nullable=False),
    Column("parent", _CODE),
    Column("source", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Index("organisation_nodes_parent", "parent", "code"),
)

volunteers = Table(
    "volunteers",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("number", _CODE, nullable=False, unique=True),
    Column("community", _CODE, nullable=False),
    Column("party_member", Boolean, nullable=False),
    Column("standing", Text, nullable=False),
    Column("registered_on", Date, nullable=False),
    Column("version", Integer, nullable=False),
    Index("volunteers_community", "community", "number"),
)

volunteer_moves = Table(
    "volunteer_moves",
    metadata,
    Column("volunteer_id", Uuid, nullable=False),
    Column("moved_version", Integer, nullable=False),
    Column("moved_on", Date, nullable=False),
    Column("from_community", _CODE, nullable=False),
    Column("community", _CODE, nullable=False),
    PrimaryKeyConstraint("volunteer_id", "moved_version"),
    Index("volunteer_moves_day", "moved_on", "volunteer_id", "moved_version"),
)
"""Who left which community for which, for both of them to see."""

teams = Table(
    "teams",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("community", _CODE, nullable=False),
    Column("name", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("formed_on", Date, nullable=False),
    Column("leader_id", Uuid),
    Column("members_count", Integer, nullable=False),
    Column("version", Integer, nullable=False),
    Column("dissolved_on", Date),
    Index("teams_community", "community", "id"),
)

team_memberships = Table(
    "team_memberships",
    metadata,
    Column("team_id", Uuid, nullable=False),
    Column("joined_version", Integer, nullable=False),
    Column("volunteer_id", Uuid, nullable=False),
    Column("joined_on", Date, nullable=False),
    Column("left_on", Date),
    PrimaryKeyConstraint("team_id", "joined_version"),
    Index("team_memberships_current", "team_id", "volunteer_id", unique=True, postgresql_where=text("left_on IS NULL")),
    Index("team_memberships_volunteer", "volunteer_id", "joined_on"),
)

team_leaderships = Table(
    "team_leaderships",
    metadata,
    Column("team_id", Uuid, nullable=False),
    Column("appointed_version", Integer, nullable=False),
    Column("volunteer_id", Uuid, nullable=False),
    Column("appointed_on", Date, nullable=False),
    Column("until", Date),
    PrimaryKeyConstraint("team_id", "appointed_version"),
)

activities = Table(
    "activities",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("community", _CODE, nullable=False),
    Column("team_id", Uuid),
    Column("title", Text, nullable=False),
    Column("category", Text, nullable=False),
    Column("planned_start", _MOMENT, nullable=False),
    Column("planned_end", _MOMENT, nullable=False),
    Column("places", Integer),
    Column("meeting_place", Text),
    Column("changed_at", _MOMENT),
    Column("stage", Text, nullable=False),
    Column("cancel_reason", Text),
    Column("completed_at", _MOMENT),
    Column("signed_up_count", Integer, nullable=False),
    Column("attended_count", Integer, nullable=False),
    Column("confirmed_minutes", BigInteger, nullable=False),
    Column("version", Integer, nullable=False),
    Index("activities_community_start", "community", "planned_start", "id"),
    Index("activities_team_start", "team_id", "planned_start", "id"),
    Index("activities_start", "planned_start", "id"),
)

activity_plans = Table(
    "activity_plans",
    metadata,
    Column("activity_id", Uuid, nullable=False),
    Column("changed_version", Integer, nullable=False),
    Column("until", _MOMENT, nullable=False),
    Column("team_id", Uuid),
    Column("title", Text, nullable=False),
    Column("category", Text, nullable=False),
    Column("planned_start", _MOMENT, nullable=False),
    Column("planned_end", _MOMENT, nullable=False),
    Column("places", Integer),
    Column("meeting_place", Text),
    PrimaryKeyConstraint("activity_id", "changed_version"),
)
"""What was announced of an activity until it was changed."""

participations = Table(
    "participations",
    metadata,
    Column("activity_id", Uuid, nullable=False),
    Column("volunteer_id", Uuid, nullable=False),
    Column("signed_up_at", _MOMENT),
    Column("withdrawn_at", _MOMENT),
    Column("started_at", _MOMENT),
    Column("minutes", Integer),
    Column("evidence", Text),
    Column("record_id", Uuid),
    Column("revision", Integer, nullable=False),
    Column("closed_at_planned_end", Boolean, nullable=False),
    Column("confirmed", Boolean, nullable=False),
    PrimaryKeyConstraint("activity_id", "volunteer_id"),
    Index("participations_volunteer_start", "volunteer_id", "started_at", "activity_id"),
)

assessments = Table(
    "assessments",
    metadata,
    Column("activity_id", Uuid, nullable=False),
    Column("volunteer_id", Uuid, nullable=False),
    Column("side", Text, nullable=False),
    Column("quality", Text, nullable=False),
    Column("assessed_by", Uuid, nullable=False),
    Column("assessed_at", _MOMENT, nullable=False),
    PrimaryKeyConstraint("activity_id", "volunteer_id", "side"),
    Index("assessments_volunteer", "volunteer_id", "activity_id", "side"),
)
"""What each side said last of somebody's service."""

# ── facts that are no events ─────────────────────────────────────────────────────────────────────────────────────

identity_digests = Table(
    "identity_digests",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("volunteer_id", Uuid, nullable=False, unique=True),
)
"""Keyed digest of the ID number: one person is registered once."""

search_digests = Table(
    "search_digests",
    metadata,
    Column("kind", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("volunteer_id", Uuid, nullable=False),
    PrimaryKeyConstraint("kind", "digest", "volunteer_id"),
    Index("search_digests_volunteer", "volunteer_id"),
)
"""Keyed digests of name and phone, for a clerk's exact search."""

volunteer_numbers = Table(
    "volunteer_numbers",
    metadata,
    Column("community", _CODE, primary_key=True),
    Column("last", Integer, nullable=False),
)
"""The last running number given out per community; its row lock makes numbers unique under concurrency."""

team_names = Table(
    "team_names",
    metadata,
    Column("community", _CODE, nullable=False),
    Column("name", Text, nullable=False),
    Column("team_id", Uuid, nullable=False, unique=True),
    PrimaryKeyConstraint("community", "name"),
)
"""A name belongs to one team of a community."""

engagements = Table(
    "engagements",
    metadata,
    Column("activity_id", Uuid, nullable=False),
    Column("volunteer_id", Uuid, nullable=False),
    Column("kind", Text, nullable=False),
    Column("span", TSTZRANGE, nullable=False),
    PrimaryKeyConstraint("activity_id", "volunteer_id", "kind"),
    ExcludeConstraint(
        ("volunteer_id", "="), ("kind", "="), ("span", "&&"), using="gist", name="engagements_one_place_at_a_time"
    ),
)
"""Who is bound when: `booking` by sign-up, `service` by attendance. Nobody is bound twice at once by the same kind."""

imports = Table(
    "imports",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("node", _CODE, nullable=False),
    Column("kind", Text, nullable=False),
    Column("subject", Uuid),
    Column("result", JSONB, nullable=False),
    Column("has_file", Boolean, nullable=False),
    Column("imported_at", _MOMENT, nullable=False),
    Column("expires_at", _MOMENT, nullable=False),
    Index("imports_node", "node", "id"),
)
"""Results of imports, without personal data; the file to hand back lies in the vault under the import's id."""
