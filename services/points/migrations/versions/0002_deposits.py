"""Deposits in the time bank: what is given away only, and what overflows."""

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Nothing yet."""
