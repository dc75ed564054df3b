"""When a policy, or a restatement, was tried before it was published."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    """What was published before says nothing of it."""
    op.add_column("policies", sa.Column("tried_at", sa.DateTime(timezone=True)))
    op.add_column("policies", sa.Column("tried_months", sa.SmallInteger))
    op.add_column("restatements", sa.Column("tried_at", sa.DateTime(timezone=True)))
