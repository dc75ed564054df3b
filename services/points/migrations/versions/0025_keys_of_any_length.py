"""Records are parked whatever the length of their key."""

from alembic import op

from shared.migrations import find_parked_by_digest

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    """The kernel's second step."""
    find_parked_by_digest(op)
