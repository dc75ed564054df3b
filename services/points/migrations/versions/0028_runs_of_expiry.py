"""How far points have lapsed is known without reading every run there ever was."""

from alembic import op

from services.points.ledger.schema import LEDGER_0028

revision = "0028"
down_revision = "0024"


def upgrade() -> None:
    """An index; a policy that counts in months lets points lapse in every part of the people every day."""
    for statement in LEDGER_0028:
        op.execute(statement)
