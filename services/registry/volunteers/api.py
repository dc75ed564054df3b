"""Routes of volunteers: registration, details, consent, being forgotten; lists and exact search for clerks."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, Response
from sqlalchemy import exists, select

from services.registry.fields import Configured, Now, VolunteerNumber, earliest_day, own_id, volunteer_of_caller
from services.registry.organisation.views import require_community
from services.registry.tables import identity_digests, search_digests, team_memberships, volunteers
from services.registry.volunteers import people, registration
from services.registry.volunteers.model import Standing, VolunteerForgotten
from services.registry.volunteers.people import Person
from services.registry.volunteers.schemas import (
    ChangeDetailsBody,
    ConsentOut,
    IdentityOut,
    RegisteredOut,
    RegisterVolunteerBody,
    SearchBody,
    VolunteerOut,
)
from shared.clock import local_day
from shared.contracts import NodeCode
from shared.telemetry import logger
from shared.web import Api, Caller, Page, Paging, Read, Vaulted, Work, etag, narrowed
from shared.web.nodes import below

api = Api(tags=["volunteers 志愿者"])
log = logger("volunteers")

_SEARCH_RESULTS_MAX = 50
_GROUNDS = {"guardian_consent": "guardian", "lives_on_own_labour": "lives_on_own_labour"}
"""Fields of a change that belong to the kept consent, and their names there."""
_DOCUMENT = frozenset({"id_number", "id_kind", "born_on"})
"""Fields of a change that are about the document."""


@api.command("/v1/volunteers", permission="volunteers.register", status=201)
async def register_volunteer(
    body: RegisterVolunteerBody, work: Work, caller: Caller, settings: Configured
) -> RegisteredOut:
    """实名登记志愿者；同一证件只登记一次。Register a volunteer with the real name; one person has one number."""
    caller.require(body.community)
    await require_community(work.connection, body.community)
    today = local_day(work.now)
    person = Person(
        name=people.valid_name(body.name),
        document=people.valid_document(body.id_number, today, body.id_kind, body.born_on),
        phone=people.valid_phone(body.phone),
        work_unit=body.work_unit,
        political_status=body.political_status,
        skills=body.skills,
    )
    party_member = body.political_status.counts_as_party_member if body.party_member is None else body.party_member
    volunteer = await registration.register(
        work,
        person,
        community=body.community,
        party_member=party_member,
        consent=registration.Consent(body.consent, body.guardian_consent, body.lives_on_own_labour),
        registered_on=body.registered_on or today,
        earliest=earliest_day(work.now, settings.backdating_max_days),
    )
    return RegisteredOut.of(volunteer)


@api.query("/v1/volunteers", permission="volunteers.read")
async def list_volunteers(
    read: Read,
    caller: Caller,
    page: Paging,
    node: Annotated[NodeCode | None, Query(description="该节点及下级 this node and below; 默认本人所在节点")] = None,
    team_id: UUID | None = None,
    party_member: bool | None = None,
    standing: Standing | None = None,
    number: VolunteerNumber | None = None,
) -> Page[VolunteerOut]:
    """志愿者列表，不含身份信息。Volunteers by community, team, party membership; without identities."""
    v = volunteers
    own = own_id(caller)
    query = select(v).where(below(v.c.community, node, caller) if own is None else v.c.id == own)
    query = narrowed(query, (v.c.party_member, party_member), (v.c.standing, standing), (v.c.number, number))
    if team_id is not None:
        m = team_memberships
        query = query.where(exists().where(m.c.team_id == team_id, m.c.volunteer_id == v.c.id, m.c.left_on.is_(None)))
    return await page.fetch(read, query, [v.c.community, v.c.number], VolunteerOut.model_validate)


@api.query("/v1/volunteers/search", permission="volunteers.search", method="POST")
async def search_volunteers(
    body: SearchBody, read: Read, caller: Caller, vault: Vaulted, now: Now
) -> Page[IdentityOut]:
    """按姓名、电话或证件号精确查找，结果遮盖显示；条件放在请求体里，不留在地址中。

    Exact search by name, phone or ID number; what is found is masked. The criteria travel in the body, since
    addresses are logged on their way.
    """
    v = volunteers
    query = select(v.c.id, v.c.number).where(below(v.c.community, None, caller))
    if body.id_number is not None:
        # A number that cannot be right is nobody's; saying so is more use to a clerk than an empty list.
        keys = people.valid_keys(body.id_number, local_day(now), body.id_kind)
        digests = [people.identity_digest(vault, key) for key in keys]
        query = query.join(identity_digests, identity_digests.c.volunteer_id == v.c.id).where(
            identity_digests.c.digest.in_(digests)
        )
    else:
        kind, value = ("name", people.valid_name(body.name)) if body.name is not None else ("phone", _phone(body))
        query = query.join(search_digests, search_digests.c.volunteer_id == v.c.id).where(
            search_digests.c.kind == kind, search_digests.c.digest == vault.digest(kind, value)
        )
    rows = (await read.execute(query.order_by(v.c.number).limit(_SEARCH_RESULTS_MAX))).all()
    found = await people.people_of(read, vault, [row.id for row in rows])
    return Page(
        items=[IdentityOut.of(row.id, row.number, found[row.id], reveal=False) for row in rows if row.id in found]
    )


@api.query("/v1/volunteers/{volunteer_id}", permission="volunteers.read")
async def get_volunteer(volunteer_id: UUID, read: Read, caller: Caller, response: Response) -> VolunteerOut:
    """一名志愿者，不含身份信息。One volunteer, without the identity."""
    row = await volunteer_of_caller(read, caller, volunteer_id)
    etag(response, row.version)
    return VolunteerOut.model_validate(row)


@api.query("/v1/volunteers/{volunteer_id}/identity", permission="volunteers.read_identity")
async def get_identity(
    volunteer_id: UUID,
    read: Read,
    caller: Caller,
    vault: Vaulted,
    reveal: Annotated[bool, Query(description="不遮盖 unmasked; 会留下查阅记录 is logged")] = False,
) -> IdentityOut:
    """身份信息和同意记录，默认遮盖。Who the volunteer is, and on what consent; masked by default. 个人信息保护法 45."""
    row = await volunteer_of_caller(read, caller, volunteer_id)
    fields = await vault.get(read, volunteer_id)
    if not fields:
        raise VolunteerForgotten(volunteer=row.number)
    if reveal:
        log.info("identity_revealed", volunteer_id=str(volunteer_id), actor=caller.subject, role=caller.role.value)
    consent = ConsentOut.opened(fields)
    return IdentityOut.of(volunteer_id, row.number, Person.opened(fields), reveal=reveal, consent=consent)


@api.command("/v1/volunteers/{volunteer_id}", permission="volunteers.change", method="PATCH")
async def change_details(volunteer_id: UUID, body: ChangeDetailsBody, work: Work, caller: Caller) -> RegisteredOut:
    """修改资料；本人可改自己的电话、工作单位和特长，其余由社区核对证件后修改。

    Change details; what is the same already changes nothing. Volunteers change their own phone, work unit and skills.
    """
    volunteer = await registration.of_caller(work, caller, volunteer_id)
    registration.require_own_details(caller, body.model_fields_set)
    changes = body.model_dump(exclude_unset=True, exclude={"party_member", *_DOCUMENT, *_GROUNDS})
    if body.model_fields_set & _DOCUMENT:
        changes["document"] = await registration.changed_document(
            work, volunteer_id, body.id_number, body.id_kind, body.born_on
        )
    if body.name is not None:
        changes["name"] = people.valid_name(body.name)
    if "phone" in changes:
        changes["phone"] = people.valid_phone(body.phone)
    party_member = volunteer.party_member
    if body.party_member is not None:
        party_member = body.party_member
    elif body.political_status is not None:
        party_member = body.political_status.counts_as_party_member
    given = body.model_dump(mode="json", exclude_unset=True, include={*_GROUNDS})
    grounds = {_GROUNDS[name]: value for name, value in given.items()}
    return RegisteredOut.of(await registration.change(work, volunteer_id, changes, party_member, grounds))


@api.command("/v1/volunteers/{volunteer_id}/consent-withdrawal", permission="volunteers.consent")
async def withdraw_consent(volunteer_id: UUID, work: Work, caller: Caller) -> RegisteredOut:
    """撤回同意：退出各服务队和未开始的报名，不再记录服务。No further service is recorded. 个人信息保护法 15."""
    await registration.of_caller(work, caller, volunteer_id)
    return RegisteredOut.of(await registration.withdraw_consent(work, volunteer_id))


@api.command("/v1/volunteers/{volunteer_id}/consent", permission="volunteers.consent")
async def renew_consent(volunteer_id: UUID, work: Work, caller: Caller) -> RegisteredOut:
    """重新同意。Consent is given again."""
    await registration.of_caller(work, caller, volunteer_id)
    return RegisteredOut.of(await registration.renew_consent(work, volunteer_id))


@api.command("/v1/volunteers/{volunteer_id}/forgetting", permission="volunteers.forget")
async def forget_person(volunteer_id: UUID, work: Work, caller: Caller) -> RegisteredOut:
    """删除个人信息：销毁密钥，无法恢复；编号和时长以匿名保留。

    The key of the person's data is destroyed, for good; number and hours stay without a name. 个人信息保护法 47.
    """
    await registration.of_caller(work, caller, volunteer_id)
    return RegisteredOut.of(await registration.forget(work, volunteer_id))


def _phone(body: SearchBody) -> str:
    return people.valid_phone(body.phone) or ""
