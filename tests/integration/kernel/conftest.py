"""What tests of the bus have in common."""

import pytest

from tests.conftest import create_topic


@pytest.fixture
async def topic(stack, namespace) -> str:
    name = f"{namespace}.counting.v1"
    await create_topic(stack.kafka_bootstrap, name)
    return name
