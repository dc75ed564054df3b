"""Routes of dry runs: questions, by POST because a document does not fit into an address."""

import asyncio
from collections.abc import AsyncIterator
from datetime import date, timedelta
from typing import TypeVar
from uuid import UUID

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
from services.points.dry_run.trial import Tried
from services.points.durations import months_later
from services.points.node_names import NamedPage, names_of, with_node_names
from services.points.policy.bodies import RestatedDaysBody
from services.points.policy.book import Restatement
from services.points.policy.model import PolicyNotOfNode, require_over
from services.points.tables import accounts
from shared.clock import day_start
from shared.contracts import refuse_unless
from shared.web import Api, Caller, Paging, Read

api = Api(tags=["policies 积分办法"])

_RECORDS_BETWEEN_YIELDS = 200
NO_EVENT = UUID(int=0)
"""Stands for the event of a restatement that nobody ordered."""
_EDGE = [accounts.c.community, accounts.c.holder]

Move = TypeVar("Move", StarsMove, BankMove)


@api.query("/v1/policies/dry-run", permission="policies.publish", method="POST")
async def dry_run(body: DryRunBody, read: Read, caller: Caller, trial: Tried) -> PolicyDryRunOut:
    """试算：按最近几个月的真实服务，比较新旧办法，不作任何改动。Try a document on the last months; changes nothing.

    The service of the months is priced twice, daily caps included: under the policies in force on its day, and under
    those with the document as the node's own. Records count as they stand after corrections. Stars and the time bank
    are looked at as they are today, for everyone at home below the node: thresholds, cap, and the age of spending.
    """
    caller.require(body.node)
    first_day = months_later(trial.today, -body.months) + timedelta(days=1)
    books, reads = await trial.books(body), await trial.reads()
    people = PeopleBelow(reads, TwoBooks(*books, trial.today), body.node)
    async with trial.in_turn():
        comparison = Comparison(body.node, *books)
        await _compare(reads, comparison, body.node, first_day, trial.today)
        stars, bank = StarsTally(), BankTally()
        async for served in people.stars():
            for one in served:
                stars.add(one)
            await asyncio.sleep(0)
        async for banked in people.bank():
            for other in banked:
                bank.add(other)
            await asyncio.sleep(0)
    prices = dry_run_out(body.node, first_day, trial.today, comparison, await _names(read, body.node, comparison))
    return policy_dry_run_out(prices, stars, bank)


@api.query("/v1/policies/dry-run/stars", permission="policies.publish", method="POST")
async def dry_run_of_stars(
    body: ProposedBody, read: Read, caller: Caller, page: Paging, trial: Tried
) -> NamedPage[StarsMoveOut]:
    """试算名单：谁会新达到、谁会不再达到某一星级的标准。Who would meet what another grade of stars asks for."""
    caller.require(body.node)
    after = page.after(_EDGE)
    people = await trial.people(body)
    async with trial.in_turn():
        moves = await _moves(people.stars(after), page.limit)
    return await with_node_names(read, page.cut(moves, _edge_of, stars_move_out))


@api.query("/v1/policies/dry-run/time-bank", permission="policies.publish", method="POST")
async def dry_run_of_time_bank(
    body: ProposedBody, read: Read, caller: Caller, page: Paging, trial: Tried
) -> NamedPage[TimeBankMoveOut]:
    """试算名单：谁的时间会超过上限，谁可以使用。Whose minutes would lie above the cap, and who could spend."""
    caller.require(body.node)
    after = page.after(_EDGE)
    people = await trial.people(body)
    async with trial.in_turn():
        moves = await _moves(people.bank(after), page.limit)
    return await with_node_names(read, page.cut(moves, _edge_of, time_bank_move_out))


@api.query("/v1/policy-restatements/dry-run", permission="policies.publish", method="POST")
async def dry_run_of_restatement(body: RestatedDaysBody, read: Read, caller: Caller, trial: Tried) -> DryRunOut:
    """试算追溯调整：这些日子谁会多、谁会少，不作任何改动。Who would get how much more or less; changes nothing.

    The service of the days is priced twice: as it is known now, earlier restatements included, and with this one.
    """
    caller.require(body.node)
    book = await trial.book()
    refuse_unless(
        book.is_of_node(body.policy_version, body.node), PolicyNotOfNode(node=body.node, version=body.policy_version)
    )
    require_over(body.since, body.until, trial.now)
    number = 1 + max((known.number for known in book.restatements), default=0)
    proposed = Restatement(number, body.node, body.policy_version, body.since, body.until, NO_EVENT, trial.now)
    comparison = Comparison(body.node, book, book.with_restated(proposed))
    async with trial.in_turn():
        await _compare(await trial.reads(), comparison, body.node, body.since, body.until)
    names = await _names(read, body.node, comparison)
    return dry_run_out(body.node, body.since, body.until, comparison, names)


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
