"""Days that are over can be priced anew; what transfers do not say of service is kept, so that nothing is missed."""

import sqlalchemy as sa
from alembic import op

from services.points.ledger.schema import LEDGER_0006

revision = "0006"
down_revision = "0005"

_CODE = sa.Text(collation="C")
_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """What was restated, and for whom it is posted already."""
    for statement in LEDGER_0006:
        op.execute(statement)
    op.create_table(
        "restatements",
        sa.Column("number", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("event_id", sa.Uuid, nullable=False),
        sa.Column("node", _CODE, nullable=False),
        sa.Column("policy_version", sa.Integer, nullable=False),
        sa.Column("since", sa.Date, nullable=False),
        sa.Column("until", sa.Date, nullable=False),
        sa.Column("reference", sa.Text, nullable=False),
        sa.Column("restated_at", _MOMENT, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("number", name="restatements_pkey"),
    )
    op.create_table(
        "restatement_parts",
        sa.Column("number", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("part", sa.SmallInteger, nullable=False, autoincrement=False),
        sa.Column("done_at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("number", "part", name="restatement_parts_pkey"),
    )
