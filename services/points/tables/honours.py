"""Stars, certificates and leaderboards."""

from sqlalchemy import BigInteger, Boolean, Column, Date, Index, Integer, Table, Text, UniqueConstraint, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB

from services.points.tables.base import CODE, MOMENT, metadata

star_applications = Table(
    "star_applications",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("volunteer_id", Uuid, nullable=False),
    Column("community", CODE, nullable=False),
    Column("grade", Integer, nullable=False),
    Column("stage", Text, nullable=False),
    Column("minutes", BigInteger, nullable=False),
    Column("threshold_minutes", BigInteger, nullable=False),
    Column("floor_minutes", BigInteger, nullable=False),
    Column("granted_by", Text, nullable=False),
    Column("policy_version", Integer, nullable=False),
    Column("applied_on", Date, nullable=False),
    Column("quality", Text),
    Column("quality_reason", Text),
    Column("granted_on", Date),
    Column("review_on", Date),
    Column("flagged_on", Date),
    Column("waits_since", Date),
    Column("remind_on", Date),
    Column("reminders", Integer, nullable=False),
    Column("ended_on", Date),
    Column("reason", Text),
    Column("version", Integer, nullable=False),
    Index("star_applications_community", "community", "id"),
    Index("star_applications_volunteer", "volunteer_id", "id"),
    Index(
        "star_applications_open",
        "volunteer_id",
        postgresql_where=text("stage = ANY (ARRAY['applied'::text, 'assessed'::text])"),
    ),
    Index(
        "star_applications_in_force",
        "volunteer_id",
        postgresql_where=text("stage = ANY (ARRAY['granted'::text, 'flagged'::text])"),
    ),
    Index("star_applications_high", "granted_on", "volunteer_id", postgresql_where=text("grade >= 3")),
)
"""Applications for stars, and what became of them: the one in force is the grade that a volunteer holds.

One is open and one in force at most. That holds by the volunteer's stream, whose versions conflict, and not by these
indexes: a unique one would fail the second of two applications here, before the store can have it decided anew.
"""

star_reports = Table(
    "star_reports",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("node", CODE, nullable=False),
    Column("since", Date, nullable=False),
    Column("until", Date, nullable=False),
    Column("rows_count", Integer, nullable=False),
    Column("rows_sha256", Text, nullable=False),
    Column("issued_at", MOMENT, nullable=False),
    Column("version", Integer, nullable=False),
    Index("star_reports_node", "node", "id"),
)

star_report_rows = Table(
    "star_report_rows",
    metadata,
    Column("report_id", Uuid, primary_key=True),
    Column("application_id", Uuid, primary_key=True),
    Column("community", CODE, nullable=False),
    Column("volunteer_id", Uuid, nullable=False),
    Column("grade", Integer, nullable=False),
    Column("minutes", BigInteger, nullable=False),
    Column("granted_on", Date, nullable=False),
    Column("policy_version", Integer, nullable=False),
)
"""What each report listed: the applications as they stood when it was issued, whatever became of them since."""

certificates = Table(
    "certificates",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("community", CODE, nullable=False),
    Column("volunteer_id", Uuid, nullable=False),
    Column("number", CODE, nullable=False),
    Column("since", Date, nullable=False),
    Column("until", Date, nullable=False),
    Column("minutes", BigInteger, nullable=False),
    Column("services", JSONB, nullable=False),
    Column("publicity_days", Integer, nullable=False),
    Column("policy_version", Integer, nullable=False),
    Column("issued_on", Date, nullable=False),
    Column("public_until", Date, nullable=False),
    Column("stage", Text, nullable=False),
    Column("flagged", Boolean, nullable=False),
    Column("waits_since", Date),
    Column("remind_on", Date),
    Column("reminders", Integer, nullable=False),
    Column("ended_on", Date),
    Column("reason", Text),
    Column("version", Integer, nullable=False),
    UniqueConstraint("number", name="certificates_number_key"),
    Index("certificates_community", "community", "id"),
    Index("certificates_volunteer", "volunteer_id", "id"),
)

certificate_numbers = Table(
    "certificate_numbers",
    metadata,
    Column("community", CODE, primary_key=True),
    Column("year", Integer, primary_key=True, autoincrement=False),
    Column("latest", Integer, nullable=False),
)
"""The running number that was given out last. Its row is what two certificates of one moment wait for."""

honour_looks = Table(
    "honour_looks",
    metadata,
    Column("subject", Uuid, primary_key=True),
    Column("debits", BigInteger, nullable=False),
    Column("credits", BigInteger, nullable=False),
)
"""What the watch saw of the record behind a star (its application) or a certificate when it last looked. Not rebuilt,
it then looks again.
"""

honour_flags = Table(
    "honour_flags",
    metadata,
    Column("flag_id", Uuid, primary_key=True),
    Column("caused_by", Uuid, primary_key=True),
    Column("type", Text, nullable=False),
    Column("told_at", MOMENT, nullable=False),
    Column("taken_minutes", BigInteger, nullable=False),
    Column("subject", Uuid, nullable=False),
    Column("minutes_before", BigInteger, nullable=False),
    Column("minutes", BigInteger, nullable=False),
    Column("flagged_at", MOMENT, nullable=False),
    Column("ended_at", MOMENT),
    Column("outcome", Text),
    Index("honour_flags_caused_by", "caused_by", "flag_id"),
    Index("honour_flags_subject", "subject"),
)
"""Stars and certificates that were flagged, a row for each event that took minutes from under them. `flag_id` is the
event that flagged it, `subject` an application for stars or a certificate; while there is no outcome it stands.
"""

leaderboard_opt_outs = Table(
    "leaderboard_opt_outs",
    metadata,
    Column("volunteer_id", Uuid, primary_key=True),
    Column("opted_out_on", Date, nullable=False),
)
"""Who does not want to be on leaderboards."""
