"""What the tests of the points service share."""

import functools
from typing import Any

import pytest

from services.points.app import build
from services.points.settings import PointsSettings
from tests.integration.points.producing import Producing
from tests.integration.points.time_bank_scene import Bank, MovableClock


@pytest.fixture
def producing(stack: Any, namespace: str) -> Producing:
    return Producing(stack.kafka_bootstrap, namespace)


@pytest.fixture
async def bank(start: Any, producing: Any) -> Bank:
    clock = MovableClock()
    running = await start(functools.partial(build, clock=clock), settings=PointsSettings)
    return Bank(running, producing, clock)
