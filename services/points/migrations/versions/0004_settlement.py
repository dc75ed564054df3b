"""Settlement between communities, teams, photos of items."""

import sqlalchemy as sa
from alembic import op

from services.points.ledger.schema import LEDGER_0004

revision = "0004"
down_revision = "0003"

_CODE = sa.Text(collation="C")
_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Runs of settlement, teams, and pictures."""
    for statement in LEDGER_0004:
        op.execute(statement)
    op.create_table(
        "settlement_runs",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("node", _CODE, nullable=False),
        sa.Column("through", sa.Date, nullable=False),
        sa.Column("stage", sa.Text, nullable=False),
        sa.Column("proposed_by", sa.Uuid),
        sa.Column("proposed_at", _MOMENT, nullable=False),
        sa.Column("confirmed_by", sa.Uuid),
        sa.Column("confirmed_at", _MOMENT),
        sa.Column("withdrawn_at", _MOMENT),
        sa.Column("gross_minutes", sa.BigInteger, nullable=False),
        sa.Column("flows", sa.Integer, nullable=False),
        sa.Column("net_minutes", sa.BigInteger, nullable=False),
        sa.Column("obligations", sa.Integer, nullable=False),
        sa.Column("open_minutes", sa.BigInteger, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name="settlement_runs_pkey"),
    )
    op.create_index("settlement_runs_node", "settlement_runs", ["node", "id"])
    op.create_index(
        "settlement_runs_proposed",
        "settlement_runs",
        ["node"],
        unique=True,
        postgresql_where=sa.text("stage = 'proposed'"),
    )
    op.create_table(
        "settlement_positions",
        sa.Column("settlement_id", sa.Uuid, nullable=False),
        sa.Column("community", _CODE, nullable=False),
        sa.Column("carried_minutes", sa.BigInteger, nullable=False),
        sa.Column("inflow_minutes", sa.BigInteger, nullable=False),
        sa.Column("outflow_minutes", sa.BigInteger, nullable=False),
        sa.Column("balance_minutes", sa.BigInteger, nullable=False),
        sa.Column("settled_minutes", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("settlement_id", "community", name="settlement_positions_pkey"),
    )
    op.create_index("settlement_positions_community", "settlement_positions", ["community", "settlement_id"])
    for table in ("settlement_obligations", "settlement_flows"):
        op.create_table(
            table,
            sa.Column("settlement_id", sa.Uuid, nullable=False),
            sa.Column("debtor", _CODE, nullable=False),
            sa.Column("creditor", _CODE, nullable=False),
            sa.Column("minutes", sa.BigInteger, nullable=False),
            sa.PrimaryKeyConstraint("settlement_id", "debtor", "creditor", name=f"{table}_pkey"),
        )
    op.add_column("items", sa.Column("photo_sha256", sa.Text))
    op.create_table(
        "item_photos",
        sa.Column("item_id", sa.Uuid, nullable=False),
        sa.Column("sha256", sa.Text, nullable=False),
        sa.Column("media_type", sa.Text, nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("item_id", name="item_photos_pkey"),
    )
    # Pictures are packed already; trying to pack them again costs time and brings nothing.
    op.execute("ALTER TABLE item_photos ALTER COLUMN content SET STORAGE EXTERNAL")
