"""Orders of the time bank are corrected after they were confirmed."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    """Nothing was corrected until now."""
    op.add_column("time_orders", sa.Column("confirmed_minutes", sa.Integer))
    op.add_column("time_orders", sa.Column("correction", JSONB))
    op.add_column("time_orders", sa.Column("correction_reason", sa.Text))
    op.add_column("time_orders", sa.Column("corrected_at", sa.DateTime(timezone=True)))
    op.add_column("time_orders", sa.Column("correction_event_id", sa.Uuid))
