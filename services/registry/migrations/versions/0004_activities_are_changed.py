"""An activity that has not begun can be changed, and says where to meet."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Nothing was changed before, and no place was told."""
    op.add_column("activities", sa.Column("meeting_place", sa.Text))
    op.add_column("activities", sa.Column("changed_at", sa.DateTime(timezone=True)))
    op.create_table(
        "activity_plans",
        sa.Column("activity_id", sa.Uuid, nullable=False),
        sa.Column("changed_version", sa.Integer, nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("team_id", sa.Uuid),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("category", sa.Text, nullable=False),
        sa.Column("planned_start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("planned_end", sa.DateTime(timezone=True), nullable=False),
        sa.Column("places", sa.Integer),
        sa.Column("meeting_place", sa.Text),
        sa.PrimaryKeyConstraint("activity_id", "changed_version", name="activity_plans_pkey"),
    )
