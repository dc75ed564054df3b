"""The points service's read tables, and the ledger's tables as queries see them.

The read tables are created by Alembic and rebuilt from the service's own events. The ledger's tables are defined in
`ledger.schema`; here they are only described, column by column as far as queries need them.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Index,
    Integer,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
)
from sqlalchemy import MetaData as _MetaData
from sqlalchemy.dialects.postgresql import JSONB

from services.points.ledger.schema import LIVE
from shared.database import service_metadata

metadata = service_metadata()

# Codes compare byte by byte: a node and all below it are one range of an index.
_CODE = Text(collation="C")
_MOMENT = DateTime(timezone=True)

policies = Table(
    "policies",
    metadata,
    Column("policy_version", Integer, primary_key=True, autoincrement=False),
    Column("node", _CODE),
    Column("in_force_from", Date, nullable=False),
    Column("document", JSONB, nullable=False),
    Column("published_at", _MOMENT, nullable=False),
    Column("version", Integer, nullable=False),
    UniqueConstraint("node", "in_force_from", name="policies_node_in_force_from_key"),
)

items = Table(
    "items",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("community", _CODE, nullable=False),
    Column("name", Text, nullable=False),
    Column("price_points", Integer, nullable=False),
    Column("listed", Boolean, nullable=False),
    Column("version", Integer, nullable=False),
    Index("items_community", "community", "id"),
)

redemptions = Table(
    "redemptions",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("community", _CODE, nullable=False),
    Column("volunteer_id", Uuid, nullable=False),
    Column("item_id", Uuid, nullable=False),
    Column("quantity", Integer, nullable=False),
    Column("points", BigInteger, nullable=False),
    Column("stage", Text, nullable=False),
    Column("reserved_at", _MOMENT, nullable=False),
    Column("collect_by", _MOMENT, nullable=False),
    Column("ended_at", _MOMENT),
    Column("version", Integer, nullable=False),
    Index("redemptions_community", "community", "id"),
    Index("redemptions_volunteer", "volunteer_id", "id"),
)

READ_TABLES = (policies, items, redemptions)

_described = _MetaData(schema=LIVE)

units = Table("units", _MetaData(), Column("id", Integer, primary_key=True), Column("code", Text))

accounts = Table(
    "accounts",
    _described,
    Column("id", BigInteger, primary_key=True),
    Column("holder", _CODE),
    Column("unit", Integer),
    Column("community", _CODE),
    Column("limited", Boolean),
    Column("credits", BigInteger),
    Column("debits", BigInteger),
    Column("pending_debits", BigInteger),
    Column("owed", BigInteger),
    Column("version", BigInteger),
)

members = Table(
    "members",
    _described,
    Column("volunteer_id", Uuid, primary_key=True),
    Column("community", _CODE),
    Column("forgotten_at", _MOMENT),
)

holds = Table(
    "holds",
    _described,
    Column("hold_id", Uuid, primary_key=True),
    Column("leg", SmallInteger, primary_key=True),
    Column("event_id", Uuid),
    Column("debit_account", BigInteger),
    Column("credit_account", BigInteger),
    Column("unit", Integer),
    Column("amount", BigInteger),
    Column("clause", SmallInteger),
    Column("held_at", _MOMENT),
    Column("state", SmallInteger),
    Column("settled_by", Uuid),
    Column("settled_at", _MOMENT),
)

transfers = Table(
    "transfers",
    _described,
    Column("id", BigInteger, primary_key=True),
    Column("debit_account", BigInteger),
    Column("credit_account", BigInteger),
    Column("amount", BigInteger),
    Column("corrects", BigInteger),
    Column("occurred_at", _MOMENT),
    Column("recorded_at", _MOMENT),
    Column("event_id", Uuid),
    Column("record_id", Uuid),
    Column("unit", Integer),
    Column("policy_version", Integer),
    Column("clause", SmallInteger),
    Column("kind", SmallInteger),
    Column("evidence", SmallInteger),
    Column("minutes", SmallInteger),
)
