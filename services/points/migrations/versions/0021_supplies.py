"""Teams have supplies for their activities."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from services.points.ledger.schema import LEDGER_0021

revision = "0021"
down_revision = "0020"

_CODE = sa.Text(collation="C")
_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Who leads teams, and what they ask for, bring back and use."""
    for statement in LEDGER_0021:
        op.execute(statement)
    op.create_table(
        "supply_requests",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("community", _CODE, nullable=False),
        sa.Column("team_id", sa.Uuid, nullable=False),
        sa.Column("activity_id", sa.Uuid),
        sa.Column("lines", JSONB, nullable=False),
        sa.Column("stage", sa.Text, nullable=False),
        sa.Column("requested_at", _MOMENT, nullable=False),
        sa.Column("collect_by", _MOMENT, nullable=False),
        sa.Column("ended_at", _MOMENT),
        sa.Column("version", sa.Integer, nullable=False),
    )
    op.create_index("supply_requests_community", "supply_requests", ["community", "id"])
    op.create_index("supply_requests_team", "supply_requests", ["team_id", "id"])
    op.create_table(
        "supply_returns",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("community", _CODE, nullable=False),
        sa.Column("team_id", sa.Uuid, nullable=False),
        sa.Column("lines", JSONB, nullable=False),
        sa.Column("returned_at", _MOMENT, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
    )
    op.create_index("supply_returns_community", "supply_returns", ["community", "returned_at", "id"])
    op.create_index("supply_returns_team", "supply_returns", ["team_id", "returned_at", "id"])
    op.create_table(
        "supply_uses",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("community", _CODE, nullable=False),
        sa.Column("team_id", sa.Uuid, nullable=False),
        sa.Column("activity_id", sa.Uuid),
        sa.Column("people_reached", sa.Integer, nullable=False),
        sa.Column("lines", JSONB, nullable=False),
        sa.Column("used_at", _MOMENT, nullable=False),
        sa.Column("withdrawn_at", _MOMENT),
        sa.Column("version", sa.Integer, nullable=False),
    )
    op.create_index("supply_uses_community", "supply_uses", ["community", "used_at", "id"])
    op.create_index("supply_uses_team", "supply_uses", ["team_id", "used_at", "id"])
    op.create_index("supply_uses_activity", "supply_uses", ["activity_id"])
