"""The smallest service there can be: counters that count up, and a listener that reacts to them. For kernel tests."""

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated
from uuid import UUID

import sqlalchemy as sa
from fastapi import Response
from pydantic import BaseModel, Field

from shared.aggregate import Aggregate
from shared.contracts import Event, Refusal, refuse_if
from shared.contracts.common import CommunityCode
from shared.database import service_metadata
from shared.reactions import Reactions
from shared.repairs import Repairs
from shared.service import Service, lay
from shared.settings import Settings
from shared.timers import Timers
from shared.views import Views
from shared.web import Api, Caller, NotFound, Page, Paging, Read, Work, etag
from shared.web.fields import Body

FOLDER = Path(__file__).parent

REFUSED: int | None = 666
"""The amount that this program does not take."""


class Counted(Event, context="counting"):
    counter_id: UUID
    community: str
    amount: int
    marks: list[int] | None = None


class CounterFull(Refusal):
    code = "counter_full"


@dataclass(frozen=True, slots=True)
class Counter:
    community: str = ""
    value: int = 0


@dataclass(frozen=True, slots=True)
class Count:
    counter_id: UUID
    community: str
    amount: int
    marks: list[int] | None = None


def decide(counter: Counter, command: Count) -> list[Event]:
    refuse_if(counter.value + command.amount > 1000, CounterFull(limit=1000))
    return [Counted(**asdict(command))]


def evolve(counter: Counter, event: Event) -> Counter:
    assert isinstance(event, Counted)
    return replace(counter, community=event.community, value=counter.value + event.amount)


COUNTERS = Aggregate("counter", Counter(), decide, evolve)

metadata = service_metadata()
counters = sa.Table(
    "counters",
    metadata,
    sa.Column("counter_id", sa.Uuid, primary_key=True),
    sa.Column("community", sa.Text, nullable=False),
    sa.Column("value", sa.Integer, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
)
views = Views([counters])

_OPEN = sa.text("INSERT INTO counters VALUES (:id, :community, :amount, :version)")
_ADD = sa.text("UPDATE counters SET value = value + :amount, version = :version WHERE counter_id = :id")


@views.on(Counted)
async def count(connection, event, recorded) -> None:
    # Two statements as most services have them, so that two first events at once meet in the table.
    written = _OPEN if recorded.version == 1 else _ADD
    await connection.execute(
        written,
        {
            "id": event.counter_id,
            "community": event.community,
            "amount": event.amount,
            "version": recorded.version,
        },
    )


class CountBody(Body):
    community: CommunityCode
    amount: Annotated[int, Field(ge=1, le=1000)] = 1


class CounterOut(BaseModel):
    counter_id: UUID
    value: int


api = Api(tags=["counters"])


@api.command("/v1/counters/{counter_id}", permission="cases.file", status=201)
async def post_count(counter_id: UUID, body: CountBody, work: Work, caller: Caller) -> CounterOut:
    caller.require(body.community)
    state = await work.execute(COUNTERS, counter_id, Count(counter_id, body.community, body.amount))
    return CounterOut(counter_id=counter_id, value=state.value)


@api.query("/v1/counters", permission="cases.read")
async def list_counters(read: Read, caller: Caller, page: Paging) -> Page[CounterOut]:
    query = sa.select(counters).where(counters.c.community.startswith(caller.node))
    order = [counters.c.value, counters.c.counter_id]
    return await page.fetch(read, query, order, lambda row: CounterOut(counter_id=row.counter_id, value=row.value))


@api.query("/v1/counters/{counter_id}", permission="cases.read")
async def get_counter(counter_id: UUID, read: Read, caller: Caller, response: Response) -> CounterOut:
    row = (await read.execute(sa.select(counters).where(counters.c.counter_id == counter_id))).first()
    if row is None:
        raise NotFound("case")
    caller.require(row.community)
    etag(response, row.version)
    return CounterOut(counter_id=row.counter_id, value=row.value)


reactions = Reactions()


class Poison(Exception):
    pass


@reactions.on(Counted)
async def hear(work, event, delivery) -> None:
    if event.amount == REFUSED:
        raise Poison
    await work.connection.execute(
        sa.text("INSERT INTO heard VALUES (:id, :amount)"),
        {"id": delivery.envelope.event_id, "amount": event.amount},
    )


timers = Timers()


@timers.on("counter.tick")
async def tick(work, subject) -> None:
    await work.execute(COUNTERS, subject, Count(subject, "620201001004", 1))


def build(settings: Settings) -> Service:
    base = lay("counting", settings, views)
    handler = base.reactions(reactions)
    return Service(
        base,
        folder=FOLDER,
        metadata=metadata,
        apis=[api],
        handler=handler,
        sources=["counting"],
        timers=timers,
        repairs=Repairs(details=[Counted]),
    )
