"""Every piece has one source and one fate: whatever comes, goes and is taken back, nothing is lost or doubled."""

import uuid
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from services.points.ledger.clauses import Clause
from services.points.ledger.writing import LedgerWriter
from services.points.market.flows import Flows, OutOfStock
from services.points.market.following import Move
from services.points.market.reversals import MarketReversals, PiecesGone
from services.points.market.tracing import OUTCOMES, SOURCES, Outcome, Source, Traced, traced
from services.points.supplies.effects import SupplyEffects, TeamHasFewer
from services.points.units import goods_code
from shared.contracts import Event
from shared.contracts.love_market import AidGranted, AidHandedOver, GoodsDonated, GoodsLine, GoodsSold, StockCounted
from shared.contracts.points import StockReceived
from shared.contracts.reversals import AidReversed, DonationReversed, SaleReversed, StockReceiptReversed
from shared.contracts.supplies import (
    SuppliesIssued,
    SuppliesRequested,
    SuppliesReturned,
    SuppliesUsed,
    SuppliesUseWithdrawn,
    UsedLine,
)
from shared.database import driver_connection
from shared.eventstore import Recorded
from tests.conftest import COMMUNITY
from tests.integration.points.ledger_database import migrate, run
from tests.unit.points.test_following import one_by_one

NOON = datetime(2026, 3, 1, 4, tzinfo=UTC)
SHELF, OUTSIDE = 1, 0
TEAMS = {uuid.uuid4(): 2, uuid.uuid4(): 3}
PLACES = frozenset({SHELF, *TEAMS.values()})
CAME = ("donated", "opening_stock")
GONE = ("sold", "given_in_aid")
OF_TEAM = ("used_up", "handed_out", "lost")
KINDS = (*CAME, *GONE, "counted", "with_team", "returned", *OF_TEAM, "taken_back", "taken_back")
steps = st.lists(
    st.tuples(st.sampled_from(KINDS), st.integers(1, 6), st.integers(0, 50), st.sampled_from(sorted(TEAMS))),
    max_size=18,
)
# A team has, brings back and uses pieces of a donation that never was; what is donated later was theirs, then.
NEVER_CAME = [
    (kind, pieces, 0, min(TEAMS))
    for kind, pieces in (
        ("donated", 5), ("with_team", 4), ("returned", 1), ("used_up", 2), ("donated", 6), ("sold", 1),
        ("taken_back", 1),
    )
]  # fmt: skip


@pytest.fixture(scope="module")
def database_url(stack: Any) -> str:
    url: str = stack.create_database(f"t{uuid.uuid4().hex[:12]}")
    run(migrate(url))
    return url


def events_of(kind: str, item: uuid.UUID, pieces: int, at: datetime, posted: int, team: uuid.UUID) -> list[Event]:
    lines, record = (GoodsLine(item_id=item, quantity=pieces),), uuid.uuid4()
    common: dict[str, Any] = {"community": COMMUNITY}
    of_team: dict[str, Any] = {"team_id": team, **common}
    match kind:
        case "donated":
            number = f"{COMMUNITY}-D{uuid.uuid4().int % 10**6:06d}"
            donated = GoodsDonated(
                donation_id=record, donor_id=uuid.uuid4(), receipt_number=number, lines=lines, received_at=at, **common
            )
            return [donated]
        case "opening_stock":
            return [StockReceived(item_id=item, receipt_id=record, quantity=pieces, **common)]
        case "sold":
            return [GoodsSold(sale_id=record, lines=lines, amount_fen=1, sold_at=at, **common)]
        case "given_in_aid":
            aid: dict[str, Any] = {"gift_id": record, **common}
            granted = AidGranted(
                **aid, household_id=uuid.uuid4(), lines=lines, approved_by=uuid.uuid4(), granted_at=at, collect_by=at
            )
            return [granted, AidHandedOver(**aid, handed_over_at=at)]
        case "with_team":
            asked: dict[str, Any] = {"supply_request_id": record, "lines": lines, **of_team}
            requested = SuppliesRequested(**asked, requested_by=uuid.uuid4(), requested_at=at, collect_by=at)
            return [requested, SuppliesIssued(**asked, issued_at=at)]
        case "returned":
            return [SuppliesReturned(supply_return_id=record, lines=lines, returned_at=at, **of_team)]
        case "used_up" | "handed_out" | "lost":
            used = (UsedLine(item_id=item, quantity=pieces, fate=kind),)
            return [SuppliesUsed(supply_use_id=record, lines=used, people_reached=1, used_at=at, **of_team)]
        case _:
            counted = {"count_id": record, "counted": pieces, "expected": posted, "difference": pieces - posted}
            return [StockCounted(item_id=item, **counted, reason="miscounted", counted_at=at, **common)]


def reversal_of(told: Event, at: datetime) -> Event:
    """Of the event that moved pieces."""
    common: dict[str, Any] = {"community": COMMUNITY, "reason": "other", "reversed_at": at}
    match told:
        case GoodsDonated():
            same = told.model_dump(include={"donation_id", "donor_id", "receipt_number", "lines", "received_at"})
            return DonationReversed(**same, **common)
        case StockReceived():
            same = told.model_dump(include={"item_id", "receipt_id", "quantity"})
            return StockReceiptReversed(**same, received_at=at, **common)
        case GoodsSold():
            same = told.model_dump(include={"sale_id", "lines", "amount_fen", "sold_at"})
            return SaleReversed(**same, **common)
        case AidGranted():
            same = told.model_dump(include={"gift_id", "household_id", "lines"})
            return AidReversed(**same, handed_over_at=at, **common)
        case SuppliesUsed():
            same = told.model_dump(include={"supply_use_id", "community", "team_id", "lines"})
            return SuppliesUseWithdrawn(**same, withdrawn_by=uuid.uuid4(), withdrawn_at=at)
        case _:
            raise AssertionError(told)


class Entry(NamedTuple):
    """What a movement is told as, and the donation, receipt, count … that it is of."""

    what: Source | Outcome | None
    record: uuid.UUID


def entry_of(what: Source | Outcome | None, event: Event) -> Entry:
    names = ("donation_id", "receipt_id", "count_id", "sale_id", "gift_id")
    return Entry(what, next(value for name, value in event if name in names or name.startswith("supply_")))


class Life:
    """What happens to the pieces of one item, told to the ledger event by event."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.item = uuid.uuid4()
        self.moves: dict[uuid.UUID, Move[Entry]] = {}
        """By record, those that hold."""
        self._told: dict[uuid.UUID, Event] = {}
        """What can be taken back."""
        self._engine = engine
        self._effects = Flows(LedgerWriter()), SupplyEffects(LedgerWriter()), MarketReversals(LedgerWriter())

    def lying(self, place: int) -> int:
        came = sum(move.pieces for move in self.moves.values() if move.receiver == place)
        return came - sum(move.pieces for move in self.moves.values() if move.giver == place)

    async def _tell(self, event: Event, at: datetime) -> None:
        async with self._engine.begin() as connection:
            await connection.execute(sa.text("SELECT 1"))
            recorded = Recorded(event, uuid.uuid4(), "s", 1, COMMUNITY, at)
            for effects in self._effects:
                await effects.apply(await driver_connection(connection), event, recorded)

    async def go(self, kind: str, pieces: int, back: int, team: uuid.UUID, known_at: datetime) -> None:
        """One step; what is not there is refused, and changes nothing."""
        if kind == "taken_back":
            await self._take_back(back, known_at)
            return
        posted = self.lying(SHELF)
        # Entered late: it happened long before what is in the ledger already.
        told = events_of(kind, self.item, pieces, known_at - timedelta(days=back), posted, team)
        try:
            for event in told:
                await self._tell(event, known_at)
        except OutOfStock:
            assert pieces > posted
            return
        except TeamHasFewer:
            assert pieces > self.lying(TEAMS[team])
            return
        move = self._move(kind, pieces, posted, TEAMS[team], told[0])
        if move.pieces:
            self.moves[move.about.record] = move
            if kind in (*CAME, *GONE, *OF_TEAM):
                self._told[move.about.record] = told[0]

    @staticmethod
    def _move(kind: str, pieces: int, posted: int, team: int, told: Event) -> Move[Entry]:
        if kind == "counted":
            found = pieces > posted
            ends = (OUTSIDE, SHELF) if found else (SHELF, OUTSIDE)
            return Move(*ends, abs(pieces - posted), entry_of(Source.FOUND if found else Outcome.LOST, told))
        if kind in CAME:
            return Move(OUTSIDE, SHELF, pieces, entry_of(Source(kind), told))
        if kind == "returned":
            return Move(team, SHELF, pieces, entry_of(None, told))
        ends = {"with_team": (SHELF, team), **dict.fromkeys(GONE, (SHELF, OUTSIDE))}.get(kind, (team, OUTSIDE))
        return Move(*ends, pieces, entry_of(Outcome(kind), told))

    async def _take_back(self, which: int, known_at: datetime) -> None:
        if not self._told:
            return
        record = list(self._told)[which % len(self._told)]
        move = self.moves[record]
        gone = move.receiver == SHELF and move.pieces > self.lying(SHELF)
        try:
            await self._tell(reversal_of(self._told[record], known_at), known_at)
        except PiecesGone:
            assert gone
            return
        assert not gone
        del self._told[record], self.moves[record]


def as_told(piece: Traced) -> tuple[Entry, Entry | None]:
    fate = piece.fate
    outcome = None if fate is None else OUTCOMES[Clause(fate.clause)]
    if outcome is not Outcome.LOST:
        assert (fate is not None and fate.team in TEAMS) == (outcome in (Outcome.WITH_TEAM, *map(Outcome, OF_TEAM)))
    source = Entry(SOURCES[Clause(piece.source.clause)], piece.source.record_id)
    return source, None if fate is None else Entry(outcome, fate.record_id)


async def _live_through(url: str, happened: list[tuple[str, int, int, uuid.UUID]]) -> None:
    engine = create_async_engine(sa.make_url(url).set(drivername="postgresql+asyncpg"))
    life = Life(engine)
    async with engine.begin() as connection:
        unit = sa.text("INSERT INTO units (id, code) VALUES (nextval('unit_ids'), :code)")
        await connection.execute(unit, {"code": goods_code(life.item)})
    for number, step in enumerate(happened):
        await life.go(*step, NOON + timedelta(minutes=number))
    async with engine.connect() as connection:
        found = (await traced(connection, COMMUNITY, [life.item]))[life.item]
    await engine.dispose()
    assert len({as_told(piece) for piece in found}) == len(found), "a page goes on behind a source and a fate"
    assert Counter({as_told(piece): piece.pieces for piece in found}) == one_by_one(list(life.moves.values()), PLACES)


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(happened=steps)
@example(happened=NEVER_CAME)
def test_pieces_in_are_pieces_out_and_on_the_shelf_or_with_a_team_by_source(
    database_url: str, happened: list[tuple[str, int, int, uuid.UUID]]
) -> None:
    run(_live_through(database_url, happened))
