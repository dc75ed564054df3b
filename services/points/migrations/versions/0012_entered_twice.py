"""What is entered a second time says why, and names the first."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Two columns each; and an invoice of a supplier is found by its number."""
    for table in ("donations", "purchases"):
        op.add_column(table, sa.Column("repeats", sa.Uuid))
        op.add_column(table, sa.Column("repeat_reason", sa.Text))
    op.create_index("purchases_invoice", "purchases", ["supplier_id", sa.text("upper(receipt_reference)")])
