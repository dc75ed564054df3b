"""Returns of teams can be withdrawn."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    """None was withdrawn before."""
    op.add_column("supply_returns", sa.Column("withdrawn_at", sa.DateTime(timezone=True)))
