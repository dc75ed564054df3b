"""The registry's first schema."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql as pg

from shared.migrations import create_kernel_tables

revision = "0001"
down_revision = None

_CODE = sa.Text(collation="C")
_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create everything."""
    create_kernel_tables(op)
    # A trusted extension: the database's owner may create it.
    op.execute("CREATE EXTENSION IF NOT EXISTS btree_gist")
    _people()
    _teams()
    _activities()
    _imports()


def _people() -> None:
    op.create_table(
        "organisation_nodes",
        sa.Column("code", _CODE, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("level", sa.Text, nullable=False),
        sa.Column("parent", _CODE),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("code", name="organisation_nodes_pkey"),
    )
    op.create_index("organisation_nodes_parent", "organisation_nodes", ["parent", "code"])
    op.create_table(
        "volunteers",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("number", _CODE, nullable=False),
        sa.Column("community", _CODE, nullable=False),
        sa.Column("party_member", sa.Boolean, nullable=False),
        sa.Column("standing", sa.Text, nullable=False),
        sa.Column("registered_on", sa.Date, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name="volunteers_pkey"),
        sa.UniqueConstraint("number", name="volunteers_number_key"),
    )
    op.create_table(
        "identity_digests",
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("volunteer_id", sa.Uuid, nullable=False),
        sa.PrimaryKeyConstraint("digest", name="identity_digests_pkey"),
        sa.UniqueConstraint("volunteer_id", name="identity_digests_volunteer_id_key"),
    )
    op.create_table(
        "search_digests",
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("volunteer_id", sa.Uuid, nullable=False),
        sa.PrimaryKeyConstraint("kind", "digest", "volunteer_id", name="search_digests_pkey"),
    )
    op.create_index("search_digests_volunteer", "search_digests", ["volunteer_id"])
    op.create_table(
        "volunteer_numbers",
        sa.Column("community", _CODE, nullable=False),
        sa.Column("last", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("community", name="volunteer_numbers_pkey"),
    )


def _teams() -> None:
    op.create_table(
        "teams",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("community", _CODE, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("origin", sa.Text, nullable=False),
        sa.Column("formed_on", sa.Date, nullable=False),
        sa.Column("leader_id", sa.Uuid),
        sa.Column("members_count", sa.Integer, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name="teams_pkey"),
    )
    op.create_index("teams_community", "teams", ["community", "id"])
    op.create_table(
        "team_memberships",
        sa.Column("team_id", sa.Uuid, nullable=False),
        sa.Column("joined_version", sa.Integer, nullable=False),
        sa.Column("volunteer_id", sa.Uuid, nullable=False),
        sa.Column("joined_on", sa.Date, nullable=False),
        sa.Column("left_on", sa.Date),
        sa.PrimaryKeyConstraint("team_id", "joined_version", name="team_memberships_pkey"),
    )
    op.create_index(
        "team_memberships_current",
        "team_memberships",
        ["team_id", "volunteer_id"],
        unique=True,
        postgresql_where=sa.text("left_on IS NULL"),
    )
    op.create_index("team_memberships_volunteer", "team_memberships", ["volunteer_id", "joined_on"])
    op.create_table(
        "team_leaderships",
        sa.Column("team_id", sa.Uuid, nullable=False),
        sa.Column("appointed_version", sa.Integer, nullable=False),
        sa.Column("volunteer_id", sa.Uuid, nullable=False),
        sa.Column("appointed_on", sa.Date, nullable=False),
        sa.Column("until", sa.Date),
        sa.PrimaryKeyConstraint("team_id", "appointed_version", name="team_leaderships_pkey"),
    )
    op.create_table(
        "team_names",
        sa.Column("community", _CODE, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("team_id", sa.Uuid, nullable=False),
        sa.PrimaryKeyConstraint("community", "name", name="team_names_pkey"),
        sa.UniqueConstraint("team_id", name="team_names_team_id_key"),
    )


def _activities() -> None:
    op.create_table(
        "activities",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("community", _CODE, nullable=False),
        sa.Column("team_id", sa.Uuid),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("category", sa.Text, nullable=False),
        sa.Column("planned_start", _MOMENT, nullable=False),
        sa.Column("planned_end", _MOMENT, nullable=False),
        sa.Column("places", sa.Integer),
        sa.Column("stage", sa.Text, nullable=False),
        sa.Column("cancel_reason", sa.Text),
        sa.Column("completed_at", _MOMENT),
        sa.Column("signed_up_count", sa.Integer, nullable=False),
        sa.Column("attended_count", sa.Integer, nullable=False),
        sa.Column("confirmed_minutes", sa.BigInteger, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name="activities_pkey"),
    )
    op.create_index("activities_community_start", "activities", ["community", "planned_start", "id"])
    op.create_index("activities_team_start", "activities", ["team_id", "planned_start", "id"])
    op.create_index("activities_start", "activities", ["planned_start", "id"])
    op.create_table(
        "participations",
        sa.Column("activity_id", sa.Uuid, nullable=False),
        sa.Column("volunteer_id", sa.Uuid, nullable=False),
        sa.Column("signed_up_at", _MOMENT),
        sa.Column("withdrawn_at", _MOMENT),
        sa.Column("started_at", _MOMENT),
        sa.Column("minutes", sa.Integer),
        sa.Column("evidence", sa.Text),
        sa.Column("record_id", sa.Uuid),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("closed_at_planned_end", sa.Boolean, nullable=False),
        sa.Column("confirmed", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("activity_id", "volunteer_id", name="participations_pkey"),
    )
    op.create_index("participations_volunteer_start", "participations", ["volunteer_id", "started_at", "activity_id"])
    op.create_table(
        "engagements",
        sa.Column("activity_id", sa.Uuid, nullable=False),
        sa.Column("volunteer_id", sa.Uuid, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("span", pg.TSTZRANGE, nullable=False),
        sa.PrimaryKeyConstraint("activity_id", "volunteer_id", "kind", name="engagements_pkey"),
        pg.ExcludeConstraint(
            ("volunteer_id", "="),
            ("kind", "="),
            ("span", "&&"),
            using="gist",
            name="engagements_one_place_at_a_time",
        ),
    )


def _imports() -> None:
    op.create_table(
        "imports",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("node", _CODE, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("subject", sa.Uuid),
        sa.Column("result", pg.JSONB, nullable=False),
        sa.Column("has_file", sa.Boolean, nullable=False),
        sa.Column("imported_at", _MOMENT, nullable=False),
        sa.Column("expires_at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="imports_pkey"),
    )
    op.create_index("imports_node", "imports", ["node", "id"])
