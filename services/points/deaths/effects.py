"""What a death does to the ledger: the minutes go to relatives, to the pool, or back where they were issued.

What is missing afterwards, the community in whose book the account stands issues; heirs and pools keep what they have.
"""

from typing import ClassVar

from services.points.ledger import holders
from services.points.ledger.clauses import Clause
from services.points.ledger.holds import NotAvailable
from services.points.ledger.passing import Party, Passage, legs_of
from services.points.ledger.payments import Payments
from services.points.ledger.writing import Connection, LedgerWriter
from services.points.time_gifts.effects import to_pool
from services.points.units import Unit
from shared.contracts import Event
from shared.contracts.deaths import EstateMadeGood, EstateSettled, OnDeathOutcome
from shared.database import Lost
from shared.eventstore import Recorded


class EstateChanged(Lost):
    """The account moved since it was looked at; look again."""


class EstateEffects:
    """Estates on one set of ledger tables. The event says every amount: a replay need not know the balance."""

    EVENTS: ClassVar[tuple[type[Event], ...]] = (EstateSettled, EstateMadeGood)

    def __init__(self, writer: LedgerWriter, *, replaying: bool = False) -> None:
        self._writer = writer
        self._payments = Payments(writer, replaying=replaying)

    async def apply(self, db: Connection, event: EstateSettled | EstateMadeGood, recorded: Recorded) -> None:
        """Let minutes pass. Raises `EstateChanged` when they are not there any more."""
        passages = _passages(event) if isinstance(event, EstateSettled) else _made_good(event)
        legs = await legs_of(db, self._writer, passages)
        at = recorded.occurred_at
        try:
            await self._payments.pay(
                db, legs, record_id=event.death_id, event_id=recorded.event_id, occurred_at=at, recorded_at=at
            )
        except NotAvailable as error:
            raise EstateChanged from error


def _passages(event: EstateSettled) -> list[Passage]:
    dead, issuer = _dead(event)
    if event.outcome is OnDeathOutcome.LAPSE:
        lapsed = Clause.ESTATE_LAPSED
        return [
            Passage(dead, issuer, event.minutes, lapsed, lapsed),
            Passage(dead, issuer, event.donation_minutes, lapsed, lapsed, Unit.DONATION_MINUTE),
        ]
    # Relatives inherit what could be spent; what could only be given away is given away.
    passages = [
        Passage(
            dead,
            Party(holders.volunteer(heir.volunteer_id), heir.community),
            heir.minutes,
            Clause.INHERITED,
            Clause.INHERITED_ACROSS,
        )
        for heir in event.inherited
    ]
    rest = event.minutes - sum(heir.minutes for heir in event.inherited)
    return passages + to_pool(
        dead, event.community, rest, event.donation_minutes, Clause.ESTATE_TO_POOL, Clause.ESTATE_TO_POOL
    )


def _made_good(event: EstateMadeGood) -> list[Passage]:
    (dead, issuer), clause = _dead(event), Clause.ESTATE_MADE_GOOD
    passages = []
    for amount, unit in ((event.minutes, Unit.MINUTE), (event.donation_minutes, Unit.DONATION_MINUTE)):
        source, target = (issuer, dead) if amount > 0 else (dead, issuer)
        passages.append(Passage(source, target, abs(amount), clause, clause, unit))
    return passages


def _dead(event: EstateSettled | EstateMadeGood) -> tuple[Party, Party]:
    """The dead, and who issues in their book."""
    book = event.book or event.community
    return Party(holders.volunteer(event.volunteer_id), book), Party(holders.issuance(book), book)
