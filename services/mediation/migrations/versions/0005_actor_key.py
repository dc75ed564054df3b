"""The database knows under which key staff are known."""

from alembic import op

from shared.migrations import create_actor_key

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Empty: the key that `migrate` runs under is noted right after."""
    create_actor_key(op)
