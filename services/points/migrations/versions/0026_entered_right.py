"""Returns of teams can be withdrawn; the right purchase or return can take the place of the wrong one."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    """None was withdrawn or replaced before."""
    for table in ("purchases", "supply_returns"):
        op.add_column(table, sa.Column("replaced_by", postgresql.UUID))
    op.add_column("supply_returns", sa.Column("withdrawn_at", sa.DateTime(timezone=True)))
