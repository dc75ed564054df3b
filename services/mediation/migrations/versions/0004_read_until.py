"""The database knows how far it has read."""

from alembic import op

from shared.migrations import create_read_until

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Empty: after the upgrade every topic is read once more, and nothing is taken twice."""
    create_read_until(op)
