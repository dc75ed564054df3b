"""The points service's first schema."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql as pg

from services.points.ledger.schema import LEDGER_0001, SHARED_0001
from shared.migrations import create_kernel_tables

revision = "0001"
down_revision = None

_CODE = sa.Text(collation="C")
_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create everything."""
    create_kernel_tables(op)
    for statement in (*SHARED_0001, *LEDGER_0001):
        op.execute(statement)
    op.create_table(
        "policies",
        sa.Column("policy_version", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("node", _CODE),
        sa.Column("in_force_from", sa.Date, nullable=False),
        sa.Column("document", pg.JSONB, nullable=False),
        sa.Column("published_at", _MOMENT, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("policy_version", name="policies_pkey"),
        sa.UniqueConstraint("node", "in_force_from", name="policies_node_in_force_from_key"),
    )
    op.create_table(
        "items",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("community", _CODE, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("price_points", sa.Integer, nullable=False),
        sa.Column("listed", sa.Boolean, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name="items_pkey"),
    )
    op.create_index("items_community", "items", ["community", "id"])
    op.create_table(
        "redemptions",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("community", _CODE, nullable=False),
        sa.Column("volunteer_id", sa.Uuid, nullable=False),
        sa.Column("item_id", sa.Uuid, nullable=False),
        sa.Column("quantity", sa.Integer, nullable=False),
        sa.Column("points", sa.BigInteger, nullable=False),
        sa.Column("stage", sa.Text, nullable=False),
        sa.Column("reserved_at", _MOMENT, nullable=False),
        sa.Column("collect_by", _MOMENT, nullable=False),
        sa.Column("ended_at", _MOMENT),
        sa.Column("version", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name="redemptions_pkey"),
    )
    op.create_index("redemptions_community", "redemptions", ["community", "id"])
    op.create_index("redemptions_volunteer", "redemptions", ["volunteer_id", "id"])
