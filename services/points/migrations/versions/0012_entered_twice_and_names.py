"""What is entered a second time says why, and names the first; nodes of the organisation tree have names."""

import sqlalchemy as sa
from alembic import op

from services.points.ledger.schema import LEDGER_0012

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Names that were told before, `rebuild --switch` fills in."""
    for table in ("donations", "purchases"):
        op.add_column(table, sa.Column("repeats", sa.Uuid))
        op.add_column(table, sa.Column("repeat_reason", sa.Text))
    op.create_index("purchases_invoice", "purchases", ["supplier_id", sa.text("upper(receipt_reference)")])
    for statement in LEDGER_0012:
        op.execute(statement)
