"""A crew's name belongs to one crew of its community."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

# Of several crews with one name the oldest keeps it to itself; the others are shown as before, until they are renamed.
_NAMES_GIVEN = """
    INSERT INTO crew_names (community, name, crew_id)
    SELECT DISTINCT ON (community, name) community, name, crew_id FROM crews
     WHERE NOT disbanded ORDER BY community, name, formed_at, crew_id
"""


def upgrade() -> None:
    """The claims, with the names that were given before."""
    op.create_table(
        "crew_names",
        sa.Column("community", sa.Text(collation="C"), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("crew_id", sa.Uuid, nullable=False),
        sa.PrimaryKeyConstraint("community", "name", name="crew_names_pkey"),
        sa.UniqueConstraint("crew_id", name="crew_names_crew_id_key"),
    )
    op.execute(_NAMES_GIVEN)
