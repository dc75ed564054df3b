"""A batch of events becomes transfers: price, copy, look at the day caps, move the balances. One transaction, given."""

from collections.abc import Sequence

from services.points.earning.booking import Booking
from services.points.earning.services import Service
from services.points.earning.tellings import write_tellings
from services.points.expiry.effects import LapseEffects
from services.points.ledger.directory import AccountDirectory, BatchAccounts
from services.points.ledger.writing import Connection, LedgerWriter
from services.points.policy.book import PolicyBook


class Ingest:
    """Books services on one set of ledger tables."""

    def __init__(self, writer: LedgerWriter, lapses: LapseEffects) -> None:
        self.writer = writer
        self._lapses = lapses
        self.directory = AccountDirectory(self.writer)

    def known_accounts(self, services: Sequence[Service]) -> BatchAccounts | None:
        """The accounts of these services, or None when some must be looked up or opened."""
        return self.directory.known({s.community for s in services}, {s.volunteer_id for s in services})

    async def open_accounts(self, db: Connection, services: Sequence[Service]) -> BatchAccounts:
        """The accounts of these services, opened where there are none yet.

        Batches that are written side by side share what is remembered of accounts, so what is opened for one should be
        committed before the other needs it. An account that was opened in vain is empty and harms nobody.
        """
        return await self.directory.prepare(
            db, {s.community for s in services}, {s.volunteer_id: s.community for s in services}
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
        accounts = accounts or await self.open_accounts(db, services)
        booking = Booking(self.writer, accounts, self.directory.community_of_issuer, book)
        await write_tellings(db, self.writer.schema, services)
        await booking.write(db, services)
        await self._lapses.booked(db, book, services, accounts)
