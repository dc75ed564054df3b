"""Routes of restatements: order one, and see how far it is."""

from datetime import date, datetime, timedelta
from typing import Annotated, Any

from fastapi import Path
from pydantic import BaseModel, Field
from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.points.fields import Configured
from services.points.ledger.clauses import CUTS
from services.points.ledger.parts import PARTS, shut_gate
from services.points.ledger.schema import LIVE
from services.points.node_names import NamedPage, with_node_names
from services.points.policy.bodies import Receipt, RestatedDaysBody
from services.points.policy.consistency import require_restatable
from services.points.policy.in_force import InForce
from services.points.policy.model import RestatePolicy
from services.points.policy.receipts import Proposal
from services.points.policy.views import BOOK_ID, POLICIES
from services.points.tables import restatement_parts, restatements
from services.points.units import Unit
from shared.database import driver_connection
from shared.web import Api, Caller, NotFound, Paging, Read, Work
from shared.web.fields import ShortText

api = Api(tags=["policies 积分办法"])

_A_MOMENT = timedelta(microseconds=1)


class RestateBody(RestatedDaysBody):
    """追溯调整 Price days that are over anew, as if a published policy of the node had been in force on them."""

    reference: Annotated[
        ShortText, Field(description="决定文号 number of the decision", examples=["嘉民发〔2026〕12号"])
    ]
    receipt: Receipt = None


class OrderedOut(BaseModel):
    """A restatement that is ordered; how far it is, `GET /v1/policy-restatements/{restatement}` tells."""

    restatement: int
    restated_at: datetime


class RestatementOut(BaseModel):
    """A restatement, and how far it is posted."""

    restatement: int
    node: str
    policy_version: int
    since: date
    until: date
    reference: str
    restated_at: datetime
    tried_at: datetime | None = Field(
        description="下达前何时试算过，早先下达的为空 when it was tried before; null for what was ordered long ago"
    )
    event_id: str = Field(description="它引起的全部流水见 what it caused: `/v1/events/{event_id}/effects`")
    parts_done: int = Field(description="已完成的部分 parts of the people for whom the differences are posted")
    parts: int = Field(description="总部分数 of how many")


class RestatedUnitOut(BaseModel):
    """What a restatement has changed in one unit so far; each person's lines are summed up first."""

    unit: str
    given: int = Field(description="共补发 what those got who got more")
    people_more: int = Field(description="多得人数 how many got more")
    taken: int = Field(description="共扣回 what was taken from those who got less")
    people_less: int = Field(description="少得人数 how many got less")


class RestatementDetailOut(RestatementOut):
    """A restatement, how far it is, and what it came to so far."""

    units: list[RestatedUnitOut] = Field(description="截至目前 so far; late records can still add to it")


@api.command("/v1/policy-restatements", permission="policies.publish", status=201)
async def restate_policy(
    body: RestateBody, work: Work, caller: Caller, policies: InForce, settings: Configured
) -> OrderedOut:
    """追溯调整：按另一办法重新计算已过的日子，差额逐笔入账；先试算，再凭试算答复中的 receipt 下达。Price days anew.

    The differences are posted bit by bit. Try it first: `POST /v1/policy-restatements/dry-run` for the same days says
    who would get how much more or less, and gives the receipt that is needed here. Only prices change: rates, weights,
    evidence tiers, caps. Expiry, stars and the other rules of those days stay. What was earned stays in the ledger; a
    restatement adds to it what is missing or takes back what was too much, and cannot be undone except by another one.
    """
    caller.require(body.node)
    # Before the policies are read: what is published after them and before the commit is then met at the append.
    await work.load(POLICIES, BOOK_ID)
    book = await policies.book(work.connection)
    require_restatable(book, body.node, body.policy_version, body.since, body.until, work.now)
    proposal = Proposal.restatement(body.node, body.policy_version, body.since, body.until)
    tried = proposal.require_tried(work.vault, book, body.receipt, work.now, settings.dry_run_holds_days)
    db = await driver_connection(work.connection)
    # Nobody books from here until the commit, and only then the moment is taken: whatever is booked before it was told
    # before it, and whoever books after it knows of it.
    await shut_gate(db)
    latest = await db.fetchval(f"SELECT max(recorded_at) FROM {LIVE}.transfers WHERE recorded_at >= $1", work.now)
    noted = await db.fetchval(f"SELECT max(recorded_at) FROM {LIVE}.notes WHERE recorded_at >= $1", work.now)
    moment = max([work.now, *(known + _A_MOMENT for known in (latest, noted) if known is not None)])
    command = RestatePolicy(body.node, body.policy_version, body.since, body.until, body.reference, tried, moment)
    state = await work.execute(POLICIES, BOOK_ID, command)
    assert state.restated_at is not None
    return OrderedOut(restatement=state.restatements, restated_at=state.restated_at)


@api.query("/v1/policy-restatements", permission="policies.read")
async def list_restatements(read: Read, caller: Caller, page: Paging) -> NamedPage[RestatementOut]:
    """追溯调整清单。Restatements at the caller's node, below and above it."""
    above = [caller.node[:length] for length in (2, 4, 6, 9, 12) if length <= len(caller.node)]
    query = _restatements().where(restatements.c.node.in_(above) | restatements.c.node.startswith(caller.node))
    return await with_node_names(read, await page.fetch(read, query, [restatements.c.number], _restatement))


@api.query("/v1/policy-restatements/{restatement}", permission="policies.read")
async def get_restatement(
    restatement: Annotated[int, Path(ge=1, le=2**31 - 1)], read: Read, caller: Caller
) -> RestatementDetailOut:
    """一次追溯调整、进度，以及至今补发和扣回多少、涉及多少人。One restatement, how far it is, and what it came to."""
    found = await _one(read, restatement)
    if not found.node.startswith(caller.node) and not caller.node.startswith(found.node):
        caller.require(found.node)
    rows = await read.execute(_CAME_TO, {"event_id": found.event_id, "restated_at": found.restated_at})
    units = [RestatedUnitOut(**{**row._mapping, "unit": Unit(row.unit).name}) for row in rows]
    return RestatementDetailOut(**found.model_dump(), units=units)


# What it posted, and what daily caps took or gave back at its moment, which goes by the events of the records; found as
# `/v1/events/{event_id}/effects` finds both. What a cap takes of what was given has changed nothing.
_CAME_TO = text(
    f"""
    WITH each AS (
        SELECT unit, greatest(debit_account, credit_account) AS account,
               sum(CASE WHEN credit_account > 0 THEN amount ELSE -amount END) AS net
          FROM {LIVE}.transfers
         WHERE event_id = cast(:event_id AS uuid)
            OR recorded_at = :restated_at AND clause IN ({", ".join(str(int(clause)) for clause in sorted(CUTS))})
         GROUP BY 1, 2
    )
    SELECT unit, coalesce(sum(net) FILTER (WHERE net > 0), 0)::bigint AS given,
           count(*) FILTER (WHERE net > 0) AS people_more,
           coalesce(-sum(net) FILTER (WHERE net < 0), 0)::bigint AS taken,
           count(*) FILTER (WHERE net < 0) AS people_less
      FROM each WHERE net <> 0 GROUP BY unit ORDER BY unit
    """
)


def _restatements() -> Any:
    done = (
        select(func.count())
        .where(restatement_parts.c.number == restatements.c.number)
        .scalar_subquery()
        .label("parts_done")
    )
    return select(restatements, done)


async def _one(connection: AsyncConnection, number: int) -> RestatementOut:
    row = (await connection.execute(_restatements().where(restatements.c.number == number))).first()
    if row is None:
        raise NotFound("restatement")
    return _restatement(row)


def _restatement(row: Any) -> RestatementOut:
    return RestatementOut(
        restatement=row.number,
        node=row.node,
        policy_version=row.policy_version,
        since=row.since,
        until=row.until,
        reference=row.reference,
        restated_at=row.restated_at,
        tried_at=row.tried_at,
        event_id=str(row.event_id),
        parts_done=row.parts_done,
        parts=PARTS,
    )
