"""What points does with a batch of other contexts' events: books service, and keeps who belongs where."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from services.points.accounts import members
from services.points.earning.ingest import Ingest
from services.points.earning.readers import READERS
from services.points.earning.services import Service, services_of
from services.points.ledger.writing import LedgerWriter, UnknownAccounts
from services.points.policy.views import PolicyShelf
from shared.clock import Clock
from shared.consumer import Delivery, Reader
from shared.contracts import Event
from shared.contracts.registry import PersonForgotten, VolunteerRegistered
from shared.database import driver_connection
from shared.eventstore import ConcurrencyConflict

INTERESTS: Mapping[type[Event], Reader | None] = {**READERS, VolunteerRegistered: None, PersonForgotten: None}

_CLOCK_SKEW_MAX = timedelta(hours=1)


class ServiceFromTheFuture(Exception):
    """A record says that it began after it was told. It would be priced by a policy that may still be replaced."""

    code = "service_from_the_future"


class Earning:
    """The batch handler of the points consumer."""

    interests = INTERESTS

    def __init__(self, clock: Clock, ingest: Ingest | None = None, shelf: PolicyShelf | None = None) -> None:
        self._clock = clock
        self._ingest = ingest or Ingest(LedgerWriter())
        self._shelf = shelf or PolicyShelf()

    async def apply(self, connection: AsyncConnection, deliveries: Sequence[Delivery]) -> None:
        """Book what the deliveries tell, in the caller's transaction."""
        db = await driver_connection(connection)
        schema = self._ingest.writer.schema
        await members.register(db, schema, [d.event for d in deliveries if isinstance(d.event, VolunteerRegistered)])
        await members.forget(
            db, schema, [(d.event, d.envelope.time) for d in deliveries if isinstance(d.event, PersonForgotten)]
        )
        services = services_in(deliveries)
        if not services:
            return
        book = await self._shelf.current(db)
        try:
            await self._ingest.book_services(db, book, services, self._clock())
        except UnknownAccounts as error:
            # Remembered account numbers went away with a rollback or a switch; the batch is repeated without them.
            self._ingest.directory.forget()
            raise ConcurrencyConflict from error


def services_in(deliveries: Sequence[Delivery]) -> list[Service]:
    """All service records of a batch. Raises `ServiceFromTheFuture`."""
    services = []
    for delivery in deliveries:
        told = delivery.event
        if not isinstance(told, list):  # read by its contract: an older version, brought up to date
            told = services_of(told, delivery.envelope.event_id)
        latest = delivery.envelope.time + _CLOCK_SKEW_MAX
        for service in told:
            if service.started_at > latest:
                raise ServiceFromTheFuture
        services += told
    return services
