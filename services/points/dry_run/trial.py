"""What every dry run needs, as one dependency of its routes: one at a time in a process, bounded, changing nothing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Annotated, ClassVar

from fastapi import Depends, Request

from services.points.dry_run.answers import NotTriedOut, Receipt
from services.points.dry_run.bodies import ProposedBody
from services.points.dry_run.bounded import BoundedReads
from services.points.dry_run.people import PeopleBelow
from services.points.dry_run.standing import TwoBooks
from services.points.dry_run.untried import untried
from services.points.fields import Clocked, Configured
from services.points.policy.book import PolicyBook
from services.points.policy.document import read_document
from services.points.policy.in_force import InForce
from services.points.policy.model import Tried
from services.points.policy.receipts import Proposal
from shared.clock import local_day
from shared.contracts import Refusal, refuse_if
from shared.database import driver_connection
from shared.web import Read, Vaulted
from shared.web.problems import Texts, language_of


class DryRunUnderWay(Refusal):
    """This process is at one already; a second would slow both, and everyone else."""

    code: ClassVar[str] = "dry_run_under_way"


class Trial:
    """One dry run."""

    def __init__(
        self, request: Request, read: Read, policies: InForce, settings: Configured, clock: Clocked, vault: Vaulted
    ) -> None:
        state = request.app.state
        if not hasattr(state, "dry_run_turn"):
            state.dry_run_turn = asyncio.Lock()
        self._turn: asyncio.Lock = state.dry_run_turn
        self._read, self._policies, self._settings, self._vault = read, policies, settings, vault
        self._texts: Texts = state.texts
        self._language = language_of(request)
        self.now: datetime = clock()
        self.today = local_day(self.now)

    @asynccontextmanager
    async def in_turn(self) -> AsyncIterator[None]:
        """Raises `DryRunUnderWay` where one is at it."""
        refuse_if(self._turn.locked(), DryRunUnderWay)
        async with self._turn:
            yield

    async def book(self) -> PolicyBook:
        """The policies in force."""
        return await self._policies.book(self._read)

    async def books(self, body: ProposedBody) -> tuple[PolicyBook, PolicyBook]:
        """The policies in force, and with the document as the node's own. Raises `BadPolicy`."""
        document = read_document(body.document, complete=False)
        book = await self.book()
        return book, book.with_proposed(body.node, document)

    async def reads(self) -> BoundedReads:
        """The ledger, for as long as a dry run may take from now on."""
        db = await driver_connection(self._read)
        settings = self._settings
        return BoundedReads(db, records_max=settings.dry_run_records_max, seconds_max=settings.dry_run_seconds_max)

    async def people(self, body: ProposedBody) -> PeopleBelow:
        """Everyone below the node, under both books. Raises `BadPolicy`."""
        books = TwoBooks(*await self.books(body), self.today)
        return PeopleBelow(await self.reads(), books, body.node)

    def not_tried(self, body: ProposedBody) -> list[NotTriedOut]:
        """What the document says that no dry run tries, in words."""
        found = untried(body.document)
        return [NotTriedOut(place=place, why=self._texts.word(self._language, code)) for place, code in found]

    def receipt(self, proposal: Proposal, book: PolicyBook, months: int | None = None) -> Receipt:
        """Shows that it was tried now, beside the policies of this book."""
        at = self.now.replace(microsecond=0)
        return Receipt(
            receipt=proposal.receipt(self._vault, book, Tried(at, months)),
            receipt_holds_until=at + timedelta(days=self._settings.dry_run_holds_days),
        )


OneTrial = Annotated[Trial, Depends(Trial)]
"""In a route: its dry run."""
