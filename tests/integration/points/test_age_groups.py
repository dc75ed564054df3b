"""What points keeps of a person's age: the five-year group told last, in whatever order it is told."""

import itertools
import uuid
from datetime import date
from typing import Any

import asyncpg
import pytest

from services.points.accounts import members
from services.points.ledger.schema import LIVE
from shared.contracts import Event
from shared.contracts.envelope import Envelope
from shared.contracts.registry import PersonForgotten, VolunteerAgeGroupChanged, VolunteerRegistered
from shared.deliveries import Delivery
from tests.conftest import COMMUNITY
from tests.integration.points.ledger_database import NOW, migrate

ANNA = uuid.UUID("01980000-0000-7000-8000-000000000001")
REGISTERED = VolunteerRegistered(
    volunteer_id=ANNA,
    volunteer_number=f"{COMMUNITY}-000001",
    community=COMMUNITY,
    party_member=False,
    registered_on=date(2024, 3, 1),
    age_group_from=50,
)
FORGOTTEN = PersonForgotten(volunteer_id=ANNA, community=COMMUNITY)


def older(group: int, on: date) -> VolunteerAgeGroupChanged:
    return VolunteerAgeGroupChanged(volunteer_id=ANNA, community=COMMUNITY, age_group_from=group, on=on)


def delivery(event: Event) -> Delivery:
    envelope = Envelope(uuid.uuid4(), "", "", f"volunteer-{ANNA}", NOW, COMMUNITY, 1)
    return Delivery(event, envelope)


@pytest.fixture
async def db(stack: Any) -> Any:
    url = stack.create_database(f"t{uuid.uuid4().hex[:12]}")
    await migrate(url)
    connection = await asyncpg.connect(url)
    yield connection
    await connection.close()


async def kept(db: Any, told: list[Event], *, together: bool = False) -> tuple[Any, ...]:
    """What is known of the person after these events, taken in one by one or in one batch."""
    await db.execute(f"DELETE FROM {LIVE}.members")
    deliveries = [delivery(event) for event in told]
    for batch in [deliveries] if together else [[one] for one in deliveries]:
        await members.note(db, LIVE, batch)
    row = await db.fetchrow(f"SELECT community, age_group_from, age_group_on, forgotten_at FROM {LIVE}.members")
    return tuple(row)


async def test_the_group_told_last_is_kept_in_whatever_order_it_comes(db: Any) -> None:
    told = [REGISTERED, older(55, date(2025, 4, 1)), older(60, date(2030, 4, 1)), older(60, date(2030, 4, 1))]
    for order in itertools.permutations(told):
        for together in (False, True):
            assert await kept(db, list(order), together=together) == (COMMUNITY, 60, date(2030, 4, 1), None)


async def test_a_correction_can_make_somebody_younger(db: Any) -> None:
    told: list[Event] = [REGISTERED, older(60, date(2030, 4, 1)), older(45, date(2030, 4, 9))]
    assert await kept(db, told) == (COMMUNITY, 45, date(2030, 4, 9), None)
    assert await kept(db, told[::-1]) == (COMMUNITY, 45, date(2030, 4, 9), None)


async def test_a_registration_without_a_group_takes_none_away(db: Any) -> None:
    old = REGISTERED.model_copy(update={"age_group_from": None})
    assert await kept(db, [old]) == (COMMUNITY, None, None, None)
    assert await kept(db, [older(55, date(2026, 4, 1)), old]) == (COMMUNITY, 55, date(2026, 4, 1), None)


async def test_of_the_forgotten_no_age_is_kept(db: Any) -> None:
    told = [REGISTERED, older(55, date(2025, 4, 1)), FORGOTTEN]
    for order in itertools.permutations(told):
        for together in (False, True):
            assert await kept(db, list(order), together=together) == (COMMUNITY, None, None, NOW)
