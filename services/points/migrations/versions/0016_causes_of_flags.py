"""A flag on a star or a certificate leads to the events that caused it, and they to the flag."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """What was seen at the last look is forgotten: what is flagged is looked at once more, and says why."""
    op.drop_table("certificate_grounds")
    op.create_table(
        "honour_looks",
        sa.Column("subject", sa.Uuid, primary_key=True),
        sa.Column("debits", sa.BigInteger, nullable=False),
        sa.Column("credits", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "honour_flags",
        sa.Column("flag_id", sa.Uuid, primary_key=True),
        sa.Column("caused_by", sa.Uuid, primary_key=True),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("taken_minutes", sa.BigInteger, nullable=False),
        sa.Column("subject", sa.Uuid, nullable=False),
        sa.Column("minutes_before", sa.BigInteger, nullable=False),
        sa.Column("minutes", sa.BigInteger, nullable=False),
        sa.Column("flagged_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.Column("outcome", sa.Text),
    )
    op.create_index("honour_flags_caused_by", "honour_flags", ["caused_by", "flag_id"])
    op.create_index("honour_flags_subject", "honour_flags", ["subject"])
