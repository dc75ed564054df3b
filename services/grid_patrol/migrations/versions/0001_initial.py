"""The patrol grid's first schema."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql as pg

from shared.migrations import create_kernel_tables

revision = "0001"
down_revision = None

_CODE = sa.Text(collation="C")
_MOMENT = sa.DateTime(timezone=True)
_CODES = pg.ARRAY(sa.Text)


def upgrade() -> None:
    """Create everything."""
    create_kernel_tables(op)
    # A trusted extension: the database's owner may create it.
    op.execute("CREATE EXTENSION IF NOT EXISTS btree_gist")
    _cells()
    _crews()
    _shifts()
    _findings()
    op.create_table(
        "known_volunteers",
        sa.Column("volunteer_id", sa.Uuid, nullable=False),
        sa.Column("standing", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("volunteer_id", name="known_volunteers_pkey"),
    )


def _cells() -> None:
    op.create_table(
        "cells",
        sa.Column("community", _CODE, nullable=False),
        sa.Column("cell", _CODE, nullable=False),
        sa.Column("area_m2", sa.Integer, nullable=False),
        sa.Column("defined_at", _MOMENT, nullable=False),
        sa.Column("retired", sa.Boolean, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("community", "cell", name="cells_pkey"),
    )
    op.create_table(
        "coverage",
        sa.Column("community", _CODE, nullable=False),
        sa.Column("cell", _CODE, nullable=False),
        sa.Column("covered_at", _MOMENT, nullable=False),
        sa.Column("shift_id", sa.Uuid, nullable=False),
        sa.PrimaryKeyConstraint("community", "cell", "covered_at", "shift_id", name="coverage_pkey"),
    )


def _crews() -> None:
    op.create_table(
        "crews",
        sa.Column("crew_id", sa.Uuid, nullable=False),
        sa.Column("community", _CODE, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("members_count", sa.Integer, nullable=False),
        sa.Column("formed_at", _MOMENT, nullable=False),
        sa.Column("disbanded", sa.Boolean, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("crew_id", name="crews_pkey"),
    )
    op.create_index("crews_community", "crews", ["community", "crew_id"])
    op.create_table(
        "crew_members",
        sa.Column("crew_id", sa.Uuid, nullable=False),
        sa.Column("volunteer_id", sa.Uuid, nullable=False),
        sa.Column("added_at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("crew_id", "volunteer_id", name="crew_members_pkey"),
    )
    op.create_index("crew_members_volunteer", "crew_members", ["volunteer_id"])


def _shifts() -> None:
    op.create_table(
        "shifts",
        sa.Column("shift_id", sa.Uuid, nullable=False),
        sa.Column("community", _CODE, nullable=False),
        sa.Column("crew_id", sa.Uuid, nullable=False),
        sa.Column("crew_kind", sa.Text, nullable=False),
        sa.Column("stage", sa.Text, nullable=False),
        sa.Column("cells", _CODES, nullable=False),
        sa.Column("planned_start", _MOMENT, nullable=False),
        sa.Column("planned_end", _MOMENT, nullable=False),
        sa.Column("started_at", _MOMENT),
        sa.Column("late_minutes", sa.Integer),
        sa.Column("ended_at", _MOMENT),
        sa.Column("night", sa.Boolean),
        sa.Column("covered_cells", _CODES),
        sa.Column("covered_planned_count", sa.Integer),
        sa.Column("minutes", sa.Integer),
        sa.Column("findings_count", sa.Integer, nullable=False),
        sa.Column("scans_count", sa.Integer, nullable=False),
        sa.Column("marked_scans_count", sa.Integer, nullable=False),
        sa.Column("cancel_reason", sa.Text),
        sa.Column("version", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("shift_id", name="shifts_pkey"),
    )
    op.create_index("shifts_community_start", "shifts", ["community", "planned_start", "shift_id"])
    op.create_index("shifts_crew_start", "shifts", ["crew_id", "planned_start", "shift_id"])
    op.create_index("shifts_start", "shifts", ["planned_start", "shift_id"])
    op.create_table(
        "shift_members",
        sa.Column("shift_id", sa.Uuid, nullable=False),
        sa.Column("volunteer_id", sa.Uuid, nullable=False),
        sa.Column("planned", sa.Boolean, nullable=False),
        sa.Column("minutes", sa.Integer),
        sa.Column("evidence", sa.Text),
        sa.Column("record_id", sa.Uuid),
        sa.PrimaryKeyConstraint("shift_id", "volunteer_id", name="shift_members_pkey"),
    )
    op.create_index("shift_members_volunteer", "shift_members", ["volunteer_id", "shift_id"])
    op.create_table(
        "scans",
        sa.Column("shift_id", sa.Uuid, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("cell", sa.Text, nullable=False),
        sa.Column("volunteer_id", sa.Uuid, nullable=False),
        sa.Column("device_id", sa.Text, nullable=False),
        sa.Column("device_time", _MOMENT, nullable=False),
        sa.Column("received_at", _MOMENT, nullable=False),
        sa.Column("marks", _CODES, nullable=False),
        sa.PrimaryKeyConstraint("shift_id", "version", name="scans_pkey"),
    )
    op.create_index("scans_volunteer", "scans", ["volunteer_id"])
    op.create_table(
        "shift_times",
        sa.Column("shift_id", sa.Uuid, nullable=False),
        sa.Column("volunteer_id", sa.Uuid, nullable=False),
        sa.Column("during", pg.TSTZRANGE, nullable=False),
        sa.PrimaryKeyConstraint("shift_id", "volunteer_id", name="shift_times_pkey"),
        pg.ExcludeConstraint(
            ("volunteer_id", "="), ("during", "&&"), using="gist", name="shift_times_one_shift_at_a_time"
        ),
    )


def _findings() -> None:
    op.create_table(
        "findings",
        sa.Column("finding_id", sa.Uuid, nullable=False),
        sa.Column("shift_id", sa.Uuid, nullable=False),
        sa.Column("community", _CODE, nullable=False),
        sa.Column("cell", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("risk", sa.Text, nullable=False),
        sa.Column("reported_by", sa.Uuid, nullable=False),
        sa.Column("found_at", _MOMENT, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("finding_id", name="findings_pkey"),
    )
    op.create_index("findings_community_found", "findings", ["community", "found_at", "finding_id"])
    op.create_index("findings_found", "findings", ["found_at", "finding_id"])
    op.create_index("findings_shift", "findings", ["shift_id", "found_at", "finding_id"])
