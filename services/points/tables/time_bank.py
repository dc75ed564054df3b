"""The time bank: who can be served, who is related to whom, orders for services, and deaths."""

from sqlalchemy import Column, Date, Index, Integer, LargeBinary, Table, Text, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB

from services.points.tables.base import CODE, MOMENT, metadata

# Who beneficiaries are stands in the vault under the same ids; of volunteers, in the registry's.
beneficiaries = Table(
    "beneficiaries",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("community", CODE, nullable=False),
    Column("volunteer_id", Uuid),
    Column("age_group_from", Integer),
    Column("registered_at", MOMENT, nullable=False),
    Column("forgotten_at", MOMENT),
    Column("version", Integer, nullable=False),
)
Index(
    "beneficiaries_volunteer",
    beneficiaries.c.volunteer_id,
    unique=True,
    postgresql_where=beneficiaries.c.forgotten_at.is_(None),
)

beneficiary_identities = Table(
    "beneficiary_identities",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("beneficiary_id", Uuid, nullable=False),
    Index("beneficiary_identities_beneficiary", "beneficiary_id"),
)
"""Keyed digests of ID numbers, so that one person is registered once. Not a view: no event tells them."""

kin = Table(
    "kin",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("community", CODE, nullable=False),
    Column("volunteer_id", Uuid, nullable=False),
    Column("beneficiary_id", Uuid, nullable=False),
    Column("relation", Text, nullable=False),
    Column("stage", Text, nullable=False),
    Column("proposed_at", MOMENT, nullable=False),
    Column("verified_at", MOMENT),
    Column("ended_at", MOMENT),
    Column("version", Integer, nullable=False),
    Index("kin_beneficiary", "beneficiary_id", "id"),
    Index("kin_volunteer", "volunteer_id", "id"),
)
Index("kin_pair", kin.c.volunteer_id, kin.c.beneficiary_id, unique=True, postgresql_where=kin.c.ended_at.is_(None))

time_orders = Table(
    "time_orders",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("community", CODE, nullable=False),
    Column("place", CODE, nullable=False),
    Column("beneficiary_id", Uuid, nullable=False),
    Column("service", Text, nullable=False),
    Column("planned_minutes", Integer, nullable=False),
    Column("minutes", Integer),
    Column("payer", Text, nullable=False),
    Column("payer_volunteer_id", Uuid),
    Column("payer_community", CODE, nullable=False),
    Column("provider_id", Uuid),
    Column("provider_community", CODE),
    Column("stage", Text, nullable=False),
    Column("cancel_reason", Text),
    Column("requested_at", MOMENT, nullable=False),
    Column("serve_by", MOMENT, nullable=False),
    Column("started_at", MOMENT),
    Column("ended_at", MOMENT),
    Column("version", Integer, nullable=False),
    Column("confirm_by", MOMENT),
    Column("reminders", Integer, nullable=False),
    Column("confirmed_minutes", Integer),
    Column("correction", JSONB(none_as_null=True)),
    Column("correction_reason", Text),
    Column("corrected_at", MOMENT),
    Column("correction_event_id", Uuid),
    Index("time_orders_community", "community", "id"),
    Index("time_orders_place", "place", "id"),
    Index("time_orders_beneficiary", "beneficiary_id", "id"),
    Index("time_orders_payer", "payer_volunteer_id", "id"),
    Index("time_orders_provider", "provider_id", "id"),
    Index("time_orders_requested_at", "requested_at", "id"),
    Index("time_orders_confirmed", "ended_at", "id", postgresql_where=text("stage = 'confirmed'::text")),
)
"""`minutes` are those that hold now; `confirmed_minutes`, of what was corrected, those that were confirmed at first.
`correction` is proposed and open.
"""

deaths = Table(
    "deaths",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("volunteer_id", Uuid, nullable=False),
    Column("community", CODE, nullable=False),
    Column("died_on", Date, nullable=False),
    Column("heirs", JSONB, nullable=False),
    Column("stage", Text, nullable=False),
    Column("outcome", Text),
    Column("policy_version", Integer),
    Column("minutes", Integer, nullable=False),
    Column("donation_minutes", Integer, nullable=False),
    Column("recorded_at", MOMENT, nullable=False),
    Column("confirmed_at", MOMENT),
    Column("version", Integer, nullable=False),
    Column("made_good_minutes", Integer, nullable=False, server_default="0"),
    Column("made_good_donation_minutes", Integer, nullable=False, server_default="0"),
    Index("deaths_community", "community", "id"),
    Index("deaths_volunteer", "volunteer_id", unique=True),
)
"""`minutes` and `donation_minutes` are what was settled so far; `made_good_…`, what the community made up for."""
