"""Settlements tell corrections of earlier runs apart; orders that were paid are found by when."""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"


def upgrade() -> None:
    """Runs of before counted corrections as service: their events say so, and stay as they are."""
    for table in ("settlement_positions", "settlement_flows"):
        op.add_column(table, sa.Column("corrected_minutes", sa.BigInteger, nullable=False, server_default="0"))
    op.create_index(
        "time_orders_confirmed",
        "time_orders",
        ["ended_at", "id"],
        postgresql_where=sa.text("stage = 'confirmed'::text"),
    )
