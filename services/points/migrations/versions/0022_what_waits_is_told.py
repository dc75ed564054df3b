"""A flag shows all its records, however many they are; stars and certificates in doubt are reminded of."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"


# Since when it waits: the first flag after the last decision, as the events tell it.
_WAITS = """
    UPDATE {table} AS h SET waits_since = (
        SELECT min(cast(e.data->>'flagged_on' AS date)) FROM events AS e
         WHERE e.stream = {stream} AND e.type = 'liuling.points.{flagged}.v1'
           AND ({same}) AND e.version > coalesce((
               SELECT max(d.version) FROM events AS d
                WHERE d.stream = {stream} AND d.type IN ({decided})), 0))
     WHERE {waiting}
"""
_STARS = {
    "table": "star_applications",
    "stream": "'stars-' || h.volunteer_id",
    "flagged": "StarFlagged",
    "decided": "'liuling.points.StarConfirmed.v1', 'liuling.points.StarGranted.v1'",
    "same": "e.data->>'application_id' = cast(h.id AS text)",
    "waiting": "stage = 'flagged'",
}
_CERTIFICATES = {
    "table": "certificates",
    "stream": "'certificate-' || h.id",
    "flagged": "CertificateFlagged",
    "decided": "'liuling.points.CertificateFlagLifted.v1'",
    "same": "true",
    "waiting": "flagged AND stage NOT IN ('voided', 'refused')",
}


def upgrade() -> None:
    """What a flag showed is beside its records; who holds is found by the records, and not by the hold."""
    op.drop_index("anomaly_flags_hold", "anomaly_flags")
    op.add_column("anomaly_records", sa.Column("volunteer_id", sa.Uuid))
    op.add_column("anomaly_records", sa.Column("event_id", sa.Uuid))
    op.add_column("anomaly_records", sa.Column("started_at", sa.DateTime(timezone=True)))
    op.add_column("anomaly_records", sa.Column("minutes", sa.Integer))
    op.execute(
        "UPDATE anomaly_records AS r SET volunteer_id = shown.volunteer_id, event_id = shown.event_id,"
        " started_at = shown.started_at, minutes = shown.minutes"
        " FROM anomaly_flags AS f CROSS JOIN LATERAL jsonb_to_recordset(f.evidence->'records')"
        " AS shown(record_id uuid, volunteer_id uuid, event_id uuid, started_at timestamptz, minutes int)"
        " WHERE r.flag_id = f.id AND r.record_id = shown.record_id"
    )
    op.create_index("anomaly_records_flag", "anomaly_records", ["flag_id", "started_at", "record_id"])
    for honours in (_STARS, _CERTIFICATES):
        table = honours["table"]
        op.add_column(table, sa.Column("waits_since", sa.Date))
        op.add_column(table, sa.Column("remind_on", sa.Date))
        op.add_column(table, sa.Column("reminders", sa.Integer, nullable=False, server_default="0"))
        op.alter_column(table, "reminders", server_default=None)
        op.execute(_WAITS.format(**honours))
