"""Applications for stars that nobody decides on are reminded of, too."""

from alembic import op

revision = "0029"
down_revision = "0028"


def upgrade() -> None:
    """An application has waited since the day on which it was made."""
    op.execute("UPDATE star_applications SET waits_since = applied_on WHERE stage IN ('applied', 'assessed')")
