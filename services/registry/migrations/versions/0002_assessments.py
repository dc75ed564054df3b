"""What was said of somebody's service can be listed."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

# Of several by one side the last one counts; an activity's assessments lie in its own stream, in their order.
_TOLD_BEFORE = """
    INSERT INTO assessments (activity_id, volunteer_id, side, quality, assessed_by, assessed_at)
    SELECT DISTINCT ON (activity_id, volunteer_id, side)
           activity_id, volunteer_id, side, quality, assessed_by, assessed_at
      FROM events, jsonb_to_record(data) AS said(
           activity_id uuid, volunteer_id uuid, side text, quality text, assessed_by uuid, assessed_at timestamptz)
     WHERE type = 'liuling.registry.ServiceAssessed.v1'
     ORDER BY activity_id, volunteer_id, side, version DESC
"""


def upgrade() -> None:
    """The table, with what was told before."""
    op.create_table(
        "assessments",
        sa.Column("activity_id", sa.Uuid, nullable=False),
        sa.Column("volunteer_id", sa.Uuid, nullable=False),
        sa.Column("side", sa.Text, nullable=False),
        sa.Column("quality", sa.Text, nullable=False),
        sa.Column("assessed_by", sa.Uuid, nullable=False),
        sa.Column("assessed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("activity_id", "volunteer_id", "side", name="assessments_pkey"),
    )
    op.create_index("assessments_volunteer", "assessments", ["volunteer_id", "activity_id", "side"])
    op.execute(_TOLD_BEFORE)
