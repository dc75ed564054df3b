"""What becomes of a household when its members are forgotten."""

import uuid
from datetime import UTC, datetime
from typing import Any

from services.points.households.model import ChangeMembers, LetGo
from services.points.households.views import HOUSEHOLDS
from shared.contracts.love_market import HouseholdMembersChanged, HouseholdRegistered
from tests.specification import given

COMMUNITY = "620201001004"
NOW = datetime(2026, 3, 1, tzinfo=UTC)
HOUSEHOLD, ANNA, BO = (uuid.uuid4() for _ in range(3))


def test_a_household_says_when_one_of_it_was_forgotten() -> None:
    household: dict[str, Any] = {"household_id": HOUSEHOLD, "community": COMMUNITY}
    both = HouseholdRegistered(**household, members=(ANNA, BO), registered_at=NOW)
    one, none = (HouseholdMembersChanged(**household, members=left, changed_at=NOW) for left in ((BO,), ()))
    forgotten = {"member_forgotten": True}
    given(HOUSEHOLDS, both).when(LetGo(frozenset({ANNA}), NOW)).then(one.model_copy(update=forgotten))
    given(HOUSEHOLDS, both, one).when(LetGo(frozenset({ANNA, BO}), NOW)).then(none.model_copy(update=forgotten))
    given(HOUSEHOLDS, both, one).when(LetGo(frozenset({ANNA}), NOW)).then_nothing()
    given(HOUSEHOLDS, both).when(ChangeMembers((), NOW)).then(none)
