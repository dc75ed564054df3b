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
    text,
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
    Column("category", Text),
    Column("piece", Text),
    Column("specification", Text),
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
    Column("household_id", Uuid),
    Column("identified_by", Text),
    Column("version", Integer, nullable=False),
    Index("redemptions_community", "community", "id"),
    Index("redemptions_volunteer", "volunteer_id", "id"),
)

star_applications = Table(
    "star_applications",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("volunteer_id", Uuid, nullable=False),
    Column("community", _CODE, nullable=False),
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
    Column("node", _CODE, nullable=False),
    Column("since", Date, nullable=False),
    Column("until", Date, nullable=False),
    Column("rows_count", Integer, nullable=False),
    Column("rows_sha256", Text, nullable=False),
    Column("issued_at", _MOMENT, nullable=False),
    Column("version", Integer, nullable=False),
    Index("star_reports_node", "node", "id"),
)

certificates = Table(
    "certificates",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("community", _CODE, nullable=False),
    Column("volunteer_id", Uuid, nullable=False),
    Column("number", _CODE, nullable=False),
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
    Column("community", _CODE, primary_key=True),
    Column("year", Integer, primary_key=True, autoincrement=False),
    Column("latest", Integer, nullable=False),
)
"""The running number that was given out last. Its row is what two certificates of one moment wait for."""

certificate_grounds = Table(
    "certificate_grounds",
    metadata,
    Column("certificate_id", Uuid, primary_key=True),
    Column("debits", BigInteger, nullable=False),
    Column("credits", BigInteger, nullable=False),
)
"""What the watch saw of the account behind a certificate when it last looked; not rebuilt, it then looks again."""

leaderboard_opt_outs = Table(
    "leaderboard_opt_outs",
    metadata,
    Column("volunteer_id", Uuid, primary_key=True),
    Column("opted_out_on", Date, nullable=False),
)
"""Who does not want to be on leaderboards."""

household_months = Table(
    "household_months",
    metadata,
    Column("subject", Uuid, primary_key=True),
    Column("month", Date, primary_key=True),
    Column("pieces", Integer, nullable=False),
)
"""Pieces that a household, or a volunteer without one, has reserved or taken in a month; `month` is its first day."""

collection_tries = Table(
    "collection_tries",
    metadata,
    Column("redemption_id", Uuid, primary_key=True),
    Column("wrong", Integer, nullable=False),
    Column("locked_until", _MOMENT),
)
"""Wrong collection codes, while they matter. Not a view: a code that was wrong is no fact about the redemption."""

item_prices = Table(
    "item_prices",
    metadata,
    Column("item_id", Uuid, primary_key=True),
    Column("first_day", Date, primary_key=True),
    Column("last_day", Date, nullable=False),
    Column("price_points", Integer, nullable=False),
)
"""Prices that hold for a time."""

# Who donors, suppliers and households are stands in the vault under the same ids.
donors = Table(
    "donors",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("community", _CODE, nullable=False),
    Column("kind", Text, nullable=False),
    Column("registered_at", _MOMENT, nullable=False),
    Column("forgotten_at", _MOMENT),
    Column("version", Integer, nullable=False),
    Index("donors_community", "community", "id"),
)

donations = Table(
    "donations",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("community", _CODE, nullable=False),
    Column("donor_id", Uuid, nullable=False),
    Column("receipt_number", Text, nullable=False),
    Column("lines", JSONB, nullable=False),
    Column("received_at", _MOMENT, nullable=False),
    Column("version", Integer, nullable=False),
    UniqueConstraint("receipt_number", name="donations_receipt_number_key"),
    Index("donations_community", "community", "id"),
    Index("donations_donor", "donor_id", "id"),
)

receipt_numbers = Table(
    "receipt_numbers",
    metadata,
    Column("community", _CODE, primary_key=True),
    Column("last", Integer, nullable=False),
)
"""The last running number of each community's receipts; its row is locked from the number to the commit."""

suppliers = Table(
    "suppliers",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("community", _CODE, nullable=False),
    Column("registered_at", _MOMENT, nullable=False),
    Column("forgotten_at", _MOMENT),
    Column("version", Integer, nullable=False),
    Index("suppliers_community", "community", "id"),
)

budget_grants = Table(
    "budget_grants",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("community", _CODE, nullable=False),
    Column("amount_fen", BigInteger, nullable=False),
    Column("reference", Text),
    Column("granted_at", _MOMENT, nullable=False),
    Column("version", Integer, nullable=False),
    Index("budget_grants_community", "community", "id"),
)

purchases = Table(
    "purchases",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("community", _CODE, nullable=False),
    Column("supplier_id", Uuid, nullable=False),
    Column("lines", JSONB, nullable=False),
    Column("amount_fen", BigInteger, nullable=False),
    Column("receipt_reference", Text, nullable=False),
    Column("purchased_at", _MOMENT, nullable=False),
    Column("version", Integer, nullable=False),
    Index("purchases_community", "community", "id"),
)

sales = Table(
    "sales",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("community", _CODE, nullable=False),
    Column("lines", JSONB, nullable=False),
    Column("amount_fen", BigInteger, nullable=False),
    Column("sold_at", _MOMENT, nullable=False),
    Column("version", Integer, nullable=False),
    Index("sales_community", "community", "id"),
)

households = Table(
    "households",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("community", _CODE, nullable=False),
    Column("need_reason", Text),
    Column("need_until", Date),
    Column("registered_at", _MOMENT, nullable=False),
    Column("forgotten_at", _MOMENT),
    Column("version", Integer, nullable=False),
    Index("households_community", "community", "id"),
)

household_members = Table(
    "household_members",
    metadata,
    Column("volunteer_id", Uuid, primary_key=True),
    Column("household_id", Uuid, nullable=False),
    Index("household_members_household", "household_id"),
)
"""A volunteer belongs to one household at most: the key says so."""

aid_gifts = Table(
    "aid_gifts",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("community", _CODE, nullable=False),
    Column("household_id", Uuid, nullable=False),
    Column("lines", JSONB, nullable=False),
    Column("stage", Text, nullable=False),
    Column("approvals", Integer, nullable=False),
    Column("proposed_at", _MOMENT, nullable=False),
    Column("collect_by", _MOMENT),
    Column("ended_at", _MOMENT),
    Column("version", Integer, nullable=False),
    Index("aid_gifts_community", "community", "id"),
    Index("aid_gifts_household", "household_id", "id"),
)

stock_counts = Table(
    "stock_counts",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("item_id", Uuid, nullable=False),
    Column("community", _CODE, nullable=False),
    Column("counted", Integer, nullable=False),
    Column("expected", Integer, nullable=False),
    Column("reason", Text),
    Column("counted_at", _MOMENT, nullable=False),
    Index("stock_counts_item", "item_id", "id"),
    Index("stock_counts_community", "community", "id"),
)

seals = Table(
    "seals",
    metadata,
    Column("community", _CODE, primary_key=True),
    Column("sequence", Integer, primary_key=True, autoincrement=False),
    Column("day", Date, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("lines", BigInteger, nullable=False),
    Column("sums", JSONB, nullable=False),
    Column("lines_sha256", Text, nullable=False),
    Column("previous_sha256", Text, nullable=False),
    Column("seal_sha256", Text, nullable=False),
    Column("format_version", Integer, nullable=False),
    Column("sealed_at", _MOMENT, nullable=False),
    UniqueConstraint("community", "day", "revision", name="seals_community_day_revision_key"),
)

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
    Column("number", Text),
    Column("registered_on", Date),
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
