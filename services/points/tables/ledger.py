"""The ledger's tables as queries see them: column by column as far as they need them. Defined in `ledger.schema`."""

from sqlalchemy import BigInteger, Boolean, Column, Date, Integer, MetaData, SmallInteger, Table, Text, Uuid, text
from sqlalchemy.dialects.postgresql import ARRAY

from services.points.ledger.schema import LIVE
from services.points.tables.base import CODE, MOMENT, metadata

described = MetaData(schema=LIVE)

units = Table("units", MetaData(), Column("id", Integer, primary_key=True), Column("code", Text))

ledger_due = Table(
    "ledger_due", metadata, Column("noted_at", MOMENT, nullable=False, server_default=text("clock_timestamp()"))
)
"""A row for as long as events that were read back after a restore are not in the ledger."""

accounts = Table(
    "accounts",
    described,
    Column("id", BigInteger, primary_key=True),
    Column("holder", CODE),
    Column("unit", Integer),
    Column("community", CODE),
    Column("limited", Boolean),
    Column("credits", BigInteger),
    Column("debits", BigInteger),
    Column("pending_debits", BigInteger),
    Column("owed", BigInteger),
    Column("version", BigInteger),
)

days = Table(
    "days",
    described,
    Column("account", BigInteger, primary_key=True),
    Column("day", Date, primary_key=True),
)
"""By account of a service record, the days of service."""

day_approvals = Table(
    "day_approvals",
    described,
    Column("holder", CODE, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("sequence", Integer, primary_key=True),
    Column("event_id", Uuid),
    Column("approved_at", MOMENT),
    Column("minutes", SmallInteger),
    Column("level", Text),
    Column("reason", Text),
    Column("limit_minutes", SmallInteger),
    Column("policy_version", Integer),
)
"""What offices said of long days; one that was withdrawn has no minutes."""

members = Table(
    "members",
    described,
    Column("volunteer_id", Uuid, primary_key=True),
    Column("community", CODE),
    Column("registered_in", CODE),
    Column("home_sequence", BigInteger),
    Column("number", Text),
    Column("registered_on", Date),
    Column("forgotten_at", MOMENT),
    Column("age_group_from", SmallInteger),
    Column("age_group_on", Date),
)

nodes = Table(
    "nodes",
    described,
    Column("node", CODE, primary_key=True),
    Column("sequence", BigInteger),
    Column("name", Text),
)
"""Nodes of the organisation tree and what they are called."""

teams = Table(
    "teams",
    described,
    Column("team_id", Uuid, primary_key=True),
    Column("community", CODE),
    Column("name", Text),
)

team_changes = Table(
    "team_changes",
    described,
    Column("team_id", Uuid, primary_key=True),
    Column("volunteer_id", Uuid, primary_key=True),
    Column("sequence", BigInteger, primary_key=True),
    Column("joined", Boolean),
)

team_leaderships = Table(
    "team_leaderships",
    described,
    Column("team_id", Uuid, primary_key=True),
    Column("sequence", BigInteger, primary_key=True),
    Column("volunteer_id", Uuid),
)

holds = Table(
    "holds",
    described,
    Column("hold_id", Uuid, primary_key=True),
    Column("leg", SmallInteger, primary_key=True),
    Column("event_id", Uuid),
    Column("debit_account", BigInteger),
    Column("credit_account", BigInteger),
    Column("unit", Integer),
    Column("amount", BigInteger),
    Column("clause", SmallInteger),
    Column("held_at", MOMENT),
    Column("state", SmallInteger),
    Column("settled_by", Uuid),
    Column("settled_at", MOMENT),
    Column("posted", BigInteger),
)

notes = Table(
    "notes",
    described,
    Column("account", BigInteger),
    Column("issuer", BigInteger),
    Column("occurred_at", MOMENT),
    Column("recorded_at", MOMENT),
    Column("event_id", Uuid),
    Column("record_id", Uuid),
    Column("kind", SmallInteger),
    Column("evidence", SmallInteger),
    Column("minutes", SmallInteger),
    Column("evidence_before", SmallInteger),
    Column("minutes_before", SmallInteger),
    Column("reason", Text),
)

tellings = Table(
    "tellings",
    described,
    Column("event_id", Uuid, primary_key=True),
    Column("told_at", MOMENT),
    Column("began_at", MOMENT),
    Column("ended_at", MOMENT),
    Column("community", CODE),
    Column("confirmed_by", Uuid),
    Column("added", SmallInteger),
    Column("records", ARRAY(Uuid)),
    Column("volunteers", ARRAY(Uuid)),
    Column("entered_after_minutes", ARRAY(SmallInteger)),
)

assessments = Table(
    "assessments",
    described,
    Column("record_id", Uuid, primary_key=True),
    Column("side", Text, primary_key=True),
    Column("volunteer_id", Uuid),
    Column("quality", Text),
    Column("told_at", MOMENT),
    Column("event_id", Uuid),
)

transfers = Table(
    "transfers",
    described,
    Column("id", BigInteger, primary_key=True),
    Column("debit_account", BigInteger),
    Column("credit_account", BigInteger),
    Column("amount", BigInteger),
    Column("corrects", BigInteger),
    Column("occurred_at", MOMENT),
    Column("recorded_at", MOMENT),
    Column("event_id", Uuid),
    Column("record_id", Uuid),
    Column("unit", Integer),
    Column("policy_version", Integer),
    Column("clause", SmallInteger),
    Column("kind", SmallInteger),
    Column("evidence", SmallInteger),
    Column("minutes", SmallInteger),
)
