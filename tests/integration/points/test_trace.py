"""Every piece has one source and one fate: whatever comes and goes, nothing is lost or doubled."""

import uuid
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from services.points.ledger import holders
from services.points.ledger.writing import LedgerWriter
from services.points.market.flows import Flows, OutOfStock
from services.points.market.tracing import OUTCOMES, SOURCES, Outcome, shelves, trace
from services.points.units import goods_code
from shared.contracts import Event
from shared.contracts.love_market import AidGranted, AidHandedOver, GoodsDonated, GoodsLine, GoodsSold, StockCounted
from shared.contracts.points import StockReceived
from shared.database import driver_connection
from shared.eventstore import Recorded
from tests.conftest import COMMUNITY
from tests.integration.points.ledger_database import migrate, run

NOON = datetime(2026, 3, 1, 4, tzinfo=UTC)
KINDS = ("donated", "opening_stock", "sold", "given_in_aid", "counted")
steps = st.lists(st.tuples(st.sampled_from(KINDS), st.integers(1, 6), st.integers(0, 50)), max_size=14)


@pytest.fixture(scope="module")
def database_url(stack: Any) -> str:
    url: str = stack.create_database(f"t{uuid.uuid4().hex[:12]}")
    run(migrate(url))
    return url


def events_of(kind: str, item: uuid.UUID, pieces: int, at: datetime, posted: int) -> list[Event]:
    lines, record = (GoodsLine(item_id=item, quantity=pieces),), uuid.uuid4()
    common: dict[str, Any] = {"community": COMMUNITY}
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
        case _:
            counted = {"count_id": record, "counted": pieces, "expected": posted, "difference": pieces - posted}
            return [StockCounted(item_id=item, **counted, reason="miscounted", counted_at=at, **common)]


def first_in_first_out(moves: list[tuple[str, uuid.UUID | None, int]]) -> Counter[tuple[uuid.UUID, str]]:
    """The plain way to attribute: a queue of pieces. Inflows are (source, record, n), outflows (outcome, None, n)."""
    queue = [record for _, record, n in moves if record is not None for _ in range(n)]
    fates = [outcome for outcome, record, n in moves if record is None for _ in range(n)]
    fates += [Outcome.ON_THE_SHELF] * (len(queue) - len(fates))
    return Counter((record, fate) for record, fate in zip(queue, fates, strict=True) if record is not None)


async def _live_through(url: str, happened: list[tuple[str, int, int]]) -> None:
    engine = create_async_engine(sa.make_url(url).set(drivername="postgresql+asyncpg"), poolclass=NullPool)
    flows, item = Flows(LedgerWriter()), uuid.uuid4()
    moves: list[tuple[str, uuid.UUID | None, int]] = []
    posted = 0

    async def tell(event: Event, at: datetime) -> None:
        async with engine.begin() as connection:
            await connection.execute(sa.text("SELECT 1"))
            recorded = Recorded(event, uuid.uuid4(), "s", 1, COMMUNITY, at)
            await flows.apply(await driver_connection(connection), event, recorded)

    async with engine.begin() as connection:
        unit = sa.text("INSERT INTO units (id, code) VALUES (nextval('unit_ids'), :code)")
        await connection.execute(unit, {"code": goods_code(item)})
    for number, (kind, pieces, back) in enumerate(happened):
        known_at = NOON + timedelta(minutes=number)
        # Entered late: it happened long before what is in the ledger already.
        told = events_of(kind, item, pieces, known_at - timedelta(days=back), posted)
        try:
            for event in told:
                await tell(event, known_at)
        except OutOfStock:
            assert pieces > posted
            continue
        difference = {"counted": pieces - posted, "sold": -pieces, "given_in_aid": -pieces}.get(kind, pieces)
        posted += difference
        if difference > 0:
            record = next(value for name, value in told[0] if name in ("donation_id", "receipt_id", "count_id"))
            moves.append((kind, record, difference))
        elif difference < 0:
            outcome = Outcome.LOST if kind == "counted" else Outcome(kind)
            moves.append((outcome, None, -difference))
    async with engine.connect() as connection:
        pieces_of = trace(list((await shelves(connection, [holders.stock(item)])).values()))
        rows = (await connection.execute(sa.select(pieces_of))).all()
    await engine.dispose()
    traced: Counter[tuple[uuid.UUID, str]] = Counter()
    for row in rows:
        assert SOURCES[row.source_clause]
        outcome = Outcome.ON_THE_SHELF if row.outcome_clause is None else OUTCOMES[row.outcome_clause]
        traced[(row.source_record, outcome)] += row.pieces
    assert traced == first_in_first_out(moves)
    on_the_shelf = sum(n for (_, outcome), n in traced.items() if outcome is Outcome.ON_THE_SHELF)
    assert on_the_shelf == posted


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(happened=steps)
def test_pieces_in_are_pieces_out_and_on_the_shelf_by_source(
    database_url: str, happened: list[tuple[str, int, int]]
) -> None:
    run(_live_through(database_url, happened))
