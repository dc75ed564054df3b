import sqlalchemy as sa
from alembic import op

from shared.migrations import create_actor_key, create_kernel_tables, create_read_until, find_parked_by_digest

revision = "0001"
down_revision = None


def upgrade() -> None:
    create_kernel_tables(op)
    find_parked_by_digest(op)
    create_read_until(op)
    create_actor_key(op)
    op.create_table(
        "counters",
        sa.Column("counter_id", sa.Uuid, primary_key=True),
        sa.Column("community", sa.Text, nullable=False),
        sa.Column("value", sa.Integer, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
    )
    op.create_table("heard", sa.Column("event_id", sa.Uuid, primary_key=True), sa.Column("amount", sa.Integer))
