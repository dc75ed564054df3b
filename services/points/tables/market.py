"""The love market: goods, redemptions, and everybody who gives, sells, buys and is helped."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    func,
)
from sqlalchemy.dialects.postgresql import JSONB

from services.points.tables.base import CODE, MOMENT, metadata, reversal_columns

items = Table(
    "items",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("community", CODE, nullable=False),
    Column("name", Text, nullable=False),
    Column("price_points", Integer, nullable=False),
    Column("listed", Boolean, nullable=False),
    Column("category", Text),
    Column("piece", Text),
    Column("specification", Text),
    Column("photo_sha256", Text),
    Column("version", Integer, nullable=False),
    Index("items_community", "community", "id"),
)

item_photos = Table(
    "item_photos",
    metadata,
    Column("item_id", Uuid, primary_key=True),
    Column("sha256", Text, nullable=False),
    Column("media_type", Text, nullable=False),
    Column("content", LargeBinary, nullable=False),
)
"""Pictures of items. Not a view: events say which picture an item has, not what is in it; back it up with the store."""

redemptions = Table(
    "redemptions",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("community", CODE, nullable=False),
    Column("volunteer_id", Uuid, nullable=False),
    Column("item_id", Uuid, nullable=False),
    Column("quantity", Integer, nullable=False),
    Column("reserved_quantity", Integer, nullable=False),
    Column("points", BigInteger, nullable=False),
    Column("stage", Text, nullable=False),
    Column("reserved_at", MOMENT, nullable=False),
    Column("collect_by", MOMENT, nullable=False),
    Column("ended_at", MOMENT),
    Column("household_id", Uuid),
    Column("identified_by", Text),
    Column("version", Integer, nullable=False),
    *reversal_columns(),
    Index("redemptions_community", "community", "id"),
    Index("redemptions_volunteer", "volunteer_id", "id"),
    Index("redemptions_reserved_at", "reserved_at", "id"),
)
"""`quantity` and `points` are what was taken, once it was; until then, and where it was not, what was reserved."""

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
    Column("locked_until", MOMENT),
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
    Column("community", CODE, nullable=False),
    Column("kind", Text, nullable=False),
    Column("registered_at", MOMENT, nullable=False),
    Column("forgotten_at", MOMENT),
    Column("version", Integer, nullable=False),
    Index("donors_community", "community", "id"),
)

donations = Table(
    "donations",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("community", CODE, nullable=False),
    Column("donor_id", Uuid, nullable=False),
    Column("receipt_number", Text, nullable=False),
    Column("lines", JSONB, nullable=False),
    Column("received_at", MOMENT, nullable=False),
    Column("version", Integer, nullable=False),
    Column("repeats", Uuid),
    Column("repeat_reason", Text),
    *reversal_columns(),
    UniqueConstraint("receipt_number", name="donations_receipt_number_key"),
    Index("donations_community", "community", "id"),
    Index("donations_donor", "donor_id", "id"),
)

receipt_numbers = Table(
    "receipt_numbers",
    metadata,
    Column("community", CODE, primary_key=True),
    Column("last", Integer, nullable=False),
)
"""The last running number of each community's receipts; its row is locked from the number to the commit."""

suppliers = Table(
    "suppliers",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("community", CODE, nullable=False),
    Column("registered_at", MOMENT, nullable=False),
    Column("forgotten_at", MOMENT),
    Column("version", Integer, nullable=False),
    Index("suppliers_community", "community", "id"),
)

budget_grants = Table(
    "budget_grants",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("community", CODE, nullable=False),
    Column("amount_fen", BigInteger, nullable=False),
    Column("reference", Text),
    Column("granted_at", MOMENT, nullable=False),
    Column("version", Integer, nullable=False),
    *reversal_columns(),
    Index("budget_grants_community", "community", "id"),
)

purchases = Table(
    "purchases",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("community", CODE, nullable=False),
    Column("supplier_id", Uuid, nullable=False),
    Column("lines", JSONB, nullable=False),
    Column("amount_fen", BigInteger, nullable=False),
    Column("receipt_reference", Text, nullable=False),
    Column("purchased_at", MOMENT, nullable=False),
    Column("version", Integer, nullable=False),
    Column("repeats", Uuid),
    Column("repeat_reason", Text),
    *reversal_columns(),
    Column("replaced_by", Uuid),
    Index("purchases_community", "community", "id"),
    Index("purchases_purchased_at", "purchased_at", "id"),
)
Index("purchases_invoice", purchases.c.supplier_id, func.upper(purchases.c.receipt_reference))

sales = Table(
    "sales",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("community", CODE, nullable=False),
    Column("lines", JSONB, nullable=False),
    Column("amount_fen", BigInteger, nullable=False),
    Column("sold_at", MOMENT, nullable=False),
    Column("version", Integer, nullable=False),
    *reversal_columns(),
    Index("sales_community", "community", "id"),
    Index("sales_sold_at", "sold_at", "id"),
)

households = Table(
    "households",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("community", CODE, nullable=False),
    Column("need_until", Date),
    Column("member_forgotten_at", MOMENT),
    Column("registered_at", MOMENT, nullable=False),
    Column("forgotten_at", MOMENT),
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
    Column("community", CODE, nullable=False),
    Column("household_id", Uuid, nullable=False),
    Column("lines", JSONB, nullable=False),
    Column("granted_lines", JSONB, nullable=False),
    Column("stage", Text, nullable=False),
    Column("approvals", Integer, nullable=False),
    Column("proposed_at", MOMENT, nullable=False),
    Column("collect_by", MOMENT),
    Column("ended_at", MOMENT),
    Column("version", Integer, nullable=False),
    *reversal_columns(),
    Index("aid_gifts_community", "community", "id"),
    Index("aid_gifts_household", "household_id", "id"),
)
"""`lines` are what was taken, once it was; until then, and where it was not, what was proposed."""

stock_counts = Table(
    "stock_counts",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("item_id", Uuid, nullable=False),
    Column("community", CODE, nullable=False),
    Column("counted", Integer, nullable=False),
    Column("expected", Integer, nullable=False),
    Column("reason", Text),
    Column("counted_at", MOMENT, nullable=False),
    Index("stock_counts_item", "item_id", "id"),
    Index("stock_counts_community", "community", "id"),
)

stock_receipts = Table(
    "stock_receipts",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("item_id", Uuid, nullable=False),
    Column("community", CODE, nullable=False),
    Column("quantity", Integer, nullable=False),
    Column("received_at", MOMENT, nullable=False),
    *reversal_columns(),
    Index("stock_receipts_item", "item_id", "id"),
)
"""Opening stock (期初入库), as it was entered."""
