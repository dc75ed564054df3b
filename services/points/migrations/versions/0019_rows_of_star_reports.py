"""A report of stars keeps what it listed."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"

ROWS_OF_EARLIER_REPORTS = """
    INSERT INTO star_report_rows
    SELECT report.id, a.id, a.community, a.volunteer_id, a.grade, told.minutes, a.granted_on, a.policy_version
      FROM star_reports AS report
      JOIN events AS issued ON issued.stream = 'report-' || report.id
      JOIN star_applications AS a ON a.grade >= 3 AND a.granted_on BETWEEN report.since AND report.until
                                 AND starts_with(a.community, report.node)
     CROSS JOIN LATERAL (
        SELECT (array_agg(e.data->'minutes' ORDER BY e.version DESC))[1]::bigint AS minutes,
               bool_or(e.type = 'liuling.points.StarGranted.v1') AS granted
          FROM events AS e
         WHERE e.stream = 'stars-' || a.volunteer_id AND e.position < issued.position
           AND e.data->>'application_id' = a.id::text
           AND e.type IN ('liuling.points.StarGranted.v1', 'liuling.points.StarReviewed.v1',
                          'liuling.points.StarFlagged.v1', 'liuling.points.StarConfirmed.v1')
     ) AS told
     WHERE told.granted AND NOT EXISTS (
        SELECT FROM events AS e
         WHERE e.stream = 'stars-' || a.volunteer_id AND e.position < issued.position
           AND e.data->>'application_id' = a.id::text AND e.type = 'liuling.points.StarWithdrawn.v1'
     )
"""


def upgrade() -> None:
    """What earlier reports listed is what the events before each of them say."""
    op.create_table(
        "star_report_rows",
        sa.Column("report_id", sa.Uuid, primary_key=True),
        sa.Column("application_id", sa.Uuid, primary_key=True),
        sa.Column("community", sa.Text(collation="C"), nullable=False),
        sa.Column("volunteer_id", sa.Uuid, nullable=False),
        sa.Column("grade", sa.Integer, nullable=False),
        sa.Column("minutes", sa.BigInteger, nullable=False),
        sa.Column("granted_on", sa.Date, nullable=False),
        sa.Column("policy_version", sa.Integer, nullable=False),
    )
    op.execute(ROWS_OF_EARLIER_REPORTS)
