"""Holds are posted in part: of a reservation, the pieces that were taken, and their points."""

import sqlalchemy as sa
from alembic import op

from services.points.ledger.schema import LEDGER_0015

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Until now everything that was reserved was taken, or nothing."""
    for statement in LEDGER_0015:
        op.execute(statement)
    op.add_column("redemptions", sa.Column("reserved_quantity", sa.Integer))
    op.execute("UPDATE redemptions SET reserved_quantity = quantity")
    op.alter_column("redemptions", "reserved_quantity", nullable=False)
