"""Spending in the time bank: relatives, orders, gifts."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql as pg

revision = "0003"
down_revision = "0002"

_CODE = sa.Text(collation="C")
_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create the time bank's tables."""
    _people()
    _orders()
    op.create_table(
        "deaths",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("volunteer_id", sa.Uuid, nullable=False),
        sa.Column("community", _CODE, nullable=False),
        sa.Column("died_on", sa.Date, nullable=False),
        sa.Column("heirs", pg.JSONB, nullable=False),
        sa.Column("stage", sa.Text, nullable=False),
        sa.Column("outcome", sa.Text),
        sa.Column("policy_version", sa.Integer),
        sa.Column("minutes", sa.Integer, nullable=False),
        sa.Column("donation_minutes", sa.Integer, nullable=False),
        sa.Column("recorded_at", _MOMENT, nullable=False),
        sa.Column("confirmed_at", _MOMENT),
        sa.Column("version", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name="deaths_pkey"),
    )
    op.create_index("deaths_community", "deaths", ["community", "id"])
    op.create_index("deaths_volunteer", "deaths", ["volunteer_id"], unique=True)


def _people() -> None:
    op.create_table(
        "beneficiaries",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("community", _CODE, nullable=False),
        sa.Column("volunteer_id", sa.Uuid),
        sa.Column("age_group_from", sa.Integer),
        sa.Column("registered_at", _MOMENT, nullable=False),
        sa.Column("forgotten_at", _MOMENT),
        sa.Column("version", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name="beneficiaries_pkey"),
    )
    op.create_index("beneficiaries_community", "beneficiaries", ["community", "id"])
    op.create_index(
        "beneficiaries_volunteer",
        "beneficiaries",
        ["volunteer_id"],
        unique=True,
        postgresql_where=sa.text("forgotten_at IS NULL"),
    )
    op.create_table(
        "beneficiary_identities",
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("beneficiary_id", sa.Uuid, nullable=False),
        sa.PrimaryKeyConstraint("digest", name="beneficiary_identities_pkey"),
    )
    op.create_index("beneficiary_identities_beneficiary", "beneficiary_identities", ["beneficiary_id"])
    op.create_table(
        "kin",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("community", _CODE, nullable=False),
        sa.Column("volunteer_id", sa.Uuid, nullable=False),
        sa.Column("beneficiary_id", sa.Uuid, nullable=False),
        sa.Column("relation", sa.Text, nullable=False),
        sa.Column("stage", sa.Text, nullable=False),
        sa.Column("proposed_at", _MOMENT, nullable=False),
        sa.Column("verified_at", _MOMENT),
        sa.Column("ended_at", _MOMENT),
        sa.Column("version", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name="kin_pkey"),
    )
    op.create_index("kin_community", "kin", ["community", "id"])
    op.create_index("kin_beneficiary", "kin", ["beneficiary_id", "id"])
    op.create_index("kin_volunteer", "kin", ["volunteer_id", "id"])
    op.create_index(
        "kin_pair", "kin", ["volunteer_id", "beneficiary_id"], unique=True, postgresql_where=sa.text("ended_at IS NULL")
    )


def _orders() -> None:
    op.create_table(
        "time_orders",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("community", _CODE, nullable=False),
        sa.Column("place", _CODE, nullable=False),
        sa.Column("beneficiary_id", sa.Uuid, nullable=False),
        sa.Column("service", sa.Text, nullable=False),
        sa.Column("planned_minutes", sa.Integer, nullable=False),
        sa.Column("minutes", sa.Integer),
        sa.Column("payer", sa.Text, nullable=False),
        sa.Column("payer_volunteer_id", sa.Uuid),
        sa.Column("payer_community", _CODE, nullable=False),
        sa.Column("provider_id", sa.Uuid),
        sa.Column("provider_community", _CODE),
        sa.Column("stage", sa.Text, nullable=False),
        sa.Column("cancel_reason", sa.Text),
        sa.Column("requested_at", _MOMENT, nullable=False),
        sa.Column("serve_by", _MOMENT, nullable=False),
        sa.Column("started_at", _MOMENT),
        sa.Column("ended_at", _MOMENT),
        sa.Column("version", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name="time_orders_pkey"),
    )
    for name in ("community", "place"):
        op.create_index(f"time_orders_{name}", "time_orders", [name, "id"])
    op.create_index("time_orders_beneficiary", "time_orders", ["beneficiary_id", "id"])
    op.create_index("time_orders_payer", "time_orders", ["payer_volunteer_id", "id"])
    op.create_index("time_orders_provider", "time_orders", ["provider_id", "id"])
