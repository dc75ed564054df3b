"""What was spent between the end of a day and its round of overflow does not flow over."""

from alembic import op

from services.points.ledger.schema import LEDGER_0007

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """What rounds say of it."""
    for statement in LEDGER_0007:
        op.execute(statement)
