"""The ledger keeps why a record was corrected, so that an explanation can say it."""

from alembic import op

from services.points.ledger.schema import LEDGER_0010

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Of corrections booked before, `rebuild --switch` fills it in."""
    for statement in LEDGER_0010:
        op.execute(statement)
