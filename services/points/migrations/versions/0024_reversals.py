"""What was entered wrongly in the love market can be taken back; opening stock is listed; aid is taken in part."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0024"
down_revision = "0023"

_REVERSIBLE = ("purchases", "sales", "donations", "budget_grants", "redemptions", "aid_gifts")


def upgrade() -> None:
    """What opening stock was entered before stands in the service's own events."""
    for table in _REVERSIBLE:
        op.add_column(table, sa.Column("reversed_at", sa.DateTime(timezone=True)))
        op.add_column(table, sa.Column("reversal_reason", sa.Text))
    op.add_column("aid_gifts", sa.Column("granted_lines", postgresql.JSONB))
    op.execute("UPDATE aid_gifts SET granted_lines = lines")
    op.alter_column("aid_gifts", "granted_lines", nullable=False)
    op.create_table(
        "stock_receipts",
        sa.Column("id", postgresql.UUID, primary_key=True),
        sa.Column("item_id", postgresql.UUID, nullable=False),
        sa.Column("community", sa.Text(collation="C"), nullable=False),
        sa.Column("quantity", sa.Integer, nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reversed_at", sa.DateTime(timezone=True)),
        sa.Column("reversal_reason", sa.Text),
    )
    op.create_index("stock_receipts_item", "stock_receipts", ["item_id", "id"])
    op.execute(
        "INSERT INTO stock_receipts (id, item_id, community, quantity, received_at)"
        " SELECT (data->>'receipt_id')::uuid, (data->>'item_id')::uuid, data->>'community', (data->>'quantity')::int,"
        " occurred_at FROM events WHERE type = 'liuling.points.StockReceived.v1'"
    )
