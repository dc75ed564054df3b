"""Routes of beneficiaries. Who a person is comes from the vault, and is shown to the office only."""

from datetime import datetime
from functools import partial
from typing import Annotated, Any, ClassVar, Self
from uuid import UUID

from fastapi import Query, Response
from pydantic import BaseModel, Field, model_validator
from pydantic_core import PydanticCustomError
from sqlalchemy import or_, select

from services.points.accounts.known import known_volunteers
from services.points.beneficiaries.id_numbers import (
    age_group_from,
    age_in_month,
    changed_document,
    valid_document,
    vault_fields,
)
from services.points.beneficiaries.model import (
    Beneficiary,
    ChangePerson,
    ForgetBeneficiary,
    RegisterBeneficiary,
    check_person,
)
from services.points.beneficiaries.views import (
    BENEFICIARIES,
    claim_identity,
    free_identity,
    home_now,
    home_of,
    rows_at_home,
)
from services.points.deaths.gate import enter_gate, shut_gate
from services.points.fields import DetailsBody, own_id, put_right
from services.points.kin.model import End
from services.points.kin.views import TIES, open_ties
from services.points.names import Named, NamesAsked, with_names
from services.points.node_names import NamedPage, with_node_names
from services.points.tables import beneficiaries, kin
from services.points.time_orders.views import open_orders
from shared.auth.actors import actor_id
from shared.auth.permissions import Role
from shared.clock import local_day
from shared.contracts.common import CommunityCode
from shared.identity_documents import DocumentKind
from shared.unit_of_work import UnitOfWork
from shared.web import Api, Caller, NotFound, Paging, Read, Vaulted, Work, etag
from shared.web.fields import Body, Day, LongText, ShortText

api = Api(tags=["beneficiaries 时间银行服务对象"])

IdNumberText = Annotated[str, Field(min_length=1, max_length=40)]

_DOCUMENT = frozenset({"id_number", "id_kind", "born_on"})
"""Details of the document. It is told as one: that a birth date alone was put right is nobody's to know."""


class PersonBody(Body):
    """A person who is no volunteer; everything here is kept encrypted."""

    name: ShortText
    id_number: Annotated[IdNumberText, Field(description="证件号码 number of the identity document")]
    id_kind: Annotated[
        DocumentKind | None,
        Field(description="证件类型；不填则须为 18 位证件号 kind; left out for a number of 18 digits, which tells it"),
    ] = None
    born_on: Annotated[
        Day | None,
        Field(description="出生日期；号码里没有的（通行证、护照）须填 birth date, where the number does not tell it"),
    ] = None
    phone: ShortText | None = None
    address: LongText | None = None


class BeneficiaryBody(Body):
    """登记服务对象 Somebody who can be served: a volunteer, or a person who is none."""

    community: CommunityCode
    volunteer_id: UUID | None = None
    person: PersonBody | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if (self.volunteer_id is None) == (self.person is None):
            choices = {"one": "volunteer_id", "other": "person"}
            raise PydanticCustomError("one_of", "give either {one} or {other}", choices)
        return self


class PersonDetailsBody(DetailsBody):
    """更正服务对象信息：只写要改的。Only what changes; null takes phone or address away."""

    NEEDED: ClassVar[frozenset[str]] = frozenset({"name"}) | _DOCUMENT

    name: ShortText | None = None
    id_number: Annotated[IdNumberText | None, Field(description="证件号码 number of the identity document")] = None
    id_kind: Annotated[
        DocumentKind | None,
        Field(description="证件类型；新号码不是 18 位的须填 kind; with a new number not of 18 digits"),
    ] = None
    born_on: Annotated[
        Day | None, Field(description="出生日期；号码里有的须一致 birth date; as the number tells it")
    ] = None
    phone: ShortText | None = None
    address: LongText | None = None


class BeneficiaryStateOut(BaseModel):
    """A beneficiary, without what says who it is."""

    id: UUID
    community: str
    volunteer_id: UUID | None
    age_group_from: int | None = Field(description="年龄段下限，五岁一段 lower bound of the five-year age group")
    forgotten: bool


class BeneficiaryChangedOut(BeneficiaryStateOut):
    """A beneficiary who was put right."""

    kin_ended: list[UUID] = Field(
        description="因换成另一个证件号码而结束的亲属关系，仍是亲属的须重新登记、核实"
        " relations that ended with another number: enter and verify anew those that there are"
    )


class BeneficiaryOut(BeneficiaryStateOut, Named):
    """A beneficiary in a list."""

    registered_at: datetime


class BeneficiaryIdentityOut(BeneficiaryOut):
    """A beneficiary with what identifies them; null of volunteers, whom the registry knows, and where erased."""

    name: str | None
    id_kind: DocumentKind | None = Field(description="证件类型，早先登记的不写 not kept of those registered earlier")
    id_number: str | None
    phone: str | None
    address: str | None


@api.command("/v1/beneficiaries", permission="beneficiaries.manage", status=201)
async def register_beneficiary(body: BeneficiaryBody, work: Work, caller: Caller) -> BeneficiaryStateOut:
    """登记服务对象；一人只登记一次。Register somebody who can be served; one person, once."""
    caller.require(body.community)
    beneficiary_id, today = work.new_id(), local_day(work.now)
    known = (await known_volunteers(work.connection, [body.volunteer_id])).get(body.volunteer_id or UUID(int=0))
    group = None if known is None else known.age_group_from
    person, document = body.person, None
    if person is not None:
        document = valid_document(person.id_number, today, person.id_kind, person.born_on)
        group = age_group_from(age_in_month(document.born_on, today))
    home = None if known is None or known.closed else known.community
    command = RegisterBeneficiary(beneficiary_id, body.community, body.volunteer_id, home, group, work.now)
    state = work.create(BENEFICIARIES, beneficiary_id, command)
    if person is not None and document is not None:
        await claim_identity(work.connection, work.vault.digest("beneficiary", document.key), beneficiary_id)
        told = {"name": person.name, **vault_fields(document)}
        told |= {name: said for name in ("phone", "address") if (said := getattr(person, name)) is not None}
        await work.vault.put(work.connection, beneficiary_id, told)
    return _state(state)


@api.command("/v1/beneficiaries/{beneficiary_id}", permission="beneficiaries.manage", method="PATCH")
async def change_beneficiary(
    beneficiary_id: UUID, body: PersonDetailsBody, work: Work, caller: Caller
) -> BeneficiaryChangedOut:
    """更正服务对象的姓名、证件、电话、住址，有未了结的订单也可以；换成另一个证件号码的，亲属关系随之结束，须重新登记、核实；
    志愿者的资料在志愿者登记中修改。

    Put name, document, phone or address right, also while orders are open. The number says who somebody is: with
    another one their relations end, and are entered and verified anew. A volunteer's are changed in the registry.
    """
    caller.require(await home_of(work.connection, beneficiary_id))
    documented = bool(body.model_fields_set & _DOCUMENT)
    # Nobody is erased meanwhile, who would then be tied to a number again; nor, where relations may end, does anybody
    # enter or verify one, or pay along it.
    await (shut_gate if documented else enter_gate)(work.connection)
    check_person((await work.load(BENEFICIARIES, beneficiary_id)).state)
    details: dict[str, str | None] = body.model_dump(exclude_unset=True, exclude=set(_DOCUMENT))
    group, ended = None, list[UUID]()
    if documented:
        today, before = local_day(work.now), await work.vault.get(work.connection, beneficiary_id)
        document = changed_document(before, today, body.id_number, body.id_kind, body.born_on)
        details |= vault_fields(document)
        group = age_group_from(age_in_month(document.born_on, today))
        digest = work.vault.digest("beneficiary", document.key)
        if digest not in await free_identity(work.connection, beneficiary_id):
            ended = await _end_ties(work, beneficiary_id, actor_id(work.vault, caller.subject))
        await claim_identity(work.connection, digest, beneficiary_id)
    state = await put_right(work, BENEFICIARIES, beneficiary_id, details, partial(_changed, group))
    return BeneficiaryChangedOut(**_state(state).model_dump(), kin_ended=ended)


@api.command("/v1/beneficiaries/{beneficiary_id}/forgetting", permission="beneficiaries.manage")
async def forget_beneficiary(beneficiary_id: UUID, work: Work, caller: Caller) -> BeneficiaryStateOut:
    """删除服务对象信息（个人信息保护法 47）。Erase who the beneficiary is; what was served and paid stays."""
    caller.require(await home_of(work.connection, beneficiary_id))
    await shut_gate(work.connection)
    command = ForgetBeneficiary(await open_orders(work.connection, beneficiary_id), work.now)
    state = await work.execute(BENEFICIARIES, beneficiary_id, command)
    await free_identity(work.connection, beneficiary_id)
    await work.vault.forget(work.connection, beneficiary_id)
    return _state(state)


@api.query("/v1/beneficiaries", permission="beneficiaries.read")
async def list_beneficiaries(
    read: Read,
    caller: Caller,
    page: Paging,
    vault: Vaulted,
    community: Annotated[CommunityCode | None, Query(description="社区 community")] = None,
    volunteer_id: Annotated[UUID | None, Query(description="志愿者 volunteer")] = None,
    names: NamesAsked = False,
) -> NamedPage[BeneficiaryOut]:
    """服务对象清单；志愿者可见本人和已登记的亲属。社区和区可附姓名，志愿者的姓名在登记系统。

    Beneficiaries of the caller's node; a volunteer finds themselves and those entered as relatives. The office may ask
    for names; those of volunteers are in the registry.
    """
    query = rows_at_home().where(home_now.startswith(caller.node))
    if caller.role is Role.VOLUNTEER:
        me = own_id(caller)
        relatives = select(kin.c.beneficiary_id).where(kin.c.volunteer_id == me, kin.c.ended_at.is_(None))
        query = rows_at_home().where(or_(beneficiaries.c.volunteer_id == me, beneficiaries.c.id.in_(relatives)))
    if community is not None:
        query = query.where(home_now == community)
    if volunteer_id is not None:
        query = query.where(beneficiaries.c.volunteer_id == volunteer_id)
    found = await page.fetch(read, query, [beneficiaries.c.id], lambda row: BeneficiaryOut(**_plain(row)))
    return await with_node_names(
        read, await with_names(found, read, vault, caller, "beneficiaries.read_identity") if names else found
    )


@api.query("/v1/beneficiaries/{beneficiary_id}", permission="beneficiaries.read_identity")
async def get_beneficiary(
    beneficiary_id: UUID, read: Read, caller: Caller, vault: Vaulted, response: Response
) -> BeneficiaryIdentityOut:
    """一名服务对象，含身份信息。One beneficiary, with who they are."""
    row = (await read.execute(rows_at_home().where(beneficiaries.c.id == beneficiary_id))).first()
    if row is None:
        raise NotFound("beneficiary")
    caller.require(row.community)
    etag(response, row.version)
    known = await vault.get(read, beneficiary_id)
    told = {name: known.get(name) for name in ("name", "id_kind", "id_number", "phone", "address")}
    return BeneficiaryIdentityOut(**_plain(row), **told)


async def _end_ties(work: UnitOfWork, beneficiary_id: UUID, by: UUID) -> list[UUID]:
    """What was verified of somebody holds of nobody else: two people are to see the papers of whoever it is now."""
    ended = list(await open_ties(work.connection, beneficiary_id))
    for kin_id in ended:
        await work.execute(TIES, kin_id, End(by, work.now))
    return ended


def _changed(group: int | None, fields: tuple[str, ...], at: datetime) -> ChangePerson:
    other = set(fields) - _DOCUMENT
    if other == set(fields):
        return ChangePerson(fields, None, at)
    return ChangePerson(tuple(sorted({*other, "id_number"})), group, at)


def _plain(row: Any) -> dict[str, Any]:
    return {
        "id": row.id,
        "community": row.community,
        "volunteer_id": row.volunteer_id,
        "age_group_from": row.age_group_today if row.volunteer_id is not None else row.age_group_from,
        "forgotten": row.forgotten_at is not None,
        "registered_at": row.registered_at,
    }


def _state(beneficiary: Beneficiary) -> BeneficiaryStateOut:
    assert beneficiary.id is not None
    return BeneficiaryStateOut(
        id=beneficiary.id,
        community=beneficiary.community,
        volunteer_id=beneficiary.volunteer_id,
        age_group_from=beneficiary.age_group_from,
        forgotten=beneficiary.forgotten,
    )
