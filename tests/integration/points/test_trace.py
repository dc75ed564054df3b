"""Every piece has one source and one fate: whatever comes and goes, nothing is lost or doubled."""

import uuid
from collections import Counter, deque
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import create_async_engine

from services.points.ledger.clauses import Clause
from services.points.ledger.writing import LedgerWriter
from services.points.market.flows import Flows, OutOfStock
from services.points.market.tracing import OUTCOMES, SOURCES, Outcome, traced
from services.points.supplies.effects import SupplyEffects, TeamHasFewer
from services.points.units import goods_code
from shared.contracts import Event
from shared.contracts.love_market import AidGranted, AidHandedOver, GoodsDonated, GoodsLine, GoodsSold, StockCounted
from shared.contracts.points import StockReceived
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

NOON = datetime(2026, 3, 1, 4, tzinfo=UTC)
CAME = ("donated", "opening_stock")
GONE = ("sold", "given_in_aid")
OF_TEAM = ("used_up", "handed_out", "lost")
KINDS = (*CAME, *GONE, "counted", "with_team", "returned", *OF_TEAM, "withdrawn")
TEAMS = (uuid.uuid4(), uuid.uuid4())
steps = st.lists(
    st.tuples(st.sampled_from(KINDS), st.integers(1, 6), st.integers(0, 50), st.sampled_from(TEAMS)), max_size=18
)


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


def record_of(event: Event) -> uuid.UUID:
    """The donation, receipt, count … that an event is about; transfers go by it."""
    names = ("donation_id", "receipt_id", "count_id", "sale_id", "gift_id")
    return next(value for name, value in event if name in names or name.startswith("supply_"))


class Went(NamedTuple):
    """Pieces that went from one place to another; None is outside."""

    giver: Any
    receiver: Any
    pieces: int
    record: uuid.UUID
    outcome: Outcome | None = None


def first_in_first_out(moves: list[Went]) -> Counter[tuple[uuid.UUID, str, uuid.UUID | None]]:
    """The plain way to attribute: every piece in a queue. By source, what became of it and with which record."""
    queues: dict[Any, deque[Any]] = {place: deque() for place in ("shelf", *TEAMS, None)}
    for move in moves:
        for _ in range(move.pieces):
            source = move.record if move.giver is None else queues[move.giver].popleft()[0]
            fate = (Outcome.ON_THE_SHELF, None) if move.receiver == "shelf" else (move.outcome, move.record)
            queues[move.receiver].append((source, *fate))
    return Counter(piece for queue in queues.values() for piece in queue)


async def _live_through(url: str, happened: list[tuple[str, int, int, uuid.UUID]]) -> None:
    engine = create_async_engine(sa.make_url(url).set(drivername="postgresql+asyncpg"))
    flows, supplies, item = Flows(LedgerWriter()), SupplyEffects(LedgerWriter()), uuid.uuid4()
    moves: list[Went] = []
    uses: list[SuppliesUsed] = []

    def lying(place: Any) -> int:
        came = sum(move.pieces for move in moves if move.receiver == place)
        return came - sum(move.pieces for move in moves if move.giver == place)

    async def tell(event: Event, at: datetime) -> None:
        async with engine.begin() as connection:
            await connection.execute(sa.text("SELECT 1"))
            recorded = Recorded(event, uuid.uuid4(), "s", 1, COMMUNITY, at)
            effects = supplies if isinstance(event, SupplyEffects.EVENTS) else flows
            await effects.apply(await driver_connection(connection), event, recorded)

    async with engine.begin() as connection:
        unit = sa.text("INSERT INTO units (id, code) VALUES (nextval('unit_ids'), :code)")
        await connection.execute(unit, {"code": goods_code(item)})
    for number, (kind, pieces, back, team) in enumerate(happened):
        known_at, posted = NOON + timedelta(minutes=number), lying("shelf")
        if kind == "withdrawn":
            if uses:
                use = uses.pop()
                of_use = use.model_dump(include={"supply_use_id", "community", "team_id", "lines"})
                await tell(SuppliesUseWithdrawn(**of_use, withdrawn_by=team, withdrawn_at=known_at), known_at)
                moves = [move for move in moves if move.record != use.supply_use_id]
            continue
        # Entered late: it happened long before what is in the ledger already.
        told = events_of(kind, item, pieces, known_at - timedelta(days=back), posted, team)
        record = record_of(told[0])
        try:
            for event in told:
                await tell(event, known_at)
        except OutOfStock:
            assert pieces > posted
            continue
        except TeamHasFewer:
            assert pieces > lying(team)
            continue
        if kind in CAME or (kind == "counted" and pieces > posted):
            moves.append(Went(None, "shelf", pieces - posted if kind == "counted" else pieces, record))
        elif kind == "counted" and pieces < posted:
            moves.append(Went("shelf", None, posted - pieces, record, Outcome.LOST))
        elif kind in GONE:
            moves.append(Went("shelf", None, pieces, record, Outcome(kind)))
        elif kind == "with_team":
            moves.append(Went("shelf", team, pieces, record, Outcome.WITH_TEAM))
        elif kind == "returned":
            moves.append(Went(team, "shelf", pieces, record))
        elif kind in OF_TEAM:
            moves.append(Went(team, None, pieces, record, Outcome(kind)))
            uses += [event for event in told if isinstance(event, SuppliesUsed)]
    async with engine.connect() as connection:
        pieces_of = (await traced(connection, COMMUNITY, [item]))[item]
    await engine.dispose()
    found: Counter[tuple[uuid.UUID, str, uuid.UUID | None]] = Counter()
    for piece in pieces_of:
        assert SOURCES[Clause(piece.source.clause)]
        fate = piece.fate
        outcome = Outcome.ON_THE_SHELF if fate is None else OUTCOMES[Clause(fate.clause)]
        found[piece.source.record_id, outcome, None if fate is None else fate.record_id] += piece.pieces
        assert (fate is not None and fate.team in TEAMS) == (
            outcome in (Outcome.WITH_TEAM, *map(Outcome, OF_TEAM))
        ) or (outcome is Outcome.LOST)
    assert found == first_in_first_out(moves)


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(happened=steps)
def test_pieces_in_are_pieces_out_and_on_the_shelf_or_with_a_team_by_source(
    database_url: str, happened: list[tuple[str, int, int, uuid.UUID]]
) -> None:
    run(_live_through(database_url, happened))
