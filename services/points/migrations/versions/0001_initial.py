"""The points service's first schema."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql as pg

from services.points.ledger.schema import LEDGER_0001, SHARED_0001
from shared.migrations import create_kernel_tables

revision = "0001"
down_revision = None

_CODE = sa.Text(collation="C")
_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create everything."""
    create_kernel_tables(op)
    for statement in (*SHARED_0001, *LEDGER_0001):
        op.execute(statement)
    op.create_table(
        "policies",
        sa.Column("policy_version", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("node", _CODE),
        sa.Column("in_force_from", sa.Date, nullable=False),
        sa.Column("document", pg.JSONB, nullable=False),
        sa.Column("published_at", _MOMENT, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("policy_version", name="policies_pkey"),
        sa.UniqueConstraint("node", "in_force_from", name="policies_node_in_force_from_key"),
    )
    op.create_table(
        "items",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("community", _CODE, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("price_points", sa.Integer, nullable=False),
        sa.Column("listed", sa.Boolean, nullable=False),
        sa.Column("category", sa.Text),
        sa.Column("piece", sa.Text),
        sa.Column("specification", sa.Text),
        sa.Column("version", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name="items_pkey"),
    )
    op.create_index("items_community", "items", ["community", "id"])
    op.create_table(
        "redemptions",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("community", _CODE, nullable=False),
        sa.Column("volunteer_id", sa.Uuid, nullable=False),
        sa.Column("item_id", sa.Uuid, nullable=False),
        sa.Column("quantity", sa.Integer, nullable=False),
        sa.Column("points", sa.BigInteger, nullable=False),
        sa.Column("stage", sa.Text, nullable=False),
        sa.Column("reserved_at", _MOMENT, nullable=False),
        sa.Column("collect_by", _MOMENT, nullable=False),
        sa.Column("ended_at", _MOMENT),
        sa.Column("household_id", sa.Uuid),
        sa.Column("identified_by", sa.Text),
        sa.Column("version", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name="redemptions_pkey"),
    )
    op.create_index("redemptions_community", "redemptions", ["community", "id"])
    op.create_index("redemptions_volunteer", "redemptions", ["volunteer_id", "id"])
    op.create_table(
        "star_applications",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("volunteer_id", sa.Uuid, nullable=False),
        sa.Column("community", _CODE, nullable=False),
        sa.Column("grade", sa.Integer, nullable=False),
        sa.Column("stage", sa.Text, nullable=False),
        sa.Column("minutes", sa.BigInteger, nullable=False),
        sa.Column("threshold_minutes", sa.BigInteger, nullable=False),
        sa.Column("floor_minutes", sa.BigInteger, nullable=False),
        sa.Column("granted_by", sa.Text, nullable=False),
        sa.Column("policy_version", sa.Integer, nullable=False),
        sa.Column("applied_on", sa.Date, nullable=False),
        sa.Column("quality", sa.Text),
        sa.Column("quality_reason", sa.Text),
        sa.Column("granted_on", sa.Date),
        sa.Column("review_on", sa.Date),
        sa.Column("flagged_on", sa.Date),
        sa.Column("ended_on", sa.Date),
        sa.Column("reason", sa.Text),
        sa.Column("version", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name="star_applications_pkey"),
    )
    op.create_index("star_applications_community", "star_applications", ["community", "id"])
    op.create_index("star_applications_volunteer", "star_applications", ["volunteer_id", "id"])
    for name, stages in (("open", ("applied", "assessed")), ("in_force", ("granted", "flagged"))):
        op.create_index(
            f"star_applications_{name}",
            "star_applications",
            ["volunteer_id"],
            postgresql_where=sa.text(f"stage IN {stages}"),
        )
    op.create_index(
        "star_applications_high",
        "star_applications",
        ["granted_on", "volunteer_id"],
        postgresql_where=sa.text("grade >= 3"),
    )
    op.create_table(
        "star_reports",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("node", _CODE, nullable=False),
        sa.Column("since", sa.Date, nullable=False),
        sa.Column("until", sa.Date, nullable=False),
        sa.Column("rows_count", sa.Integer, nullable=False),
        sa.Column("rows_sha256", sa.Text, nullable=False),
        sa.Column("issued_at", _MOMENT, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name="star_reports_pkey"),
    )
    op.create_index("star_reports_node", "star_reports", ["node", "id"])
    op.create_table(
        "certificates",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("community", _CODE, nullable=False),
        sa.Column("volunteer_id", sa.Uuid, nullable=False),
        sa.Column("number", _CODE, nullable=False),
        sa.Column("since", sa.Date, nullable=False),
        sa.Column("until", sa.Date, nullable=False),
        sa.Column("minutes", sa.BigInteger, nullable=False),
        sa.Column("services", pg.JSONB, nullable=False),
        sa.Column("publicity_days", sa.Integer, nullable=False),
        sa.Column("policy_version", sa.Integer, nullable=False),
        sa.Column("issued_on", sa.Date, nullable=False),
        sa.Column("public_until", sa.Date, nullable=False),
        sa.Column("stage", sa.Text, nullable=False),
        sa.Column("flagged", sa.Boolean, nullable=False),
        sa.Column("ended_on", sa.Date),
        sa.Column("reason", sa.Text),
        sa.Column("version", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name="certificates_pkey"),
        sa.UniqueConstraint("number", name="certificates_number_key"),
    )
    op.create_index("certificates_community", "certificates", ["community", "id"])
    op.create_index("certificates_volunteer", "certificates", ["volunteer_id", "id"])
    op.create_table(
        "certificate_numbers",
        sa.Column("community", _CODE, nullable=False),
        sa.Column("year", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("latest", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("community", "year", name="certificate_numbers_pkey"),
    )
    op.create_table(
        "certificate_grounds",
        sa.Column("certificate_id", sa.Uuid, nullable=False),
        sa.Column("debits", sa.BigInteger, nullable=False),
        sa.Column("credits", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("certificate_id", name="certificate_grounds_pkey"),
    )
    op.create_table(
        "leaderboard_opt_outs",
        sa.Column("volunteer_id", sa.Uuid, nullable=False),
        sa.Column("opted_out_on", sa.Date, nullable=False),
        sa.PrimaryKeyConstraint("volunteer_id", name="leaderboard_opt_outs_pkey"),
    )
    op.create_table(
        "donors",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("community", _CODE, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("registered_at", _MOMENT, nullable=False),
        sa.Column("forgotten_at", _MOMENT),
        sa.Column("version", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name="donors_pkey"),
    )
    op.create_index("donors_community", "donors", ["community", "id"])
    op.create_table(
        "donations",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("community", _CODE, nullable=False),
        sa.Column("donor_id", sa.Uuid, nullable=False),
        sa.Column("receipt_number", sa.Text, nullable=False),
        sa.Column("lines", pg.JSONB, nullable=False),
        sa.Column("received_at", _MOMENT, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name="donations_pkey"),
        sa.UniqueConstraint("receipt_number", name="donations_receipt_number_key"),
    )
    op.create_index("donations_community", "donations", ["community", "id"])
    op.create_index("donations_donor", "donations", ["donor_id", "id"])
    op.create_table(
        "receipt_numbers",
        sa.Column("community", _CODE, nullable=False),
        sa.Column("last", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("community", name="receipt_numbers_pkey"),
    )
    op.create_table(
        "suppliers",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("community", _CODE, nullable=False),
        sa.Column("registered_at", _MOMENT, nullable=False),
        sa.Column("forgotten_at", _MOMENT),
        sa.Column("version", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name="suppliers_pkey"),
    )
    op.create_index("suppliers_community", "suppliers", ["community", "id"])
    op.create_table(
        "budget_grants",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("community", _CODE, nullable=False),
        sa.Column("amount_fen", sa.BigInteger, nullable=False),
        sa.Column("reference", sa.Text),
        sa.Column("granted_at", _MOMENT, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name="budget_grants_pkey"),
    )
    op.create_index("budget_grants_community", "budget_grants", ["community", "id"])
    op.create_table(
        "purchases",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("community", _CODE, nullable=False),
        sa.Column("supplier_id", sa.Uuid, nullable=False),
        sa.Column("lines", pg.JSONB, nullable=False),
        sa.Column("amount_fen", sa.BigInteger, nullable=False),
        sa.Column("receipt_reference", sa.Text, nullable=False),
        sa.Column("purchased_at", _MOMENT, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name="purchases_pkey"),
    )
    op.create_index("purchases_community", "purchases", ["community", "id"])
    op.create_table(
        "sales",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("community", _CODE, nullable=False),
        sa.Column("lines", pg.JSONB, nullable=False),
        sa.Column("amount_fen", sa.BigInteger, nullable=False),
        sa.Column("sold_at", _MOMENT, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name="sales_pkey"),
    )
    op.create_index("sales_community", "sales", ["community", "id"])
    op.create_table(
        "households",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("community", _CODE, nullable=False),
        sa.Column("need_reason", sa.Text),
        sa.Column("need_until", sa.Date),
        sa.Column("registered_at", _MOMENT, nullable=False),
        sa.Column("forgotten_at", _MOMENT),
        sa.Column("version", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name="households_pkey"),
    )
    op.create_index("households_community", "households", ["community", "id"])
    op.create_table(
        "household_members",
        sa.Column("volunteer_id", sa.Uuid, nullable=False),
        sa.Column("household_id", sa.Uuid, nullable=False),
        sa.PrimaryKeyConstraint("volunteer_id", name="household_members_pkey"),
    )
    op.create_index("household_members_household", "household_members", ["household_id"])
    op.create_table(
        "aid_gifts",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("community", _CODE, nullable=False),
        sa.Column("household_id", sa.Uuid, nullable=False),
        sa.Column("lines", pg.JSONB, nullable=False),
        sa.Column("stage", sa.Text, nullable=False),
        sa.Column("approvals", sa.Integer, nullable=False),
        sa.Column("proposed_at", _MOMENT, nullable=False),
        sa.Column("collect_by", _MOMENT),
        sa.Column("ended_at", _MOMENT),
        sa.Column("version", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name="aid_gifts_pkey"),
    )
    op.create_index("aid_gifts_community", "aid_gifts", ["community", "id"])
    op.create_index("aid_gifts_household", "aid_gifts", ["household_id", "id"])
    op.create_table(
        "stock_counts",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("item_id", sa.Uuid, nullable=False),
        sa.Column("community", _CODE, nullable=False),
        sa.Column("counted", sa.Integer, nullable=False),
        sa.Column("expected", sa.Integer, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("counted_at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="stock_counts_pkey"),
    )
    op.create_index("stock_counts_item", "stock_counts", ["item_id", "id"])
    op.create_index("stock_counts_community", "stock_counts", ["community", "id"])
    op.create_table(
        "household_months",
        sa.Column("subject", sa.Uuid, nullable=False),
        sa.Column("month", sa.Date, nullable=False),
        sa.Column("pieces", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("subject", "month", name="household_months_pkey"),
    )
    op.create_table(
        "collection_tries",
        sa.Column("redemption_id", sa.Uuid, nullable=False),
        sa.Column("wrong", sa.Integer, nullable=False),
        sa.Column("locked_until", _MOMENT),
        sa.PrimaryKeyConstraint("redemption_id", name="collection_tries_pkey"),
    )
    op.create_table(
        "item_prices",
        sa.Column("item_id", sa.Uuid, nullable=False),
        sa.Column("first_day", sa.Date, nullable=False),
        sa.Column("last_day", sa.Date, nullable=False),
        sa.Column("price_points", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("item_id", "first_day", name="item_prices_pkey"),
    )
    op.create_table(
        "seals",
        sa.Column("community", _CODE, nullable=False),
        sa.Column("sequence", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("lines", sa.BigInteger, nullable=False),
        sa.Column("sums", pg.JSONB, nullable=False),
        sa.Column("lines_sha256", sa.Text, nullable=False),
        sa.Column("previous_sha256", sa.Text, nullable=False),
        sa.Column("seal_sha256", sa.Text, nullable=False),
        sa.Column("format_version", sa.Integer, nullable=False),
        sa.Column("sealed_at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("community", "sequence", name="seals_pkey"),
        sa.UniqueConstraint("community", "day", "revision", name="seals_community_day_revision_key"),
    )
