"""A team can be dissolved."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """When a team was dissolved; none was before."""
    op.add_column("teams", sa.Column("dissolved_on", sa.Date))
