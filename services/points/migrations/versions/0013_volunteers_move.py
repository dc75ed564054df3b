"""Volunteers move: the community in whose book their accounts stand is kept beside their home."""

from alembic import op

from services.points.ledger.schema import LEDGER_0013

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Nobody has moved before: home is where people were registered. Beneficiaries are looked for at home, too."""
    op.drop_index("beneficiaries_community", "beneficiaries")
    op.drop_index("kin_community", "kin")
    for statement in LEDGER_0013:
        op.execute(statement)
