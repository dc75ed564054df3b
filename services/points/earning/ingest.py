"""A batch of events becomes transfers: price, copy, look at the day caps, move the balances. One transaction, given."""

from collections.abc import Sequence
from uuid import UUID

from services.points.earning.booking import Booking
from services.points.earning.services import Service
from services.points.earning.tellings import write_tellings
from services.points.expiry.effects import LapseEffects
from services.points.ledger.directory import AccountDirectory, BatchAccounts
from services.points.ledger.writing import Connection, LedgerWriter
from services.points.overflow.effects import OverflowEffects
from services.points.policy.book import PolicyBook


class Ingest:
    """Books services on one set of ledger tables."""

    def __init__(self, writer: LedgerWriter, lapses: LapseEffects, overflow: OverflowEffects) -> None:
        self.writer = writer
        self.overflow = overflow
        self._lapses = lapses
        self.directory = AccountDirectory(self.writer)

    def known_accounts(self, services: Sequence[Service], book: PolicyBook) -> BatchAccounts | None:
        """The accounts of these services, or None when some must be looked up or opened."""
        people = {s.volunteer_id for s in services}
        return self.directory.known({s.community for s in services}, people, _donors(services, book))

    async def open_accounts(self, db: Connection, services: Sequence[Service], book: PolicyBook) -> BatchAccounts:
        """The accounts of these services, opened where there are none yet.

        Batches that are written side by side share what is remembered of accounts, so what is opened for one should be
        committed before the other needs it. An account that was opened in vain is empty and harms nobody.
        """
        return await self.directory.prepare(
            db,
            {s.community for s in services},
            {s.volunteer_id: s.community for s in services},
            _donors(services, book),
        )

    async def book_services(
        self,
        db: Connection,
        book: PolicyBook,
        services: Sequence[Service],
        accounts: BatchAccounts | None = None,
    ) -> None:
        """Book what these services are worth. Their events must not have been booked before.

        Raises `NoPolicyInForce` when one cannot be priced, `UnknownAccounts` when the batch must be repeated after
        `directory.forget`.
        """
        if not services:
            return
        accounts = accounts or await self.open_accounts(db, services, book)
        booking = Booking(self.writer, accounts, self.directory.community_of_issuer, book)
        await write_tellings(db, self.writer.schema, services)
        await booking.write(db, services)
        await self._lapses.booked(db, book, services, accounts, booking.movements)
        await self.overflow.booked(db, book, services, accounts)


def _donors(services: Sequence[Service], book: PolicyBook) -> set[UUID]:
    """Who may earn donation minutes with these. An account that turns out not to be needed is empty."""
    return {s.volunteer_id for s in services if s.kind in book.donate_only_kinds}
