"""Mediation's first schema."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql as pg

from shared.migrations import create_kernel_tables

revision = "0001"
down_revision = None

_CODE = sa.Text(collation="C")
_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create everything."""
    create_kernel_tables(op)
    # A trusted extension: the database's owner may create it.
    op.execute("CREATE EXTENSION IF NOT EXISTS btree_gist")
    _cases()
    _sessions()
    _parties()
    op.create_table(
        "known_volunteers",
        sa.Column("volunteer_id", sa.Uuid, nullable=False),
        sa.Column("standing", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("volunteer_id", name="known_volunteers_pkey"),
    )


def _cases() -> None:
    op.create_table(
        "cases",
        sa.Column("case_id", sa.Uuid, nullable=False),
        sa.Column("community", _CODE, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("risk", sa.Text, nullable=False),
        sa.Column("origin", sa.Text, nullable=False),
        sa.Column("finding_id", sa.Uuid),
        sa.Column("stage", sa.Text, nullable=False),
        sa.Column("parties_count", sa.Integer, nullable=False),
        sa.Column("sessions_count", sa.Integer, nullable=False),
        sa.Column("session_minutes", sa.Integer, nullable=False),
        sa.Column("filed_at", _MOMENT, nullable=False),
        sa.Column("ended_at", _MOMENT),
        sa.Column("agreement", sa.Text),
        sa.Column("decline_reason", sa.Text),
        sa.Column("remedies", pg.ARRAY(sa.Text)),
        sa.Column("version", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("case_id", name="cases_pkey"),
        sa.UniqueConstraint("finding_id", name="cases_finding_id_key"),
    )
    op.create_index("cases_community_filed", "cases", ["community", "filed_at", "case_id"])
    op.create_index("cases_filed", "cases", ["filed_at", "case_id"])
    op.create_table(
        "case_mediators",
        sa.Column("case_id", sa.Uuid, nullable=False),
        sa.Column("mediator_id", sa.Uuid, nullable=False),
        sa.Column("assigned_at", _MOMENT, nullable=False),
        sa.Column("recused_at", _MOMENT),
        sa.PrimaryKeyConstraint("case_id", "mediator_id", name="case_mediators_pkey"),
    )
    op.create_index("case_mediators_mediator", "case_mediators", ["mediator_id", "case_id"])


def _sessions() -> None:
    op.create_table(
        "sessions",
        sa.Column("session_id", sa.Uuid, nullable=False),
        sa.Column("case_id", sa.Uuid, nullable=False),
        sa.Column("started_at", _MOMENT, nullable=False),
        sa.Column("minutes", sa.Integer, nullable=False),
        sa.Column("mediators", pg.ARRAY(sa.Uuid), nullable=False),
        sa.Column("record_signed", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("session_id", name="sessions_pkey"),
    )
    op.create_index("sessions_case", "sessions", ["case_id", "started_at"])
    op.create_table(
        "mediator_times",
        sa.Column("session_id", sa.Uuid, nullable=False),
        sa.Column("mediator_id", sa.Uuid, nullable=False),
        sa.Column("case_id", sa.Uuid, nullable=False),
        sa.Column("during", pg.TSTZRANGE, nullable=False),
        sa.PrimaryKeyConstraint("session_id", "mediator_id", name="mediator_times_pkey"),
        pg.ExcludeConstraint(
            ("mediator_id", "="), ("during", "&&"), using="gist", name="mediator_times_one_session_at_a_time"
        ),
    )


def _parties() -> None:
    op.create_table(
        "parties",
        sa.Column("party_id", sa.Uuid, nullable=False),
        sa.Column("case_id", sa.Uuid, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("volunteer_id", sa.Uuid),
        sa.Column("joined_at", _MOMENT, nullable=False),
        sa.Column("erased_at", _MOMENT),
        sa.PrimaryKeyConstraint("party_id", name="parties_pkey"),
    )
    op.create_index("parties_case", "parties", ["case_id", "joined_at", "party_id"])
    op.create_index("parties_volunteer", "parties", ["volunteer_id"])
    op.create_table(
        "relatives",
        sa.Column("party_id", sa.Uuid, nullable=False),
        sa.Column("volunteer_id", sa.Uuid, nullable=False),
        sa.PrimaryKeyConstraint("party_id", "volunteer_id", name="relatives_pkey"),
    )
    op.create_index("relatives_volunteer", "relatives", ["volunteer_id"])
