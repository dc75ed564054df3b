"""Volunteers move to another community; those of a node are found by home, and no longer by their numbers."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

_CODE = sa.Text(collation="C")


def upgrade() -> None:
    """Nobody has moved before."""
    op.create_index("volunteers_community", "volunteers", ["community", "number"])
    op.create_table(
        "volunteer_moves",
        sa.Column("volunteer_id", sa.Uuid, nullable=False),
        sa.Column("moved_version", sa.Integer, nullable=False),
        sa.Column("moved_on", sa.Date, nullable=False),
        sa.Column("from_community", _CODE, nullable=False),
        sa.Column("community", _CODE, nullable=False),
        sa.PrimaryKeyConstraint("volunteer_id", "moved_version", name="volunteer_moves_pkey"),
    )
    op.create_index("volunteer_moves_day", "volunteer_moves", ["moved_on", "volunteer_id", "moved_version"])
