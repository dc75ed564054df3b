"""Routes of dry runs: questions, by POST because a document does not fit into an address."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date, timedelta
from typing import Annotated, ClassVar, TypeVar
from uuid import UUID

from fastapi import Depends, Request
from sqlalchemy.ext.asyncio import AsyncConnection

from services.points.dry_run.answers import (
    DryRunOut,
    PolicyDryRunOut,
    StarsMoveOut,
    TimeBankMoveOut,
    dry_run_out,
    policy_dry_run_out,
    stars_move_out,
    time_bank_move_out,
)
from services.points.dry_run.bodies import DryRunBody, ProposedBody
from services.points.dry_run.bounded import BoundedReads
from services.points.dry_run.comparison import Comparison
from services.points.dry_run.people import Edge, PeopleBelow
from services.points.dry_run.reading import RecordsBelow
from services.points.dry_run.standing import BankMove, BankTally, StarsMove, StarsTally, TwoBooks
from services.points.durations import months_later
from services.points.fields import Clocked, Configured
from services.points.node_names import NamedPage, names_of, with_node_names
from services.points.policy.bodies import RestatedDaysBody
from services.points.policy.book import PolicyBook, Restatement
from services.points.policy.document import read_document
from services.points.policy.in_force import InForce, PoliciesInForce
from services.points.policy.model import PolicyNotOfNode, require_over
from services.points.settings import PointsSettings
from services.points.tables import accounts
from shared.clock import Clock, day_start, local_day
from shared.contracts import Refusal, refuse_if, refuse_unless
from shared.database import driver_connection
from shared.web import Api, Caller, Paging, Read

api = Api(tags=["policies 积分办法"])

_RECORDS_BETWEEN_YIELDS = 200
NO_EVENT = UUID(int=0)
"""Stands for the event of a restatement that nobody ordered."""
_EDGE = [accounts.c.community, accounts.c.holder]

Move = TypeVar("Move", StarsMove, BankMove)


class DryRunUnderWay(Refusal):
    """This process is at one already; a second would slow both, and everyone else."""

    code: ClassVar[str] = "dry_run_under_way"


async def _turn(request: Request) -> asyncio.Lock:
    state = request.app.state
    if not hasattr(state, "dry_run_turn"):
        state.dry_run_turn = asyncio.Lock()
    turn: asyncio.Lock = state.dry_run_turn
    return turn


Turn = Annotated[asyncio.Lock, Depends(_turn)]


@api.query("/v1/policies/dry-run", permission="policies.publish", method="POST")
async def dry_run(
    body: DryRunBody, read: Read, caller: Caller, policies: InForce, settings: Configured, turn: Turn, clock: Clocked
) -> PolicyDryRunOut:
    """试算：按最近几个月的真实服务，比较新旧办法，不作任何改动。Try a document on the last months; changes nothing.

    The service of the months is priced twice, daily caps included: under the policies in force on its day, and under
    those with the document as the node's own. Records count as they stand after corrections. Stars and the time bank
    are looked at as they are today, for everyone at home below the node: thresholds, cap, and the age of spending.
    """
    caller.require(body.node)
    today = local_day(clock())
    first_day = months_later(today, -body.months) + timedelta(days=1)
    book, proposed = await _books(read, policies, body)
    reads = await _reads(read, settings)
    people = PeopleBelow(reads, TwoBooks(book, proposed, today), body.node)
    async with _in_turn(turn):
        comparison = Comparison(body.node, book, proposed)
        await _compare(reads, comparison, body.node, first_day, today)
        stars, bank = StarsTally(), BankTally()
        async for served in people.stars():
            for one in served:
                stars.add(one)
            await asyncio.sleep(0)
        async for banked in people.bank():
            for other in banked:
                bank.add(other)
            await asyncio.sleep(0)
    prices = dry_run_out(body.node, first_day, today, comparison, await _names(read, body.node, comparison))
    return policy_dry_run_out(prices, stars, bank)


@api.query("/v1/policies/dry-run/stars", permission="policies.publish", method="POST")
async def dry_run_of_stars(
    body: ProposedBody,
    read: Read,
    caller: Caller,
    page: Paging,
    policies: InForce,
    settings: Configured,
    turn: Turn,
    clock: Clocked,
) -> NamedPage[StarsMoveOut]:
    """试算名单：谁会新达到、谁会不再达到某一星级的标准。Who would meet what another grade of stars asks for."""
    caller.require(body.node)
    after = page.after(_EDGE)
    people = await _people(read, policies, settings, body, clock)
    async with _in_turn(turn):
        moves = await _moves(people.stars(after), page.limit)
    return await with_node_names(read, page.cut(moves, _edge_of, stars_move_out))


@api.query("/v1/policies/dry-run/time-bank", permission="policies.publish", method="POST")
async def dry_run_of_time_bank(
    body: ProposedBody,
    read: Read,
    caller: Caller,
    page: Paging,
    policies: InForce,
    settings: Configured,
    turn: Turn,
    clock: Clocked,
) -> NamedPage[TimeBankMoveOut]:
    """试算名单：谁的时间会超过上限，谁可以使用。Whose minutes would lie above the cap, and who could spend."""
    caller.require(body.node)
    after = page.after(_EDGE)
    people = await _people(read, policies, settings, body, clock)
    async with _in_turn(turn):
        moves = await _moves(people.bank(after), page.limit)
    return await with_node_names(read, page.cut(moves, _edge_of, time_bank_move_out))


@api.query("/v1/policy-restatements/dry-run", permission="policies.publish", method="POST")
async def dry_run_of_restatement(
    body: RestatedDaysBody,
    read: Read,
    caller: Caller,
    policies: InForce,
    settings: Configured,
    turn: Turn,
    clock: Clocked,
) -> DryRunOut:
    """试算追溯调整：这些日子谁会多、谁会少，不作任何改动。Who would get how much more or less; changes nothing.

    The service of the days is priced twice: as it is known now, earlier restatements included, and with this one.
    """
    caller.require(body.node)
    now = clock()
    book = await policies.book(read)
    refuse_unless(
        book.is_of_node(body.policy_version, body.node), PolicyNotOfNode(node=body.node, version=body.policy_version)
    )
    require_over(body.since, body.until, now)
    number = 1 + max((known.number for known in book.restatements), default=0)
    proposed = Restatement(number, body.node, body.policy_version, body.since, body.until, NO_EVENT, now)
    comparison = Comparison(body.node, book, book.with_restated(proposed))
    async with _in_turn(turn):
        await _compare(await _reads(read, settings), comparison, body.node, body.since, body.until)
    names = await _names(read, body.node, comparison)
    return dry_run_out(body.node, body.since, body.until, comparison, names)


async def _books(read: AsyncConnection, policies: PoliciesInForce, body: ProposedBody) -> tuple[PolicyBook, PolicyBook]:
    document = read_document(body.document, complete=False)
    book = await policies.book(read)
    return book, book.with_proposed(body.node, document)


async def _reads(read: AsyncConnection, settings: PointsSettings) -> BoundedReads:
    db = await driver_connection(read)
    return BoundedReads(db, records_max=settings.dry_run_records_max, seconds_max=settings.dry_run_seconds_max)


async def _people(
    read: AsyncConnection, policies: PoliciesInForce, settings: PointsSettings, body: ProposedBody, clock: Clock
) -> PeopleBelow:
    books = TwoBooks(*await _books(read, policies, body), local_day(clock()))
    return PeopleBelow(await _reads(read, settings), books, body.node)


@asynccontextmanager
async def _in_turn(turn: asyncio.Lock) -> AsyncIterator[None]:
    """Raises `DryRunUnderWay` where one is at it."""
    refuse_if(turn.locked(), DryRunUnderWay)
    async with turn:
        yield


async def _compare(reads: BoundedReads, comparison: Comparison, node: str, first_day: date, last_day: date) -> None:
    """Value the service of some days below a node. Raises `DryRunTooMuch`."""
    records = RecordsBelow(reads, node, day_start(first_day), day_start(last_day + timedelta(days=1)))
    since_yield = 0
    async for person, of_person in records.by_person():
        comparison.add(person, of_person)
        since_yield += len(of_person)
        if since_yield >= _RECORDS_BETWEEN_YIELDS:
            since_yield = 0
            await asyncio.sleep(0)  # others are served by the same process


async def _names(read: AsyncConnection, node: str, comparison: Comparison) -> dict[str, str]:
    return await names_of(read, [node, *(community for community in comparison.by_community if community is not None)])


async def _moves(moves: AsyncIterator[list[Move]], limit: int) -> list[Move]:
    """Those that change anything, until there is one more than fits on a page."""
    found = list[Move]()
    async for some in moves:
        found += [move for move in some if move.changes]
        if len(found) > limit:
            break
        await asyncio.sleep(0)
    return found


def _edge_of(move: StarsMove | BankMove) -> Edge:
    return move.who.community, str(move.who.volunteer_id)
