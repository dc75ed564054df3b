"""That the ledger is still to be rebuilt after a restore."""

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0033"


def upgrade() -> None:
    """Empty: nothing is due."""
    op.create_table(
        "ledger_due",
        sa.Column("noted_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("clock_timestamp()")),
    )
