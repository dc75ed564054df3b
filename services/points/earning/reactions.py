"""What points does with a batch of other contexts' events: books service, and keeps who belongs where."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.points.accounts import members
from services.points.earning.ingest import Ingest
from services.points.earning.readers import READERS
from services.points.earning.services import Service, services_of
from services.points.ledger.directory import BatchAccounts
from services.points.ledger.writing import UnknownAccounts
from services.points.policy.views import PolicyShelf
from shared.clock import Clock
from shared.contracts import Event
from shared.contracts.registry import PersonForgotten, VolunteerRegistered
from shared.database import Database, driver_connection
from shared.deliveries import Delivery, Reader

INTERESTS: Mapping[type[Event], Reader | None] = {**READERS, VolunteerRegistered: None, PersonForgotten: None}

_CLOCK_SKEW_MAX = timedelta(hours=1)


class ServiceFromTheFuture(Exception):
    """A record says that it began after it was told. It would be priced by a policy that may still be replaced."""

    code = "service_from_the_future"


class Earning:
    """The batch handler of the points consumer."""

    interests = INTERESTS

    batches_abreast = 2
    """Nothing here depends on order, so one batch can be copied in while the one before it moves its balances."""

    def __init__(self, clock: Clock, database: Database) -> None:
        self._clock = clock
        self._database = database
        self._ingest = Ingest()
        self._shelf = PolicyShelf()

    async def apply(self, connection: AsyncConnection, deliveries: Sequence[Delivery]) -> None:
        """Book what the deliveries tell, in the caller's transaction."""
        services = services_in(deliveries)
        accounts = await self._people_and_accounts(deliveries, services)
        if not services:
            return
        db = await driver_connection(connection)
        book = await self._shelf.current(db)
        try:
            await self._ingest.book_services(db, book, services, self._clock(), accounts)
        except UnknownAccounts:
            # Remembered account numbers went away with a switch to rebuilt tables; the batch is repeated without them.
            self._ingest.directory.forget()
            raise

    async def _people_and_accounts(
        self, deliveries: Sequence[Delivery], services: Sequence[Service]
    ) -> BatchAccounts | None:
        """Note who was registered or forgotten, and find or open the accounts of the batch.

        In a short transaction of its own: other batches must see it while this one is still being written. All of it
        may be repeated.
        """
        registered = [d.event for d in deliveries if isinstance(d.event, VolunteerRegistered)]
        forgotten = [(d.event, d.envelope.time) for d in deliveries if isinstance(d.event, PersonForgotten)]
        known = self._ingest.known_accounts(services)
        if known is not None and not registered and not forgotten:
            return known
        async with self._database.transaction() as connection:
            await connection.execute(text("SELECT 1"))  # opens the transaction that the raw statements belong to
            db = await driver_connection(connection)
            await members.register(db, self._ingest.writer.schema, registered)
            await members.forget(db, self._ingest.writer.schema, forgotten)
            return known or await self._ingest.open_accounts(db, services)


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
