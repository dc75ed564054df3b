"""What points does with a batch of other contexts' events: books service, and keeps who belongs where."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from services.points import node_names, teams
from services.points.accounts import members
from services.points.certificates.identity import forget_identities
from services.points.earning.backlog import Backlog
from services.points.earning.ingest import Ingest
from services.points.earning.readers import READERS
from services.points.earning.services import Service, services_of
from services.points.expiry.effects import LapseNow
from services.points.expiry.lapsing import Lapsing
from services.points.ledger.directory import BatchAccounts
from services.points.ledger.parts import enter_gate
from services.points.ledger.writing import Connection, LedgerWriter, UnknownAccounts
from services.points.overflow.effects import PoolNow
from services.points.overflow.flowing import Overflow
from services.points.policy.book import PolicyBook
from services.points.policy.views import PolicyShelf
from services.points.stars.assessments import note as note_assessments
from shared.batches import BACKLOG_RECORDS
from shared.contracts import Event
from shared.contracts.registry import PersonForgotten, ServiceAssessed
from shared.database import Database, driver_connection
from shared.deliveries import Delivery, Reader

TOLD = (*members.PEOPLE, *teams.EVENTS, *node_names.EVENTS)
"""What is kept beside the books: people, teams, and the names of nodes."""

INTERESTS: Mapping[type[Event], Reader | None] = {
    **READERS,
    **dict.fromkeys(TOLD),
    ServiceAssessed: None,
}

CLOCK_SKEW_MAX = timedelta(hours=1)
"""Service may say that it begins this much later than it is told."""
_CLOSE_WITHIN_S = 5


class ServiceFromTheFuture(Exception):
    """A record says that it began after it was told. What would price it may still be replaced, or withdrawn."""

    code = "service_from_the_future"


class Earning:
    """The batch handler of the points consumer."""

    interests = INTERESTS

    batches_abreast = 2
    """Nothing here depends on order, so one batch can be copied in while the one before it moves its balances."""

    def __init__(self, database: Database, backlog: Backlog) -> None:
        writer = LedgerWriter()
        self._database = database
        self._backlog = backlog
        self._earned = Earned(Ingest(writer, LapseNow(Lapsing(writer)), PoolNow(Overflow(writer))), self._beside)
        self._shelf = PolicyShelf()

    async def apply(self, connection: AsyncConnection, deliveries: Sequence[Delivery]) -> None:
        """Book what the deliveries tell, in the caller's transaction."""
        self._backlog.booking(len(deliveries))
        services = services_in(deliveries)
        db = await driver_connection(connection)
        if services or any(isinstance(delivery.event, members.PEOPLE) for delivery in deliveries):
            await enter_gate(db)
        ahead = len(deliveries) >= BACKLOG_RECORDS
        await self._earned.book(db, await self._shelf.current(db), deliveries, services, ahead=ahead)
        # Only now are they noted as forgotten. A rebuild has nothing to forget: certificates are not in its tables.
        await forget_identities(db, [d.event.volunteer_id for d in deliveries if isinstance(d.event, PersonForgotten)])

    @asynccontextmanager
    async def _beside(self) -> AsyncIterator[Connection]:
        """A connection outside the pool: whoever waits for one of the pool may hold what we wait for."""
        db = await self._database.dedicated()
        try:
            yield db
        finally:
            await db.close(timeout=_CLOSE_WITHIN_S)


class Earned:
    """Batches of deliveries on their way into one set of ledger tables: the live one, or one that is being rebuilt.

    `beside` gives a connection that is not a batch's own; it is asked for one at a time.
    """

    def __init__(self, ingest: Ingest, beside: Callable[[], AbstractAsyncContextManager[Connection]]) -> None:
        self._ingest = ingest
        self._beside = beside
        self._preparing = asyncio.Lock()

    async def book(
        self,
        db: Connection,
        book: PolicyBook,
        deliveries: Sequence[Delivery],
        services: Sequence[Service],
        *,
        ahead: bool,
    ) -> None:
        """Book deliveries that were not booked before, and the services in them. One transaction, given.

        With `ahead`, what it needs of accounts is prepared before, in a transaction of its own.
        """
        schema = self._ingest.writer.schema
        accounts = self._ingest.known_accounts(services, book)
        told = [d for d in deliveries if isinstance(d.event, TOLD)]
        if accounts is None or told:
            if ahead:
                accounts = await self._prepare_ahead(told, services, book)
            else:
                accounts = await self._prepare(db, told, services, book)
        await note_assessments(db, schema, deliveries)
        try:
            await self._ingest.book_services(db, book, services, accounts)
        except UnknownAccounts:
            # Remembered numbers went away with a rollback, or a switch to rebuilt tables; repeated without them.
            self._ingest.directory.forget()
            raise
        at_home = [d.event.volunteer_id for d in told if isinstance(d.event, members.PEOPLE)]
        if at_home:
            await self._ingest.overflow.reckon_anew(db, book, at_home)

    async def _prepare_ahead(
        self, told: Sequence[Delivery], services: Sequence[Service], book: PolicyBook
    ) -> BatchAccounts:
        """Prepare in a short transaction of its own, one after the other: the batch that is written beside this one
        opens the same accounts, and would wait until all of this one is written. The caller's must have locked nothing
        of it before.
        """
        async with self._preparing, self._beside() as db, db.transaction():
            return await self._prepare(db, told, services, book)

    async def _prepare(
        self, db: Connection, told: Sequence[Delivery], services: Sequence[Service], book: PolicyBook
    ) -> BatchAccounts:
        """Note what is told, and find or open the accounts of the services. May be repeated."""
        for room in (members, teams, node_names):
            await room.note(db, self._ingest.writer.schema, told)
        return await self._ingest.open_accounts(db, services, book)


def services_in(deliveries: Sequence[Delivery]) -> list[Service]:
    """All service records of a batch. Raises `ServiceFromTheFuture`."""
    services = []
    for delivery in deliveries:
        told = delivery.event
        if not isinstance(told, list):  # read by its contract: an older version, brought up to date
            told = services_of(told, delivery.envelope.event_id, delivery.envelope.time)
        latest = delivery.envelope.time + CLOCK_SKEW_MAX
        for service in told:
            if service.started_at > latest:
                raise ServiceFromTheFuture
        services += told
    return services
