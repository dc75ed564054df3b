"""Service on a shift can be corrected."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """How often a record was corrected; none was before."""
    op.add_column("shift_members", sa.Column("revision", sa.Integer, nullable=False, server_default="0"))
    op.alter_column("shift_members", "revision", server_default=None)
