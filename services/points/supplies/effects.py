"""What supplies of teams do to the ledger: held on the shelf, handed to the team, brought back, used."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import ClassVar, NamedTuple
from uuid import UUID

from services.points.ledger import holders
from services.points.ledger.clauses import Clause
from services.points.ledger.holds import Holds, Leg, NotAvailable, Outcome
from services.points.ledger.payments import Payments
from services.points.ledger.reversing import Reversals
from services.points.ledger.writing import AccountKey, Connection, LedgerWriter
from services.points.market.flows import OutOfStock
from services.points.market.goods import pieces_of, units_of
from services.points.market.reversals import MarketReversals
from services.points.units import item_of
from shared.contracts import Event, Refusal
from shared.contracts.supplies import (
    SuppliesCancelled,
    SuppliesExpired,
    SuppliesIssued,
    SuppliesRefused,
    SuppliesRequested,
    SuppliesReturned,
    SuppliesReturnWithdrawn,
    SuppliesUsed,
    SuppliesUseWithdrawn,
    SupplyFate,
    UsedLine,
)
from shared.eventstore import Recorded


class TeamHasFewer(Refusal):
    """The team does not have that many pieces. Params: `item_id`, the first of which that is so."""

    code: ClassVar[str] = "team_has_fewer"


FATES: Mapping[SupplyFate, Clause] = {
    SupplyFate.USED_UP: Clause.SUPPLIES_USED_UP,
    SupplyFate.HANDED_OUT: Clause.SUPPLIES_HANDED_OUT,
    SupplyFate.LOST: Clause.STOCK_COUNTED,
}
"""Under which clause pieces leave a team."""

_OUTCOMES: Mapping[type[Event], Outcome] = {
    SuppliesIssued: Outcome.POSTED,
    SuppliesRefused: Outcome.VOIDED,
    SuppliesCancelled: Outcome.VOIDED,
    SuppliesExpired: Outcome.TIMED_OUT,
}


class _Moved(NamedTuple):
    """Pieces of one item, from one holder to another."""

    giver: str
    receiver: str
    item_id: UUID
    quantity: int
    clause: Clause


class SupplyEffects:
    """Supplies on one set of ledger tables."""

    EVENTS: ClassVar[tuple[type[Event], ...]] = (
        SuppliesRequested,
        *_OUTCOMES,
        SuppliesReturned,
        SuppliesReturnWithdrawn,
        SuppliesUsed,
        SuppliesUseWithdrawn,
    )

    def __init__(self, writer: LedgerWriter, *, replaying: bool = False) -> None:
        self._writer = writer
        self._holds = Holds(writer, replaying=replaying)
        self._payments = Payments(writer, replaying=replaying)
        self._reversals = Reversals(writer, replaying=replaying)
        self._market = MarketReversals(writer, replaying=replaying)

    async def apply(self, db: Connection, event: Event, recorded: Recorded) -> None:
        """Let an event move pieces. Raises `OutOfStock`, `TeamHasFewer` or `PiecesGone` for what cannot be."""
        match event:
            case SuppliesRequested():
                await self._hold(db, event, recorded)
            case SuppliesIssued() | SuppliesRefused() | SuppliesCancelled() | SuppliesExpired():
                outcome = _OUTCOMES[type(event)]
                await self._holds.settle(db, event.supply_request_id, outcome, recorded.event_id, recorded.occurred_at)
            case SuppliesReturned():
                team = holders.team(event.team_id)
                moved = [
                    _Moved(team, holders.stock(item_id), item_id, quantity, Clause.SUPPLIES_RETURNED)
                    for item_id, quantity in sorted(pieces_of(event.lines).items())
                ]
                ahead = event.replaces is not None
                await self._leave(
                    db, event.community, moved, event.supply_return_id, event.returned_at, recorded, ahead=ahead
                )
            case SuppliesReturnWithdrawn():
                # Paid, as a purchase that is taken back: a shelf does not owe what others are promised meanwhile.
                team, replaced = holders.team(event.team_id), event.replaced_by is not None
                await self._market.reverse(db, recorded, team, [], event.supply_return_id, replaced=replaced)
                if replaced and (owed := await self._payments.owed_by(db, team)):
                    code = await db.fetchval("SELECT code FROM units WHERE id = $1", owed[0])
                    raise TeamHasFewer(item_id=str(item_of(code)))
            case SuppliesUsed():
                moved = _used(event.community, event.team_id, event.lines)
                await self._leave(db, event.community, moved, event.supply_use_id, event.used_at, recorded)
            case SuppliesUseWithdrawn():
                await self._take_back(db, event, recorded)
            case _:
                pass

    async def _hold(self, db: Connection, event: SuppliesRequested, recorded: Recorded) -> None:
        team = holders.team(event.team_id)
        moved = [
            _Moved(holders.stock(item_id), team, item_id, quantity, Clause.SUPPLIES_ISSUED)
            for item_id, quantity in sorted(pieces_of(event.lines).items())
        ]
        legs = await self._legs(db, event.community, moved)
        try:
            await self._holds.hold(db, event.supply_request_id, legs, recorded.event_id, recorded.occurred_at)
        except NotAvailable as error:
            raise OutOfStock from error

    async def _leave(
        self, db: Connection, community: str, moved: Sequence[_Moved], record_id: UUID, at: datetime,
        recorded: Recorded, *, ahead: bool = False,
    ) -> None:  # fmt: skip
        """Pieces leave a team, which must have them; `ahead` of others that it gets back."""
        legs = await self._legs(db, community, moved)
        try:
            await self._payments.pay(
                db,
                legs,
                record_id=record_id,
                event_id=recorded.event_id,
                occurred_at=at,
                recorded_at=recorded.occurred_at,
                ahead=ahead,
            )
        except NotAvailable as error:
            short = next(one for one, leg in zip(moved, legs, strict=True) if leg == error.leg)
            raise TeamHasFewer(item_id=str(short.item_id)) from error

    async def _take_back(self, db: Connection, event: SuppliesUseWithdrawn, recorded: Recorded) -> None:
        """The team had them all along: a fact, like every correction."""
        team = holders.team(event.team_id)
        back = await self._reversals.counter_transfers(db, team, [], event.supply_use_id, recorded, Clause.TAKEN_BACK)
        await self._reversals.owe(db, back)

    async def _legs(self, db: Connection, community: str, moved: Sequence[_Moved]) -> list[Leg]:
        """One leg for each, in the same order."""
        units = await units_of(db, {one.item_id for one in moved})
        keys = [AccountKey(name, units[one.item_id]) for one in moved for name in (one.giver, one.receiver)]
        numbers = await self._writer.accounts(db, keys, community)
        legs = []
        for one in moved:
            unit = units[one.item_id]
            giver, receiver = AccountKey(one.giver, unit), AccountKey(one.receiver, unit)
            legs.append(Leg(numbers[giver], numbers[receiver], unit, one.quantity, one.clause))
        return legs


def _used(community: str, team_id: UUID, lines: Iterable[UsedLine]) -> list[_Moved]:
    """Where what a team used went."""
    places = {SupplyFate.LOST: holders.shrinkage(community)}
    return [
        _Moved(
            holders.team(team_id), places.get(line.fate, holders.outside(community)), line.item_id, line.quantity,
            FATES[line.fate],
        )
        for line in lines
    ]  # fmt: skip
