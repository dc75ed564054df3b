"""Work that is looked for again and again, for as long as a service runs."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from shared.database import Lost, is_transient


async def go_round_forever(
    go_round: Callable[[], Awaitable[Any]], interval_s: float, log: Any, interrupted: str
) -> None:
    """Go round, rest, and go round again, until cancelled.

    A round that loses against somebody else leaves what it was about to the next one; a database or broker that is away
    is told in the log as `interrupted`, and is there again some time. Anything else is a mistake, and is raised.
    """
    while True:
        try:
            await go_round()
        except Lost:
            pass
        except Exception as error:
            if not is_transient(error):
                raise
            log.warning(interrupted, error=type(error).__name__)
        await asyncio.sleep(interval_s)
