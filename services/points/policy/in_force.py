"""What holds in a place on a day, for the rooms that ask: one policy book per service, kept at hand."""

from collections.abc import Sequence
from datetime import date
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy.ext.asyncio import AsyncConnection

from services.points.policy.book import PolicyBook
from services.points.policy.terms import NoPolicyInForce, Terms
from services.points.policy.views import PolicyShelf
from shared.database import driver_connection
from shared.web import NotFound


class PoliciesInForce:
    """Looks terms up in the published policies; a policy published since the last question is seen."""

    def __init__(self) -> None:
        self._shelf = PolicyShelf()

    async def book(self, connection: AsyncConnection, latest: Sequence[int] | None = None) -> PolicyBook:
        """All of them; `latest` as `PolicyShelf.current` takes it."""
        return await self._shelf.current(await driver_connection(connection), latest)

    async def terms(
        self, connection: AsyncConnection, community: str, day: date, latest: Sequence[int] | None = None
    ) -> Terms:
        """The terms in a community on a day (Asia/Shanghai). Raises `NotFound` when no policy reaches back so far."""
        try:
            return (await self.book(connection, latest)).terms(community, day)
        except NoPolicyInForce:
            raise NotFound("policy") from None


async def _in_force(request: Request) -> PoliciesInForce:
    # One for each service, not for the process: two services of a test have a database each.
    state = request.app.state
    if not hasattr(state, "policies_in_force"):
        state.policies_in_force = PoliciesInForce()
    policies: PoliciesInForce = state.policies_in_force
    return policies


InForce = Annotated[PoliciesInForce, Depends(_in_force)]
"""In a route: the policies in force."""
