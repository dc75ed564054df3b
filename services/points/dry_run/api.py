"""Routes of dry runs: questions, by POST because a document does not fit into an address."""

import asyncio
from collections.abc import AsyncIterator
from datetime import date, timedelta
from typing import TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from services.points.dry_run.answers import (
    PolicyDryRunOut,
    RestatementDryRunOut,
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
from services.points.dry_run.market import market_tally
from services.points.dry_run.people import Edge, PeopleBelow
from services.points.dry_run.reading import RecordsBelow
from services.points.dry_run.standing import BankMove, BankTally, StarsMove, StarsTally, TwoBooks
from services.points.dry_run.trial import OneTrial
from services.points.durations import months_later
from services.points.node_names import NamedPage, names_of, with_node_names
from services.points.policy.bodies import RestatedDaysBody
from services.points.policy.consistency import require_consistent, require_restatable
from services.points.policy.document import read_document
from services.points.policy.model import earliest_day, require_ahead
from services.points.policy.receipts import Proposal
from services.points.tables import accounts
from shared.clock import day_start
from shared.web import Api, Caller, Paging, Read

api = Api(tags=["policies 积分办法"])

_RECORDS_BETWEEN_YIELDS = 200
_EDGE = [accounts.c.community, accounts.c.holder]

Move = TypeVar("Move", StarsMove, BankMove)


@api.query("/v1/policies/dry-run", permission="policies.publish", method="POST")
async def dry_run(body: DryRunBody, read: Read, caller: Caller, trial: OneTrial) -> PolicyDryRunOut:
    """试算：按最近几个月的真实服务，比较新旧办法，不作任何改动。Try a document on the last months; changes nothing.

    The service of the months is priced twice, daily caps included: under the policies in force on its day, and under
    those with the document as the node's own. Records count as they stand after corrections. Stars and the time bank
    are looked at as they are today, for everyone at home below the node: thresholds, cap, and the age of spending. The
    rules of the market are held against what was redeemed in the months. `not_tried` is what else the document says.
    Publishing the document asks for the receipt of this answer.
    """
    caller.require(body.node)
    in_force_from = body.in_force_from or earliest_day(trial.now)
    require_ahead(in_force_from, trial.now)
    first_day = months_later(trial.today, -body.months) + timedelta(days=1)
    books, reads = await trial.books(body), await trial.reads()
    require_consistent(books[0], body.node, in_force_from, read_document(body.document, complete=False))
    two_books = TwoBooks(*books, trial.today)
    people = PeopleBelow(reads, two_books, body.node)
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
        market = await market_tally(reads, two_books, body.node, day_start(first_day))
    prices = dry_run_out(body.node, first_day, trial.today, comparison, await _names(read, body.node, comparison))
    receipt = trial.receipt(Proposal.policy(body.node, in_force_from, body.document), books[0], body.months)
    return policy_dry_run_out(prices, in_force_from, stars, bank, market, trial.not_tried(body), receipt)


@api.query("/v1/policies/dry-run/stars", permission="policies.publish", method="POST")
async def dry_run_of_stars(
    body: ProposedBody, read: Read, caller: Caller, page: Paging, trial: OneTrial
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
    body: ProposedBody, read: Read, caller: Caller, page: Paging, trial: OneTrial
) -> NamedPage[TimeBankMoveOut]:
    """试算名单：谁的时间会超过上限，谁可以使用。Whose minutes would lie above the cap, and who could spend."""
    caller.require(body.node)
    after = page.after(_EDGE)
    people = await trial.people(body)
    async with trial.in_turn():
        moves = await _moves(people.bank(after), page.limit)
    return await with_node_names(read, page.cut(moves, _edge_of, time_bank_move_out))


@api.query("/v1/policy-restatements/dry-run", permission="policies.publish", method="POST")
async def dry_run_of_restatement(
    body: RestatedDaysBody, read: Read, caller: Caller, trial: OneTrial
) -> RestatementDryRunOut:
    """试算追溯调整：这些日子谁会多、谁会少，不作任何改动。Who would get how much more or less; changes nothing.

    The service of the days is priced twice: as it is known now, earlier restatements included, and with this one.
    Ordering it asks for the receipt of this answer.
    """
    caller.require(body.node)
    book = await trial.book()
    days = body.node, body.policy_version, body.since, body.until
    comparison = Comparison(body.node, book, require_restatable(book, *days, trial.now))
    async with trial.in_turn():
        await _compare(await trial.reads(), comparison, body.node, body.since, body.until)
    names = await _names(read, body.node, comparison)
    prices = dry_run_out(body.node, body.since, body.until, comparison, names)
    return RestatementDryRunOut(**dict(prices), **dict(trial.receipt(Proposal.restatement(*days), book)))


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
