"""Settlement of the time bank between communities."""

from sqlalchemy import BigInteger, Column, Date, Index, Integer, Table, Text, Uuid, text

from services.points.tables.base import CODE, MOMENT, metadata

settlement_runs = Table(
    "settlement_runs",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("node", CODE, nullable=False),
    Column("through", Date, nullable=False),
    Column("stage", Text, nullable=False),
    Column("proposed_by", Uuid),
    Column("proposed_at", MOMENT, nullable=False),
    Column("confirmed_by", Uuid),
    Column("confirmed_at", MOMENT),
    Column("withdrawn_at", MOMENT),
    Column("gross_minutes", BigInteger, nullable=False),
    Column("flows", Integer, nullable=False),
    Column("net_minutes", BigInteger, nullable=False),
    Column("obligations", Integer, nullable=False),
    Column("open_minutes", BigInteger, nullable=False),
    Column("version", Integer, nullable=False),
    Index("settlement_runs_node", "node", "id"),
    Index("settlement_runs_proposed", "node", unique=True, postgresql_where=text("stage = 'proposed'::text")),
)
"""One proposal at a time for a node: the index says so."""

settlement_positions = Table(
    "settlement_positions",
    metadata,
    Column("settlement_id", Uuid, primary_key=True),
    Column("community", CODE, primary_key=True),
    Column("carried_minutes", BigInteger, nullable=False),
    Column("inflow_minutes", BigInteger, nullable=False),
    Column("outflow_minutes", BigInteger, nullable=False),
    Column("balance_minutes", BigInteger, nullable=False),
    Column("settled_minutes", BigInteger, nullable=False),
    Column("corrected_minutes", BigInteger, nullable=False, server_default="0"),
    Index("settlement_positions_community", "community", "settlement_id"),
)

settlement_obligations = Table(
    "settlement_obligations",
    metadata,
    Column("settlement_id", Uuid, primary_key=True),
    Column("debtor", CODE, primary_key=True),
    Column("creditor", CODE, primary_key=True),
    Column("minutes", BigInteger, nullable=False),
)

settlement_flows = Table(
    "settlement_flows",
    metadata,
    Column("settlement_id", Uuid, primary_key=True),
    Column("debtor", CODE, primary_key=True),
    Column("creditor", CODE, primary_key=True),
    Column("minutes", BigInteger, nullable=False),
    Column("corrected_minutes", BigInteger, nullable=False, server_default="0"),
)
