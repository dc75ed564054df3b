"""Routes of dry runs: questions, by POST because a document does not fit into an address."""

import asyncio
from datetime import date, timedelta
from typing import Annotated, Any, ClassVar
from uuid import UUID

from fastapi import Depends, Request
from pydantic import Field

from services.points.dry_run.answers import DryRunOut, dry_run_out
from services.points.dry_run.comparison import Comparison
from services.points.dry_run.reading import RecordsBelow
from services.points.durations import months_later
from services.points.fields import Clocked, Configured
from services.points.ledger.writing import Connection
from services.points.policy.bodies import RestatedDaysBody
from services.points.policy.book import Restatement
from services.points.policy.document import read_document
from services.points.policy.in_force import InForce
from services.points.policy.model import PolicyNotOfNode, require_over
from services.points.settings import PointsSettings
from shared.clock import day_start, local_day
from shared.contracts import NodeCode, Refusal, refuse_if, refuse_unless
from shared.database import driver_connection
from shared.web import Api, Caller, Read
from shared.web.fields import Body

api = Api(tags=["policies 积分办法"])

_RECORDS_BETWEEN_YIELDS = 200
NO_EVENT = UUID(int=0)
"""Stands for the event of a restatement that nobody ordered."""


class DryRunUnderWay(Refusal):
    """This process is at one already; a second would slow both, and everyone else."""

    code: ClassVar[str] = "dry_run_under_way"


class DryRunBody(Body):
    """试算 What would this document have changed, if it had been the node's policy for these months?"""

    node: NodeCode
    document: Annotated[
        dict[str, Any],
        Field(
            description="与发布时相同 as for publishing",
            examples=[
                {"title": {"zh": "嘉峪关市积分办法", "en": "Points in Jiayuguan"}, "caps_per_day": {"POINT": 80}}
            ],
        ),
    ]
    months: Annotated[int, Field(ge=1, le=24, description="最近几个月 how many of the last months")] = 3


async def _turn(request: Request) -> asyncio.Lock:
    state = request.app.state
    if not hasattr(state, "dry_run_turn"):
        state.dry_run_turn = asyncio.Lock()
    turn: asyncio.Lock = state.dry_run_turn
    return turn


@api.query("/v1/policies/dry-run", permission="policies.publish", method="POST")
async def dry_run(
    body: DryRunBody,
    read: Read,
    caller: Caller,
    policies: InForce,
    settings: Configured,
    turn: Annotated[asyncio.Lock, Depends(_turn)],
    clock: Clocked,
) -> DryRunOut:
    """试算：按最近几个月的真实服务，比较新旧办法，不作任何改动。Try a document on the last months; changes nothing.

    The service of the months is priced twice, daily caps included: under the policies in force on its day, and under
    those with the document as the node's own. Records count as they stand after corrections.
    """
    caller.require(body.node)
    document = read_document(body.document, complete=False)
    today = local_day(clock())
    first_day = months_later(today, -body.months) + timedelta(days=1)
    book = await policies.book(read)
    comparison = Comparison(body.node, book, book.with_proposed(body.node, document))
    return await _compare(await driver_connection(read), comparison, body.node, (first_day, today), settings, turn)


@api.query("/v1/policy-restatements/dry-run", permission="policies.publish", method="POST")
async def dry_run_of_restatement(
    body: RestatedDaysBody,
    read: Read,
    caller: Caller,
    policies: InForce,
    settings: Configured,
    turn: Annotated[asyncio.Lock, Depends(_turn)],
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
    days = (body.since, body.until)
    return await _compare(await driver_connection(read), comparison, body.node, days, settings, turn)


async def _compare(
    db: Connection,
    comparison: Comparison,
    node: str,
    days: tuple[date, date],
    settings: PointsSettings,
    turn: asyncio.Lock,
) -> DryRunOut:
    """Value the service of some days below a node. Raises `DryRunTooMuch`, and `DryRunUnderWay` where one is at it."""
    first_day, last_day = days
    records = RecordsBelow(
        db,
        node,
        day_start(first_day),
        day_start(last_day + timedelta(days=1)),
        records_max=settings.dry_run_records_max,
        seconds_max=settings.dry_run_seconds_max,
    )
    refuse_if(turn.locked(), DryRunUnderWay)
    async with turn:
        since_yield = 0
        async for person, of_person in records.by_person():
            comparison.add(person, of_person)
            since_yield += len(of_person)
            if since_yield >= _RECORDS_BETWEEN_YIELDS:
                since_yield = 0
                await asyncio.sleep(0)  # others are served by the same process
    return dry_run_out(node, first_day, last_day, comparison)
