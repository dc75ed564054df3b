"""Signs of invented hours."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql as pg

from services.points.ledger.schema import LEDGER_0005

revision = "0005"
down_revision = "0004"

_CODE = sa.Text(collation="C")
_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create the tables. Events that were booked before have no row until a `rebuild --switch`."""
    for statement in LEDGER_0005:
        op.execute(statement)
    op.create_table(
        "fresh_tellings",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("event_ids", pg.ARRAY(sa.Uuid), nullable=False),
        sa.PrimaryKeyConstraint("id", name="fresh_tellings_pkey"),
    )
    op.create_table(
        "anomaly_flags",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("community", _CODE, nullable=False),
        sa.Column("sign", sa.Text, nullable=False),
        sa.Column("stage", sa.Text, nullable=False),
        sa.Column("evidence", pg.JSONB, nullable=False),
        sa.Column("flagged_at", _MOMENT, nullable=False),
        sa.Column("taken_up_by", sa.Uuid),
        sa.Column("hold_id", sa.Uuid),
        sa.Column("held", pg.JSONB),
        sa.Column("reason", sa.Text),
        sa.Column("decided_by", sa.Uuid),
        sa.Column("decided_at", _MOMENT),
        sa.Column("version", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name="anomaly_flags_pkey"),
    )
    op.create_index("anomaly_flags_community", "anomaly_flags", ["community", "id"])
    op.create_index("anomaly_flags_open", "anomaly_flags", ["sign"], postgresql_where=sa.text("decided_at IS NULL"))
    op.create_index("anomaly_flags_hold", "anomaly_flags", ["hold_id"], postgresql_where=sa.text("hold_id IS NOT NULL"))
    op.create_table(
        "anomaly_records",
        sa.Column("record_id", sa.Uuid, nullable=False),
        sa.Column("flag_id", sa.Uuid, nullable=False),
        sa.PrimaryKeyConstraint("record_id", "flag_id", name="anomaly_records_pkey"),
    )
