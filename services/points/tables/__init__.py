"""The points service's read tables, and the ledger's tables as queries see them.

The read tables are created by Alembic and rebuilt from the service's own events. They stand in one file for each part
of the service, and are all found here.
"""

from services.points.tables.anomalies import anomaly_flags, anomaly_records, fresh_tellings
from services.points.tables.base import metadata
from services.points.tables.honours import (
    certificate_numbers,
    certificates,
    honour_flags,
    honour_looks,
    leaderboard_opt_outs,
    star_applications,
    star_reports,
)
from services.points.tables.ledger import (
    accounts,
    assessments,
    day_approvals,
    days,
    holds,
    members,
    nodes,
    notes,
    tellings,
    transfers,
    units,
)
from services.points.tables.long_days import long_days
from services.points.tables.market import (
    aid_gifts,
    budget_grants,
    collection_tries,
    donations,
    donors,
    household_members,
    household_months,
    households,
    item_photos,
    item_prices,
    items,
    purchases,
    receipt_numbers,
    redemptions,
    sales,
    stock_counts,
    suppliers,
)
from services.points.tables.policies import policies, restatement_parts, restatements, seals
from services.points.tables.settlement import (
    settlement_flows,
    settlement_obligations,
    settlement_positions,
    settlement_runs,
)
from services.points.tables.time_bank import beneficiaries, beneficiary_identities, deaths, kin, time_orders

__all__ = [
    "accounts",
    "aid_gifts",
    "anomaly_flags",
    "anomaly_records",
    "assessments",
    "beneficiaries",
    "beneficiary_identities",
    "budget_grants",
    "certificate_numbers",
    "certificates",
    "collection_tries",
    "day_approvals",
    "days",
    "deaths",
    "donations",
    "donors",
    "fresh_tellings",
    "holds",
    "honour_flags",
    "honour_looks",
    "household_members",
    "household_months",
    "households",
    "item_photos",
    "item_prices",
    "items",
    "kin",
    "leaderboard_opt_outs",
    "long_days",
    "members",
    "metadata",
    "nodes",
    "notes",
    "policies",
    "purchases",
    "receipt_numbers",
    "redemptions",
    "restatement_parts",
    "restatements",
    "sales",
    "seals",
    "settlement_flows",
    "settlement_obligations",
    "settlement_positions",
    "settlement_runs",
    "star_applications",
    "star_reports",
    "stock_counts",
    "suppliers",
    "tellings",
    "time_orders",
    "transfers",
    "units",
]
