"""What the tests of the points service share."""

from typing import Any

import pytest

from tests.integration.points.producing import Producing


@pytest.fixture
def producing(stack: Any, namespace: str) -> Producing:
    return Producing(stack.kafka_bootstrap, namespace)
