"""The patrol grid's tables beside the kernel's: read tables, and what it knows of the registry's volunteers.

Read tables are rebuilt from the service's own events. The copy of the volunteers is not, it comes over the bus; nor are
the names of crews, which are claimed before an event exists.
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

cells = Table(
    "cells",
    metadata,
    Column("community", _CODE, nullable=False),
    Column("cell", _CODE, nullable=False),
    Column("area_m2", Integer, nullable=False),
    Column("defined_at", _MOMENT, nullable=False),
    Column("retired", Boolean, nullable=False),
    Column("version", Integer, nullable=False),
    PrimaryKeyConstraint("community", "cell"),
)

coverage = Table(
    "coverage",
    metadata,
    Column("community", _CODE, nullable=False),
    Column("cell", _CODE, nullable=False),
    Column("covered_at", _MOMENT, nullable=False),
    Column("shift_id", Uuid, nullable=False),
    PrimaryKeyConstraint("community", "cell", "covered_at", "shift_id"),
)
"""Which logged shift covered which cell. Only added to, so that shifts logged at once do not wait for each other."""

crews = Table(
    "crews",
    metadata,
    Column("crew_id", Uuid, primary_key=True),
    Column("community", _CODE, nullable=False),
    Column("name", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("members_count", Integer, nullable=False),
    Column("formed_at", _MOMENT, nullable=False),
    Column("disbanded", Boolean, nullable=False),
    Column("version", Integer, nullable=False),
    Index("crews_community", "community", "crew_id"),
)

crew_members = Table(
    "crew_members",
    metadata,
    Column("crew_id", Uuid, nullable=False),
    Column("volunteer_id", Uuid, nullable=False),
    Column("added_at", _MOMENT, nullable=False),
    PrimaryKeyConstraint("crew_id", "volunteer_id"),
    Index("crew_members_volunteer", "volunteer_id"),
)

shifts = Table(
    "shifts",
    metadata,
    Column("shift_id", Uuid, primary_key=True),
    Column("community", _CODE, nullable=False),
    Column("crew_id", Uuid, nullable=False),
    Column("crew_kind", Text, nullable=False),
    Column("stage", Text, nullable=False),
    Column("cells", ARRAY(Text), nullable=False),
    Column("planned_start", _MOMENT, nullable=False),
    Column("planned_end", _MOMENT, nullable=False),
    Column("started_at", _MOMENT),
    Column("late_minutes", Integer),
    Column("ended_at", _MOMENT),
    Column("night", Boolean),
    Column("covered_cells", ARRAY(Text)),
    Column("covered_planned_count", Integer),
    Column("minutes", Integer),
    Column("findings_count", Integer, nullable=False),
    Column("scans_count", Integer, nullable=False),
    Column("marked_scans_count", Integer, nullable=False),
    Column("cancel_reason", Text),
    Column("version", Integer, nullable=False),
    Index("shifts_community_start", "community", "planned_start", "shift_id"),
    Index("shifts_crew_start", "crew_id", "planned_start", "shift_id"),
    Index("shifts_start", "planned_start", "shift_id"),
)

shift_members = Table(
    "shift_members",
    metadata,
    Column("shift_id", Uuid, nullable=False),
    Column("volunteer_id", Uuid, nullable=False),
    Column("planned", Boolean, nullable=False),
    Column("minutes", Integer),
    Column("evidence", Text),
    Column("record_id", Uuid),
    Column("revision", Integer, nullable=False),
    PrimaryKeyConstraint("shift_id", "volunteer_id"),
    Index("shift_members_volunteer", "volunteer_id", "shift_id"),
)

scans = Table(
    "scans",
    metadata,
    Column("shift_id", Uuid, nullable=False),
    Column("version", Integer, nullable=False),
    Column("cell", Text, nullable=False),
    Column("volunteer_id", Uuid, nullable=False),
    Column("device_id", Text, nullable=False),
    Column("device_time", _MOMENT, nullable=False),
    Column("received_at", _MOMENT, nullable=False),
    Column("marks", ARRAY(Text), nullable=False),
    PrimaryKeyConstraint("shift_id", "version"),
    Index("scans_volunteer", "volunteer_id"),
)
"""Tracks, which are sensitive: what a forgotten person scanned is not kept here."""

shift_times = Table(
    "shift_times",
    metadata,
    Column("shift_id", Uuid, nullable=False),
    Column("volunteer_id", Uuid, nullable=False),
    Column("during", TSTZRANGE, nullable=False),
    PrimaryKeyConstraint("shift_id", "volunteer_id"),
    ExcludeConstraint(("volunteer_id", "="), ("during", "&&"), using="gist", name="shift_times_one_shift_at_a_time"),
)
"""Who is out on which shift when: from the start to the planned end, once logged to the real one."""

findings = Table(
    "findings",
    metadata,
    Column("finding_id", Uuid, primary_key=True),
    Column("shift_id", Uuid, nullable=False),
    Column("community", _CODE, nullable=False),
    Column("cell", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("risk", Text, nullable=False),
    Column("reported_by", Uuid, nullable=False),
    Column("found_at", _MOMENT, nullable=False),
    Column("version", Integer, nullable=False),
    Index("findings_community_found", "community", "found_at", "finding_id"),
    Index("findings_found", "found_at", "finding_id"),
    Index("findings_shift", "shift_id", "found_at", "finding_id"),
)

# ── facts that are no events ─────────────────────────────────────────────────────────────────────────────────────

crew_names = Table(
    "crew_names",
    metadata,
    Column("community", _CODE, nullable=False),
    Column("name", Text, nullable=False),
    Column("crew_id", Uuid, nullable=False, unique=True),
    PrimaryKeyConstraint("community", "name"),
)
"""A name belongs to one crew of a community."""

# ── copied from the registry ─────────────────────────────────────────────────────────────────────────────────────

known_volunteers(metadata)
