"""A volunteer who moves is looked after where they live; what they earned before is settled between the communities."""

import asyncio
import itertools
import uuid
from contextlib import AsyncExitStack
from datetime import date, timedelta
from typing import Any

import asyncpg
import pytest

from services.points.accounts import members
from services.points.ledger.schema import LIVE
from services.points.ledger.writing import AccountKey, LedgerWriter
from services.points.proof.rebuild import rebuild
from services.points.proof.verify import verify
from services.points.seals.lines import day_lines
from services.points.units import Unit
from shared.clock import local_day
from shared.contracts import Event
from shared.contracts.envelope import Envelope
from shared.contracts.registry import ActivityCategory, PersonForgotten, VolunteerMoved
from shared.database import driver_connection
from shared.deliveries import Delivery
from tests.conftest import COMMUNITY, FOREIGN, until
from tests.integration.points.ledger_database import NOW, migrate
from tests.integration.points.producing import attendance, completed
from tests.integration.points.serving import registration
from tests.integration.points.test_from_events_to_goods import has_balance
from tests.integration.points.time_bank_scene import Bank, made, order_of, refused
from tests.moments import morning

ANNA = uuid.UUID("01980000-0000-7000-8000-000000000001")
THIRD = "620201001006"


def move(person: uuid.UUID, community: str = FOREIGN, left: str = COMMUNITY) -> VolunteerMoved:
    return VolunteerMoved(volunteer_id=person, community=community, from_community=left, moved_on=date(2026, 3, 1))


STREAM: list[Event] = [
    registration(ANNA, NOW),
    move(ANNA),
    move(ANNA, THIRD, FOREIGN),
    PersonForgotten(volunteer_id=ANNA, community=THIRD),
]
TOLD = [
    Delivery(event, Envelope(uuid.uuid4(), "", "", "", NOW, COMMUNITY, number))
    for number, event in enumerate(STREAM, 1)
]


@pytest.fixture
async def connect(stack: Any) -> Any:
    """Connections to the tables of the ledger, empty."""
    url = stack.create_database(f"t{uuid.uuid4().hex[:12]}")
    await migrate(url)
    async with AsyncExitStack() as opened:

        async def another() -> Any:
            db = await asyncpg.connect(url)
            opened.push_async_callback(db.close)
            return db

        yield another


async def test_home_is_the_same_in_whatever_order_it_is_told(connect: Any) -> None:
    """Twice or once, in one batch or one by one, and of somebody who is forgotten, too."""
    db = await connect()
    for order, size in itertools.product(itertools.permutations([*TOLD, TOLD[1]]), (1, 2, 5)):
        await db.execute(f"DELETE FROM {LIVE}.members")
        for batch in (order[n : n + size] for n in range(0, len(order), size)):
            await members.note(db, LIVE, batch)
        assert tuple(await db.fetchrow(f"SELECT community, registered_in FROM {LIVE}.members")) == (THIRD, COMMUNITY)


async def test_an_account_that_is_opened_while_its_holder_moves_is_brought_home(connect: Any) -> None:
    opening, moving = await connect(), await connect()
    await members.note(opening, LIVE, TOLD[:1])
    async with opening.transaction():
        await LedgerWriter().accounts(opening, [AccountKey(str(ANNA), Unit.POINT)], COMMUNITY)
        moved = asyncio.create_task(members.note(moving, LIVE, TOLD[1:2]))

        async def waits() -> bool:
            return bool(await opening.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"))

        await until(waits)
    await moved
    assert await moving.fetchval(f"SELECT community FROM {LIVE}.accounts") == FOREIGN


async def moves(bank: Bank, person: str) -> None:
    """The registry tells of a move, and the service has heard of it."""
    await bank.producing.tell([(uuid.uuid4(), move(uuid.UUID(person)))])

    async def heard() -> bool:
        query = "SELECT community FROM ledger.members WHERE volunteer_id = :person"
        return bool(await bank.running.value(query, person=uuid.UUID(person)) == FOREIGN)

    await until(heard)


async def sealed(bank: Bank) -> Any:
    """What seals would say of these days."""
    today = local_day(bank.clock())
    async with bank.running.service.database.reading() as connection:
        db = await driver_connection(connection)
        return await day_lines(db, today - timedelta(days=3), today + timedelta(days=3))


async def books(bank: Bank) -> set[int]:
    """The sum of each community's own book of minutes: its places, and whoever was registered there."""
    rows = await bank.running.rows(
        "SELECT sum(a.credits - a.debits) FROM ledger.accounts AS a"
        " LEFT JOIN ledger.members AS m ON m.volunteer_id::text = a.holder"
        " WHERE a.unit = 2 GROUP BY coalesce(m.registered_in, a.community)"
    )
    return {int(row[0]) for row in rows}


async def sees(client: Any, path: str) -> bool:
    answer = await client.get(path)
    assert answer.status_code in (200, 403), answer.text
    return bool(answer.status_code == 200)


async def in_list(client: Any, path: str, person: str) -> bool:
    answer = await client.get(path)
    assert answer.status_code == 200, answer.text
    return any(person in (one.get("holder"), one.get("volunteer_id")) for one in answer.json()["items"])


async def test_who_moved_is_looked_after_at_home(bank: Bank) -> None:
    (anna,) = await bank.people(400)
    here, there, me = bank.clerk(), bank.clerk(FOREIGN), bank.volunteer(anna)
    today = local_day(bank.clock())
    board = f"/v1/leaderboards?community={{}}&since={today - timedelta(days=30)}&until={today}"
    account = f"/v1/accounts/{anna}/MINUTE"
    for office, other in ((here, there), (there, here)):
        for path in (account, f"{account}/statement", f"{account}/explanation", f"/v1/stars/{anna}"):
            assert (await sees(office, path), await sees(other, path)) == (True, False), path
            assert await sees(me, path), path
        assert (await in_list(office, "/v1/accounts", anna), await in_list(other, "/v1/accounts", anna)) == (
            True,
            False,
        )
        place = COMMUNITY if office is here else FOREIGN
        assert await in_list(office, board.format(place), anna)
        assert not await in_list(other, board.format(FOREIGN if office is here else COMMUNITY), anna)
        if office is here:
            await moves(bank, anna)
    item = (await made(there, "/v1/items", {"community": FOREIGN, "name": "毛巾", "price_points": 10}))["id"]
    await made(there, f"/v1/items/{item}/receipts", {"quantity": 3})
    redemption = await made(there, "/v1/redemptions", {"volunteer_id": anna, "item_id": item})
    assert await sees(me, f"/v1/redemptions/{redemption['id']}")
    await made(there, f"/v1/redemptions/{redemption['id']}/collection", {"identified_by": "card"})
    at_home = await bank.running.rows("SELECT DISTINCT community FROM ledger.accounts WHERE holder = :anna", anna=anna)
    assert [row[0] for row in at_home] == [FOREIGN]
    elsewhere = (await made(here, "/v1/items", {"community": COMMUNITY, "name": "毛巾", "price_points": 10}))["id"]
    await refused(here, "/v1/redemptions", "outside_your_node", {"volunteer_id": anna, "item_id": elsewhere})
    await made(there, "/v1/households", {"community": FOREIGN, "name": "合成户主", "members": [anna]})
    assert await verify(bank.running.service) == 0
    assert await rebuild(bank.running.service) == 0


@pytest.mark.parametrize("before", [True, False])
async def test_minutes_earned_before_a_move_and_spent_after_it_are_owed_by_where_they_were_earned(
    bank: Bank, before: bool
) -> None:
    """Whoever is served before the move and whoever is served after it see one book: that of the registration."""
    anna, sister = await bank.people(400, 10)
    (neighbour,) = await bank.people(0, community=FOREIGN)
    her, person = await bank.beneficiary(sister), await bank.beneficiary(anna)
    tie, hers = await bank.kin(sister, person), await bank.kin(anna, her)
    await made(
        bank.clerk(), "/v1/minutes/gifts", {"giver_id": anna, "beneficiary_id": her, "minutes": 50, "agreed": True}
    )
    lines = await sealed(bank)
    if before:
        await moves(bank, anna)
        assert await sealed(bank) == lines
    office = FOREIGN if before else COMMUNITY
    assert (await sees(bank.clerk(office), f"/v1/kin/{tie}"), await sees(bank.clerk(office), f"/v1/kin/{hers}")) == (
        True,
        not before,
    )
    for room, mine in (("kin", tie), ("beneficiaries", person)):
        found = (await bank.clerk(office).get(f"/v1/{room}?community={office}")).json()["items"]
        assert mine in [one["id"] for one in found]
    clerk, colleague = bank.clerk(office), bank.colleague(office)
    order = (await made(clerk, "/v1/time-orders", order_of(person)))["id"]
    await bank.served(order, neighbour, 60, office)
    await made(colleague, f"/v1/time-orders/{order}/confirmation")
    assert await bank.minutes(neighbour) == (60, 0)
    assert await bank.minutes(f"clearing:{COMMUNITY}") == (60, 0)
    assert await bank.minutes(f"clearing:{FOREIGN}") == (-60, 0)
    if not before:
        return
    given = await made(clerk, "/v1/minutes/donations", {"volunteer_id": anna, "minutes": 40, "agreed": True})
    assert given["community"] == FOREIGN
    assert await bank.minutes(f"pool:{FOREIGN}") == (40, 0)
    assert await bank.minutes(f"clearing:{COMMUNITY}") == (100, 0)
    # Taken back, donate-only minutes leave neither community with more than it had.
    one = attendance(uuid.UUID(anna), 30, morning(2))
    await bank.producing.tell([completed([one], category=ActivityCategory.CULTURE)])
    await has_balance(bank.running, uuid.UUID(anna), 30, "DONATION_MINUTE")
    more = {"volunteer_id": anna, "minutes": 5, "donation_minutes": 30, "agreed": True}
    wrong = await made(clerk, "/v1/minutes/donations", more)
    await made(clerk, f"/v1/minutes/donations/{wrong['id']}/reversal", {"reason": "entered_twice"})
    assert await bank.minutes(anna, "DONATION_MINUTE") == (30, 0)
    assert await bank.minutes(f"pool:{FOREIGN}") == (40, 0)
    assert await bank.minutes(f"clearing:{COMMUNITY}") == (100, 0)
    assert await bank.minutes(f"clearing:{FOREIGN}") == (-100, 0)
    death = {"volunteer_id": anna, "died_on": local_day(bank.clock()).isoformat(), "heirs": []}
    await refused(bank.clerk(), "/v1/deaths", "outside_your_node", death)
    recorded = await made(clerk, "/v1/deaths", death)
    await made(colleague, f"/v1/deaths/{recorded['id']}/confirmation")
    assert await bank.minutes(anna) == (0, 0)
    assert await books(bank) == {0}
    assert await bank.sums() == {0}
    assert await verify(bank.running.service) == 0
    assert await rebuild(bank.running.service) == 0
