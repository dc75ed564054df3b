"""Mediators' service in ended cases can be looked up and corrected."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """A table of the records, with those of cases that ended before."""
    op.create_table(
        "service_records",
        sa.Column("record_id", sa.Uuid, nullable=False),
        sa.Column("case_id", sa.Uuid, nullable=False),
        sa.Column("volunteer_id", sa.Uuid, nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("minutes", sa.Integer, nullable=False),
        sa.Column("evidence", sa.Text, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("record_id", name="service_records_pkey"),
    )
    op.create_index("service_records_case", "service_records", ["case_id", "started_at"])
    op.execute("""
        INSERT INTO service_records (record_id, case_id, volunteer_id, started_at, minutes, evidence, revision)
        SELECT (r ->> 'record_id')::uuid, (e.data ->> 'case_id')::uuid, (r ->> 'volunteer_id')::uuid,
               (r ->> 'started_at')::timestamptz, (r ->> 'minutes')::int, r ->> 'evidence', 0
          FROM events AS e, jsonb_array_elements(e.data -> 'mediators') AS r
         WHERE e.type IN ('liuling.mediation.DisputeResolved.v1', 'liuling.mediation.MediationFailed.v1',
                          'liuling.mediation.CaseWithdrawn.v1')
    """)
