"""What a correction takes from the dead, after their minutes went, the community makes up for."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """How much that was, death by death."""
    for name in ("made_good_minutes", "made_good_donation_minutes"):
        op.add_column("deaths", sa.Column(name, sa.Integer, nullable=False, server_default="0"))
