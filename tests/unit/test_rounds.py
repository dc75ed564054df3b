"""Rounds go on through what passes, and end with what does not."""

from typing import Any

import pytest

from shared.database import Lost
from shared.rounds import go_round_forever
from shared.telemetry import logger


async def test_rounds_go_on_after_a_loss_and_an_outage_and_end_with_a_mistake() -> None:
    came: list[type[Exception]] = []
    errors: list[Exception] = [Lost(), ConnectionResetError(), TimeoutError(), KeyError("a mistake")]

    async def go_round() -> Any:
        came.append(type(errors[len(came)]))
        raise errors[len(came) - 1]

    with pytest.raises(KeyError):
        await go_round_forever(go_round, 0, logger("test"), "interrupted")
    assert came == [Lost, ConnectionResetError, TimeoutError, KeyError]
