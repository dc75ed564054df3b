"""Deposits in the time bank: what is given away only, and what overflows."""

from alembic import op

from services.points.ledger.schema import LEDGER_0002

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Age groups of the people, as the registry tells them."""
    for statement in LEDGER_0002:
        op.execute(statement)
