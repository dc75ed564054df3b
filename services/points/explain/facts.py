"""What a page of an explanation needs from the tables: the lines, what came before them and after, names of things."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from operator import itemgetter
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Integer,
    Select,
    Text,
    Uuid,
    and_,
    any_,
    bindparam,
    cast,
    column,
    exists,
    func,
    literal,
    literal_column,
    null,
    or_,
    select,
    table,
    union_all,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql import ColumnElement, FromClause

from services.points.earning.kinds import EVIDENCE_NUMBERS
from services.points.explain.known import NOTHING, Before, Corrected, DealtWrongly, Goods, Line, LongDay, Reversal
from services.points.explain.supplied import Supplied
from services.points.ledger.clauses import EARNED, EXPIRED, REVERSED, Clause
from services.points.ledger.reading import ACCOUNT, COLUMNS, Lines, Sight, bounded, lines_of, on, sides
from services.points.tables import (
    accounts,
    day_approvals,
    items,
    notes,
    policies,
    redemptions,
    supply_requests,
    supply_returns,
    supply_uses,
    teams,
    time_orders,
    transfers,
)
from services.points.tables.base import MOMENT
from services.points.units import OPENED_UNITS, Unit, goods_code
from shared.clock import local_day
from shared.web.paging import Page

_OF_REDEMPTIONS = (Clause.REDEMPTION, Clause.GOODS_HANDED_OVER, Clause.TAKEN_BACK)
_events = table("events", column("event_id", Uuid), column("type", Text), column("data", JSONB))


@dataclass(frozen=True, slots=True)
class Account:
    """The account that is explained, and the service record of its holder where that tells of service it lacks."""

    id: int
    record_id: int | None


async def account_of(read: AsyncConnection, row: Any) -> Account:
    """The account of a row, with the account of the holder's service record: what service there was, is there."""
    # On an account of donation minutes nobody looks for the service that brought none: most of it does not.
    if row.unit not in OPENED_UNITS:
        return Account(row.id, None)
    query = select(accounts.c.id).where(accounts.c.holder == row.holder, accounts.c.unit == int(Unit.SERVICE_MINUTE))
    return Account(row.id, await read.scalar(query))


def lines(account: Account, sight: Sight) -> Lines:
    """The lines of an account, and among them the service that brought nothing of its unit."""
    of_record = None if account.record_id is None else account.record_id == account.id
    return Lines(*_lines(of_record, sight.bounds), {**_numbers(account), **sight.params})


_RECORD: ColumnElement[int] = bindparam("record", type_=BigInteger)


def _numbers(account: Account) -> dict[str, int | None]:
    return {"account": account.id, "record": account.record_id}


@cache
def _lines(of_record: bool | None, bounds: frozenset[str]) -> tuple[Select[Any], list[ColumnElement[Any]]]:
    """`of_record` says whether it is the account of the service record itself; None where there is no such account."""
    branches = sides(bounds)
    if of_record is not None:
        branches.append(_uncounted(bounds))
        if not of_record:
            branches.append(_nothing(bounds))
    return lines_of(*branches)


def _uncounted(bounds: Collection[str]) -> Select[Any]:
    """Service that brought nothing of any unit, an estimate above all, and so is in no transfer."""
    # Their lines have no number; pages need one for the order, below those of transfers.
    told = func.uuid_hash(notes.c.event_id, type_=Integer).bitwise_xor(func.uuid_hash(notes.c.record_id, type_=Integer))
    first_told = notes.c.evidence_before.is_(None)
    # Of what a correction added only an estimate is sure to have moved nothing.
    added = and_(notes.c.minutes_before == 0, notes.c.evidence == EVIDENCE_NUMBERS["estimated"])
    return select(
        cast(-1 - told.bitwise_and(2**31 - 1), BigInteger).label("id"),
        notes.c.occurred_at,
        notes.c.recorded_at,
        literal(NOTHING).label("clause"),
        notes.c.event_id,
        notes.c.record_id,
        cast(null(), Integer).label("policy_version"),
        cast(null(), BigInteger).label("corrects"),
        notes.c.kind,
        notes.c.evidence,
        notes.c.minutes,
        literal(0).label("amount"),
        notes.c.issuer.label("other"),
    ).where(notes.c.account == _RECORD, notes.c.minutes > 0, or_(first_told, added), *bounded(bounds, notes))


def _nothing(bounds: Collection[str]) -> Select[Any]:
    """Service as it was first told, or added by a correction that nothing was told before of."""
    brought, first = transfers.alias("brought"), transfers.alias("first")

    def same_record(other: FromClause) -> ColumnElement[bool]:
        return (other.c.occurred_at == transfers.c.occurred_at) & (other.c.record_id == transfers.c.record_id)

    told_before = exists().where(
        on(first.c.credit_account, _RECORD), same_record(first), first.c.clause == int(Clause.RATE)
    )
    return select(
        transfers.c.id,
        transfers.c.occurred_at,
        transfers.c.recorded_at,
        literal(NOTHING).label("clause"),
        transfers.c.event_id,
        transfers.c.record_id,
        transfers.c.policy_version,
        transfers.c.corrects,
        transfers.c.kind,
        transfers.c.evidence,
        transfers.c.minutes,
        literal(0).label("amount"),
        transfers.c.debit_account.label("other"),
    ).where(
        on(transfers.c.credit_account, _RECORD),
        or_(transfers.c.clause == int(Clause.RATE), and_(transfers.c.clause == int(Clause.CORRECTION), ~told_before)),
        *bounded(bounds),
        ~exists().where(
            on(brought.c.credit_account, ACCOUNT),
            same_record(brought),
            brought.c.clause == transfers.c.clause,
            brought.c.event_id == transfers.c.event_id,
        ),
    )


async def totals(read: AsyncConnection, account: int, sight: Sight) -> list[tuple[Clause, int, int]]:
    """Sum and number of an account's lines, by clause."""
    rows = await read.execute(_totals(sight.bounds), {"account": account, **sight.params})
    return [(Clause(row[0]), int(row[1]), row[2]) for row in rows]


@cache
def _totals(bounds: frozenset[str]) -> Select[Any]:
    found = union_all(*sides(bounds)).subquery("found")
    return (
        select(found.c.clause, func.sum(found.c.amount), func.count()).group_by(found.c.clause).order_by(found.c.clause)
    )


@dataclass(frozen=True, slots=True)
class Kin:
    """Lines that belong to lines of a page: what corrected a line, and what service it is about."""

    corrected_by: dict[int, list[int]]
    service: dict[UUID, Line]
    """By record, a line that says what service it was; for lines that do not say it themselves."""


async def kin(read: AsyncConnection, account: Account, page: Sequence[Line], sight: Sight) -> Kin:
    """What came before and after the lines of a page, about the same records; those happened at the same moments."""
    if not page:
        return Kin({}, {})
    known = Sight(known_at=sight.known_at)
    query = _around(account.record_id not in (None, account.id), known.bounds)
    params = {
        **_numbers(account),
        **known.params,
        "first": page[-1].occurred_at,
        "last": page[0].occurred_at,
        "records": list({line.record_id for line in page if line.kind is None}),
    }
    around = [line_of(row) for row in await read.execute(query, params)]
    mine = {line.id for line in page}
    corrected_by: dict[int, list[int]] = {}
    of_record: dict[UUID, list[Line]] = {}
    for line in around:
        if line.corrects in mine:
            corrected_by.setdefault(line.corrects, []).append(line.id)
        if line.clause in EARNED:
            of_record.setdefault(line.record_id, []).append(line)
    service = {record_id: of_one[0] for record_id, of_one in of_record.items()}
    return Kin({number: sorted(by) for number, by in corrected_by.items()}, service)


async def before(read: AsyncConnection, page: Iterable[Line]) -> dict[Corrected, Before]:
    """What records were before the corrections on a page."""
    ids = {line.event_id for line in page if line.clause == Clause.CORRECTION}
    if not ids:
        return {}
    query = select(notes).where(notes.c.event_id.in_(ids), notes.c.evidence_before.is_not(None))
    return {
        (row.event_id, row.record_id): Before(row.minutes_before, row.evidence_before, row.reason)
        for row in await read.execute(query)
    }


@cache
def _around(with_record: bool, bounds: frozenset[str]) -> Select[Any]:
    """Lines that can have to do with those of a page: whatever corrects a line, and all about a record of which the
    page has a line that does not say what service it is for.
    """
    branches = [*sides(bounds), *(sides(bounds, _RECORD) if with_record else [])]
    asked = any_(bindparam("records", type_=ARRAY(Uuid)))
    concerned = (
        transfers.c.occurred_at >= bindparam("first", type_=MOMENT),
        transfers.c.occurred_at <= bindparam("last", type_=MOMENT),
        or_(transfers.c.corrects.is_not(None), transfers.c.record_id == asked),
    )
    return lines_of(*(branch.where(*concerned) for branch in branches))[0]


async def titles(read: AsyncConnection, language: str) -> dict[int, str]:
    """Titles of the policies, by version. There are few."""
    rows = await read.execute(select(policies.c.policy_version, policies.c.document["title"][language].astext))
    return {row[0]: row[1] or "" for row in rows}


async def goods(read: AsyncConnection, page: Iterable[Line]) -> dict[UUID, Goods]:
    """What the redemptions on a page were about."""
    ids = {line.record_id for line in page if line.clause in _OF_REDEMPTIONS}
    if not ids:
        return {}
    row = redemptions.c
    query = select(row.id, items.c.name, row.quantity, row.reserved_quantity).join(items, items.c.id == row.item_id)
    return {found: Goods(*what) for found, *what in await read.execute(query.where(row.id.in_(ids)))}


_SUPPLIES = frozenset(
    {
        Clause.SUPPLIES_ISSUED,
        Clause.SUPPLIES_RETURNED,
        Clause.SUPPLIES_USED_UP,
        Clause.SUPPLIES_HANDED_OUT,
        Clause.STOCK_COUNTED,
        Clause.TAKEN_BACK,
    }
)


async def supplied(read: AsyncConnection, page: Iterable[Line]) -> dict[UUID, Supplied]:
    """What the requests, returns and uses of supplies on a page were about; the counts of shelves are none of them."""
    ids = {line.record_id for line in page if line.clause in _SUPPLIES}
    if not ids:
        return {}
    found = union_all(
        *(
            select(of.id, of.team_id, of.lines, reached, literal(back).label("back")).where(of.id.in_(ids))
            for of, reached, back in (
                (supply_requests.c, literal(0).label("reached"), False),
                (supply_returns.c, literal(0), True),
                (supply_uses.c, supply_uses.c.people_reached, False),
            )
        )
    ).subquery("found")
    query = select(found.c.id, teams.c.name, found.c.lines, found.c.reached, found.c.back)
    rows = (await read.execute(query.join(teams, teams.c.team_id == found.c.team_id))).all()
    wanted = {UUID(line["item_id"]) for row in rows for line in row.lines}
    names = {
        goods_code(row.id): row.name
        for row in await read.execute(select(items.c.id, items.c.name).where(items.c.id.in_(wanted)))
    }
    return {row.id: Supplied(row.name, names, row.reached, row.back) for row in rows}


async def earned_on(read: AsyncConnection, people: Collection[int], page: Iterable[Line]) -> dict[UUID, str]:
    """The days on which the points that lapsed on a page were earned, by record; of the people's accounts of points."""
    ids = {line.record_id for line in page if line.clause in EXPIRED}
    if not ids:
        return {}
    query = (
        select(transfers.c.record_id, func.min(transfers.c.occurred_at))
        .where(
            transfers.c.credit_account.in_(people),
            transfers.c.credit_account > literal_column("0"),
            transfers.c.clause.in_([int(clause) for clause in EARNED]),
            transfers.c.record_id.in_(ids),
        )
        .group_by(transfers.c.record_id)
    )
    return {record_id: local_day(earned_at).isoformat() for record_id, earned_at in await read.execute(query)}


async def reversals(read: AsyncConnection, page: Iterable[Line]) -> dict[UUID, Reversal]:
    """What the events that took something back said of it."""
    ids = {line.event_id for line in page if line.clause == Clause.TAKEN_BACK}
    if not ids:
        return {}
    query = select(_events.c.event_id, _events.c.type, _events.c.data["reason"].astext)
    rows = await read.execute(query.where(_events.c.event_id.in_(ids)))
    return {event_id: Reversal(event_type.split(".")[-2], reason) for event_id, event_type, reason in rows}


async def long_days(read: AsyncConnection, page: Iterable[Line]) -> dict[UUID, LongDay]:
    """What the events that approved long days, or took that back, said of them."""
    ids = {line.event_id for line in page if line.clause == Clause.LONG_DAY}
    if not ids:
        return {}
    said = day_approvals.c
    query = select(said.event_id, said.minutes, said.level, said.reason, said.limit_minutes, said.policy_version)
    return {row[0]: LongDay(*row[1:]) for row in await read.execute(query.where(said.event_id.in_(ids)))}


async def dealt_wrongly(read: AsyncConnection, page: Iterable[Line]) -> dict[UUID, DealtWrongly]:
    """What the events that corrected or took back something at the time bank said of it."""
    ids = {line.event_id for line in page if line.clause in REVERSED}
    if not ids:
        return {}
    query = select(_events.c.event_id, _events.c.data).where(_events.c.event_id.in_(ids))
    return {
        row[0]: DealtWrongly(row[1]["reason"], row[1].get("minutes_before"), row[1]["minutes"])
        for row in await read.execute(query)
    }


_OF_ORDERS = frozenset({Clause.ORDER_PAID, Clause.ORDER_PAID_ACROSS, Clause.ORDER_CORRECTED})


async def ordered(read: AsyncConnection, page: Iterable[Line]) -> dict[UUID, str]:
    """Which service the orders on a page were for."""
    ids = {line.record_id for line in page if line.clause in _OF_ORDERS}
    if not ids:
        return {}
    query = select(time_orders.c.id, time_orders.c.service).where(time_orders.c.id.in_(ids))
    return {row[0]: row[1] for row in await read.execute(query)}


_in_order = itemgetter(*(COLUMNS.index(name) for name in Line._fields))


def line_of(row: Any) -> Line:
    """A row of the statement query. Taken by position: names are looked up, and an explanation has thousands."""
    return Line._make(_in_order(row))


async def uncounted(read: AsyncConnection, record: int, sight: Sight) -> list[Line]:
    """The service on the account of a service record that brought nothing of any unit."""
    query = _all_uncounted(sight.bounds)
    return [line_of(row) for row in await read.execute(query, {"record": record, **sight.params})]


@cache
def _all_uncounted(bounds: frozenset[str]) -> Select[Any]:
    return lines_of(_uncounted(bounds))[0]


async def fetch(read: AsyncConnection, account: Account, page: Any, sight: Sight) -> Page[Any]:
    """A page of the lines, newest first."""
    query, order, params = lines(account, sight)
    found: Page[Any] = await page.fetch(read, query, order, line_of, descending=True, params=params)
    return found
