"""An office approves a long day of a volunteer: more minutes of it count than a day's cap allows."""

import sqlalchemy as sa
from alembic import op

from services.points.ledger.schema import LEDGER_0017

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """What the ledger reckons with, and the offices' list."""
    for statement in LEDGER_0017:
        op.execute(statement)
    op.create_table(
        "long_days",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("community", sa.Text(collation="C"), nullable=False),
        sa.Column("volunteer_id", sa.Uuid, nullable=False),
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("stage", sa.Text, nullable=False),
        sa.Column("minutes_max", sa.Integer, nullable=False),
        sa.Column("level", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("policy_version", sa.Integer, nullable=False),
        sa.Column("approved_by", sa.Uuid, nullable=False),
        sa.Column("approved_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("event_id", sa.Uuid, nullable=False),
        sa.Column("withdrawn_by", sa.Uuid),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True)),
        sa.Column("withdrawal_event_id", sa.Uuid),
        sa.Column("version", sa.Integer, nullable=False),
    )
    op.create_index("long_days_community", "long_days", ["community", "day", "id"])
    op.create_index("long_days_volunteer", "long_days", ["volunteer_id", "day"])
