"""What gifts do to the ledger: minutes pass at once, or the gift is refused. Minutes that are held cannot be given."""

from typing import ClassVar

from services.points.ledger import holders
from services.points.ledger.clauses import Clause
from services.points.ledger.holds import NotAvailable
from services.points.ledger.passing import Party, Passage, legs_of
from services.points.ledger.payments import Payments
from services.points.ledger.reversing import Reversals
from services.points.ledger.writing import Connection, LedgerWriter
from services.points.overflow.effects import OverflowEffects
from services.points.time_orders.effects import NotEnoughMinutes, require_in_order
from services.points.units import Unit
from shared.contracts import Event, Refusal
from shared.contracts.time_bank import MinutesDonated, MinutesDonationReversed, MinutesGiftReversed, MinutesGiven
from shared.eventstore import Recorded


class NotEnoughDonationMinutes(Refusal):
    """The account does not have that many donate-only minutes. Params: `minutes`."""

    code: ClassVar[str] = "not_enough_donation_minutes"


class PoolGaveItOn(Refusal):
    """The pool does not have so many minutes any more: they were given on, or are held. Params: `minutes`."""

    code: ClassVar[str] = "pool_gave_it_on"


class TimeGiftEffects:
    """Gifts and donations on one set of ledger tables."""

    EVENTS: ClassVar[tuple[type[Event], ...]] = (
        MinutesGiven, MinutesDonated, MinutesGiftReversed, MinutesDonationReversed,
    )  # fmt: skip

    def __init__(self, writer: LedgerWriter, overflow: OverflowEffects, *, replaying: bool = False) -> None:
        self._writer = writer
        self._overflow = overflow
        self._replaying = replaying
        self._reversals = Reversals(writer, replaying=replaying)
        self._payments = Payments(writer, replaying=replaying)

    async def apply(self, db: Connection, event: Event, recorded: Recorded) -> None:
        """Let minutes pass, or come back. Raises `NotEnoughMinutes`, `NotEnoughDonationMinutes` or `PoolGaveItOn`."""
        if isinstance(event, MinutesGiftReversed):
            return await self._give_back(db, event, recorded)
        if isinstance(event, MinutesDonationReversed):
            return await self._out_of_pool(db, event, recorded)
        if isinstance(event, MinutesGiven):
            giver = Party(holders.volunteer(event.giver_id), event.community)
            recipient = Party(holders.volunteer(event.recipient_id), event.recipient_community)
            passages = [Passage(giver, recipient, event.minutes, Clause.MINUTES_GIVEN, Clause.MINUTES_GIVEN_ACROSS)]
            record_id, minutes, donation_minutes = event.time_gift_id, event.minutes, 0
        else:
            assert isinstance(event, MinutesDonated)
            donor = Party(holders.volunteer(event.volunteer_id), event.book or event.community)
            minutes, donation_minutes = event.minutes, event.donation_minutes
            passages = to_pool(donor, event.community, minutes, donation_minutes, Clause.DONATED_TO_POOL)
            record_id = event.time_donation_id
        legs = await legs_of(db, self._writer, passages)
        at = recorded.occurred_at
        try:
            await self._payments.pay(
                db, legs, record_id=record_id, event_id=recorded.event_id, occurred_at=at, recorded_at=at
            )
        except NotAvailable as error:
            if error.leg.unit == Unit.DONATION_MINUTE:
                raise NotEnoughDonationMinutes(minutes=donation_minutes) from error
            raise NotEnoughMinutes(minutes=minutes) from error

    async def _give_back(self, db: Connection, event: MinutesGiftReversed, recorded: Recorded) -> None:
        """The gift never was, and the recipient owes what they have spent of it."""
        giver, recipient = (holders.volunteer(one) for one in (event.giver_id, event.recipient_id))
        back = await self._reversals.counter_transfers(
            db, giver, [recipient], event.time_gift_id, recorded, Clause.GIFT_REVERSED
        )
        await self._reversals.owe(db, back)
        await self._overflow.dealt_otherwise(db, {event.giver_id, event.recipient_id})

    async def _out_of_pool(self, db: Connection, event: MinutesDonationReversed, recorded: Recorded) -> None:
        """What the pool has given to those who need it stays given: a pool owes nothing."""
        pool = Party(holders.pool(event.community), event.community)
        # From a book elsewhere the issuer of what could only be given away pays into the book's clearing account.
        others = [pool.holder, holders.clearing(event.book or event.community)]
        back = await self._reversals.counter_transfers(
            db, holders.volunteer(event.volunteer_id), others, event.time_donation_id, recorded,
            Clause.DONATION_REVERSED,
        )  # fmt: skip
        try:
            await self._reversals.pay(db, back)
        except NotAvailable as error:
            raise PoolGaveItOn(minutes=event.minutes + event.donation_minutes) from error
        if not self._replaying:
            await require_in_order(db, self._writer.schema, pool, recorded)
        await self._overflow.dealt_otherwise(db, {event.volunteer_id})


def to_pool(
    donor: Party,
    home: str,
    minutes: int,
    donation_minutes: int,
    clause: Clause,
    turned: Clause = Clause.DONATION_TURNED,
) -> list[Passage]:
    """Minutes of a holder to the pool of their home.

    A unit never turns into another: donate-only minutes go back to where their community issued them, and it issues
    the pool as many that can be spent. So each unit still sums to zero by itself.
    """
    pool = Party(holders.pool(home), home)
    issuer = Party(holders.issuance(donor.community), donor.community)
    return [
        Passage(donor, pool, minutes, clause, clause),
        Passage(donor, issuer, donation_minutes, turned, turned, Unit.DONATION_MINUTE),
        Passage(issuer, pool, donation_minutes, turned, turned),
    ]
