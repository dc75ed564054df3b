"""A policy can be withdrawn before its first day, and another one published for the same day."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """When that was; only policies that stand must differ in node or first day."""
    op.add_column("policies", sa.Column("withdrawn_at", sa.DateTime(timezone=True)))
    op.drop_constraint("policies_node_in_force_from_key", "policies")
    op.create_index(
        "policies_node_in_force_from_key",
        "policies",
        ["node", "in_force_from"],
        unique=True,
        postgresql_where=sa.text("withdrawn_at IS NULL"),
    )
