"""Routes of flags: look, take up, hold and release points, dismiss, uphold. Nothing here changes an hour."""

from collections.abc import Collection, Iterable, Mapping
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Request, Response
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.points.accounts.numbers import numbers_of
from services.points.anomalies.bodies import (
    DismissalBody,
    FlagDetailOut,
    FlagOut,
    FlagStateOut,
    HeldOut,
    SuspectOut,
    UpholdingBody,
)
from services.points.anomalies.holding import Purses, people_of
from services.points.anomalies.model import (
    Command,
    Dismiss,
    Flag,
    ListedStage,
    Release,
    Stage,
    TakeUp,
    Uphold,
)
from services.points.anomalies.views import FLAGS
from services.points.anomalies.words import Extent, in_words, record_in_words
from services.points.node_names import NamedPage, with_node_names
from services.points.tables import anomaly_flags, anomaly_records
from shared.auth.actors import actor_id
from shared.contracts.anomalies import AnomalyEvidence, Sign, SuspectRecord
from shared.database import driver_connection
from shared.unit_of_work import UnitOfWork
from shared.web import Api, Caller, NotFound, Page, Paging, Read, ShortPaging, Work, etag
from shared.web.nodes import Within, below, of_caller
from shared.web.problems import Texts, language_of

api = Api(tags=["anomalies 时长疑点"])


@api.query("/v1/anomalies", permission="anomalies.read")
async def list_flags(
    request: Request,
    read: Read,
    caller: Caller,
    page: ShortPaging,  # a flag may show hundreds of records, and each is read to say it in words
    node: Within = None,
    sign: Annotated[Sign | None, Query(description="疑点类型 sign")] = None,
    stage: Annotated[ListedStage | None, Query(description="状态 stage")] = None,
) -> NamedPage[FlagOut]:
    """时长疑点清单，逐条用文字说明。没有“互相确认”不等于没有：只看得出令牌写明志愿者 id 的确认人。

    Signs of invented hours, each in words. Rings are seen only of people whose tokens say their volunteer id.
    """
    query = select(anomaly_flags).where(below(anomaly_flags.c.community, node, caller))
    if sign is not None:
        query = query.where(anomaly_flags.c.sign == sign.value)
    if stage is not None:
        query = query.where(anomaly_flags.c.stage == stage.value)
    texts, language = _language(request)
    order = [anomaly_flags.c.community, anomaly_flags.c.id]
    found: Page[Any] = await page.fetch(
        read, query, order, lambda row: (row, AnomalyEvidence.model_validate(row.evidence))
    )
    numbers = await numbers_of(read, {person for _, evidence in found.items for person in _people(evidence)})
    extents = await _extents(read, [row.id for row, _ in found.items])
    flags = [
        FlagOut(**_flag(row, evidence, extents[row.id], texts, language, numbers)) for row, evidence in found.items
    ]
    return await with_node_names(read, Page(items=flags, next_cursor=found.next_cursor))


@api.query("/v1/anomalies/{flag_id}", permission="anomalies.read")
async def get_flag(request: Request, flag_id: UUID, read: Read, caller: Caller, response: Response) -> FlagDetailOut:
    """一条疑点和逐笔证据。A flag, with its evidence record by record."""
    row = await _visible(read, caller, flag_id)
    etag(response, row.version)
    texts, language = _language(request)
    evidence = AnomalyEvidence.model_validate(row.evidence)
    numbers = await numbers_of(read, _people(evidence))
    records = _suspects(evidence.records, texts, language, numbers)
    extent = (await _extents(read, [row.id]))[row.id]
    flag = _flag(row, evidence, extent, texts, language, numbers)
    return FlagDetailOut(**flag, confirmed_by=list(evidence.confirmed_by), records=records)


@api.query("/v1/anomalies/{flag_id}/records", permission="anomalies.read")
async def list_records(request: Request, flag_id: UUID, read: Read, caller: Caller, page: Paging) -> Page[SuspectOut]:
    """一条疑点的全部证据，按开始时间。All the evidence of a flag, by start."""
    await _visible(read, caller, flag_id)
    texts, language = _language(request)
    r = anomaly_records.c
    query = select(r.record_id, r.volunteer_id, r.event_id, r.started_at, r.minutes)
    query = query.where(r.flag_id == flag_id, r.minutes.is_not(None))
    found = await page.fetch(read, query, [r.started_at, r.record_id], lambda row: SuspectRecord(**row._mapping))
    numbers = await numbers_of(read, {record.volunteer_id for record in found.items})
    return Page(items=_suspects(found.items, texts, language, numbers), next_cursor=found.next_cursor)


@api.command("/v1/anomalies/{flag_id}/review", permission="anomalies.decide")
async def take_up(flag_id: UUID, work: Work, caller: Caller) -> FlagStateOut:
    """开始核查；确认人和当事人不能核查自己的记录。Look into it; whoever served or confirmed the hours cannot."""
    await of_caller(work, caller, FLAGS, flag_id, "anomaly")
    return await _execute(work, flag_id, TakeUp(actor_id(work.vault, caller.subject), work.now))


@api.command("/v1/anomalies/{flag_id}/hold", permission="anomalies.decide")
async def hold(flag_id: UUID, work: Work, caller: Caller) -> FlagStateOut:
    """冻结这些记录带来的积分；已经用掉的不追。Hold what the records brought; what was spent stays spent."""
    flag = await of_caller(work, caller, FLAGS, flag_id, "anomaly")
    assert flag.evidence is not None
    purses = await _purses(work, flag)
    return _state(await purses.hold(flag_id, flag.evidence.records, actor_id(work.vault, caller.subject)))


@api.command("/v1/anomalies/{flag_id}/release", permission="anomalies.decide")
async def release(flag_id: UUID, work: Work, caller: Caller) -> FlagStateOut:
    """解冻积分，疑点照常核查；另一疑点仍冻结的记录，其积分继续冻结。

    Let the points go; the flag stands as it stood. What another flag holds, too, stays held.
    """
    flag = await of_caller(work, caller, FLAGS, flag_id, "anomaly")
    return await _let_go(work, flag_id, flag, Release(actor_id(work.vault, caller.subject), work.now))


@api.command("/v1/anomalies/{flag_id}/dismissal", permission="anomalies.decide")
async def dismiss(flag_id: UUID, body: DismissalBody, work: Work, caller: Caller) -> FlagStateOut:
    """排除疑点，冻结的积分随即解冻。It means nothing; held points are free again."""
    flag = await of_caller(work, caller, FLAGS, flag_id, "anomaly")
    command = Dismiss(body.reason, actor_id(work.vault, caller.subject), work.now)
    return await _let_go(work, flag_id, flag, command)


@api.command("/v1/anomalies/{flag_id}/upholding", permission="anomalies.decide")
async def uphold(flag_id: UUID, body: UpholdingBody, work: Work, caller: Caller) -> FlagStateOut:
    """认定属实；时长须在原登记处更正（活动、巡防班次或调解案件的 corrections），更正到达后冻结自动解除。

    The hours were invented. Correct the records where they were told (`corrections` of the activity, the shift or the
    case): what is held is then taken back, and the hold ends.
    """
    await of_caller(work, caller, FLAGS, flag_id, "anomaly")
    return await _execute(work, flag_id, Uphold(body.reason, actor_id(work.vault, caller.subject), work.now))


async def _purses(work: UnitOfWork, flag: Flag) -> Purses:
    purses = Purses(work, await driver_connection(work.connection))
    await purses.lock(people_of(flag))
    return purses


async def _let_go(work: UnitOfWork, flag_id: UUID, before: Flag, command: Command) -> FlagStateOut:
    if not before.holds:
        return await _execute(work, flag_id, command)
    purses = await _purses(work, before)
    state = await _execute(work, flag_id, command)
    await purses.hand_over(flag_id, before)
    return state


async def _execute(work: UnitOfWork, flag_id: UUID, command: Command) -> FlagStateOut:
    return _state(await work.execute(FLAGS, flag_id, command))


def _state(flag: Flag) -> FlagStateOut:
    assert flag.id is not None
    assert flag.evidence is not None
    return FlagStateOut(
        id=flag.id,
        community=flag.community,
        sign=flag.evidence.sign,
        stage=flag.stage,
        points_held=bool(flag.holds),
    )


def _language(request: Request) -> tuple[Texts, str]:
    texts: Texts = request.app.state.texts
    return texts, language_of(request)


async def _visible(read: AsyncConnection, caller: Caller, flag_id: UUID) -> Any:
    row = (await read.execute(select(anomaly_flags).where(anomaly_flags.c.id == flag_id))).first()
    if row is None:
        raise NotFound("anomaly")
    caller.require(row.community)
    return row


async def _extents(read: AsyncConnection, flag_ids: Collection[UUID]) -> dict[UUID, Extent]:
    r = anomaly_records.c
    counted = (func.count(), func.sum(r.minutes), func.count(r.volunteer_id.distinct()))
    query = select(r.flag_id, *counted).where(r.flag_id.in_(flag_ids), r.minutes.is_not(None)).group_by(r.flag_id)
    told = {flag_id: Extent(*extent) for flag_id, *extent in await read.execute(query)}
    return dict.fromkeys(flag_ids, Extent(0, 0, 0)) | told


def _suspects(
    records: Iterable[SuspectRecord], texts: Texts, language: str, numbers: Mapping[UUID, str]
) -> list[SuspectOut]:
    return [
        SuspectOut(**record.model_dump(), text=record_in_words(texts, language, record, numbers)) for record in records
    ]


def _people(evidence: AnomalyEvidence) -> set[UUID]:
    return {*evidence.confirmed_by, *(record.volunteer_id for record in evidence.records)}


def _flag(
    row: Any, evidence: AnomalyEvidence, extent: Extent, texts: Texts, language: str, numbers: Mapping[UUID, str]
) -> dict[str, Any]:
    return {
        "id": row.id,
        "community": row.community,
        "sign": evidence.sign,
        "stage": Stage(row.stage),
        "points_held": row.hold_id is not None,
        "text": in_words(texts, language, evidence, extent, numbers),
        "measure": evidence.measure,
        "measured": evidence.measured,
        "limit": evidence.limit,
        "policy_version": evidence.policy_version,
        "since": evidence.since,
        "until": evidence.until,
        "records_count": extent.records,
        "flagged_at": row.flagged_at,
        "taken_up_by": row.taken_up_by,
        "reason": row.reason,
        "decided_by": row.decided_by,
        "decided_at": row.decided_at,
        "held": [HeldOut(**one) for one in row.held or ()],
    }
