"""Services that nobody confirmed are reminded of."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    """Those that wait already are told at once: their timers were taken back when they were served."""
    op.add_column("time_orders", sa.Column("confirm_by", sa.DateTime(timezone=True)))
    op.add_column("time_orders", sa.Column("reminders", sa.Integer, nullable=False, server_default="0"))
    op.alter_column("time_orders", "reminders", server_default=None)
    op.execute(
        "INSERT INTO timers (kind, subject, due_at)"
        " SELECT 'time_order.expiry', id, now() FROM time_orders WHERE stage = 'served' ON CONFLICT DO NOTHING"
    )
