"""How far points have lapsed is known without reading every run there ever was."""

from alembic import op

from services.points.ledger.schema import LEDGER_0030

revision = "0030"
down_revision = "0029"


def upgrade() -> None:
    """An index; a policy that counts in months lets points lapse in every part of the people every day."""
    for statement in LEDGER_0030:
        op.execute(statement)
