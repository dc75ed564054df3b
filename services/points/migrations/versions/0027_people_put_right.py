"""Why a household is in need stands in the vault alone; one whose last known member was forgotten is marked."""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"


def upgrade() -> None:
    """The reasons themselves are put into the vault by `migrate`, from the events that told them."""
    op.drop_column("households", "need_reason")
    op.add_column("households", sa.Column("last_member_forgotten_at", sa.DateTime(timezone=True)))
