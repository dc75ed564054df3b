"""Long lists are read by day, and from either end."""

from alembic import op

revision = "0011"
down_revision = "0010"

_MOMENTS = {
    "redemptions": "reserved_at",
    "sales": "sold_at",
    "purchases": "purchased_at",
    "time_orders": "requested_at",
}


def upgrade() -> None:
    """An index in the order of the list, for each of them."""
    for table, moment in _MOMENTS.items():
        op.create_index(f"{table}_{moment}", table, [moment, "id"])
