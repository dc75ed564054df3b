"""Routes of donors. What identifies them comes from the vault, and is shown to the office only."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Response
from pydantic import BaseModel
from sqlalchemy import select

from services.points.donors.model import ForgetDonor, RegisterDonor
from services.points.donors.views import DONORS
from services.points.fields import DetailsBody, put_right
from services.points.names import Named, NamesAsked, with_names
from services.points.node_names import NamedPage, with_node_names
from services.points.tables import donors
from shared.contracts.common import CommunityCode
from shared.contracts.love_market import DonorKind
from shared.web import Api, Caller, NotFound, Paging, Read, Vaulted, Work, etag
from shared.web.fields import Body, ShortText
from shared.web.nodes import of_caller

api = Api(tags=["donors 捐赠人"])


class DonorBody(Body):
    """登记捐赠人 Who gives; kept encrypted. Without a name they stay anonymous, also on the receipt."""

    community: CommunityCode
    kind: DonorKind
    name: ShortText | None = None
    contact: ShortText | None = None


class DonorDetailsBody(DetailsBody):
    """更正捐赠人信息：只写要改的。Only what changes; null takes it away: without a name they are anonymous."""

    NEEDED = frozenset()

    name: ShortText | None = None
    contact: ShortText | None = None


class DonorStateOut(BaseModel):
    """The donor as the command left it."""

    id: UUID
    community: str
    forgotten: bool


class DonorOut(Named):
    """A donor in a list."""

    community: str
    kind: DonorKind
    registered_at: datetime
    forgotten_at: datetime | None


class DonorIdentityOut(DonorOut):
    """A donor with what identifies them; null where it was not given, or erased."""

    name: str | None
    contact: str | None


@api.command("/v1/donors", permission="donations.manage", status=201)
async def register_donor(body: DonorBody, work: Work, caller: Caller) -> DonorStateOut:
    """登记捐赠人。Register a donor; name and contact are kept encrypted."""
    caller.require(body.community)
    donor_id = work.new_id()
    donor = work.create(DONORS, donor_id, RegisterDonor(donor_id, body.community, body.kind, work.now))
    identity = {"name": body.name, "contact": body.contact}
    known = {field: value for field, value in identity.items() if value is not None}
    if known:
        await work.vault.put(work.connection, donor_id, known)
    return DonorStateOut(id=donor_id, community=donor.community, forgotten=donor.forgotten)


@api.command("/v1/donors/{donor_id}", permission="donations.manage", method="PATCH")
async def change_donor(donor_id: UUID, body: DonorDetailsBody, work: Work, caller: Caller) -> DonorStateOut:
    """更正捐赠人的名称和联系方式；再次打印的收据随之改正。Put name and contact right; receipts printed again follow."""
    await of_caller(work, caller, DONORS, donor_id)
    donor = await put_right(work, DONORS, donor_id, body.model_dump(exclude_unset=True))
    return DonorStateOut(id=donor_id, community=donor.community, forgotten=donor.forgotten)


@api.command("/v1/donors/{donor_id}/forgetting", permission="donations.manage")
async def forget_donor(donor_id: UUID, work: Work, caller: Caller) -> DonorStateOut:
    """删除捐赠人信息（个人信息保护法 47）；捐赠记录保留。Erase who the donor is; what they gave stays."""
    donor = await of_caller(work, caller, DONORS, donor_id)
    donor = await work.execute(DONORS, donor_id, ForgetDonor(work.now))
    await work.vault.forget(work.connection, donor_id)
    return DonorStateOut(id=donor_id, community=donor.community, forgotten=donor.forgotten)


@api.query("/v1/donors", permission="donations.read")
async def list_donors(
    read: Read,
    caller: Caller,
    page: Paging,
    vault: Vaulted,
    community: Annotated[CommunityCode | None, Query(description="社区 community")] = None,
    names: NamesAsked = False,
) -> NamedPage[DonorOut]:
    """捐赠人清单；社区和区可附名称，以便找到再次捐赠的人。Donors of the caller's node; the office may ask for names."""
    query = select(donors).where(donors.c.community.startswith(caller.node))
    if community is not None:
        query = query.where(donors.c.community == community)
    found = await page.fetch(read, query, [donors.c.id], lambda row: DonorOut(**_plain(row)))
    return await with_node_names(
        read, await with_names(found, read, vault, caller, "donations.read_donor") if names else found
    )


@api.query("/v1/donors/{donor_id}", permission="donations.read_donor")
async def get_donor(donor_id: UUID, read: Read, caller: Caller, vault: Vaulted, response: Response) -> DonorIdentityOut:
    """一位捐赠人。One donor, with their name."""
    row = (await read.execute(select(donors).where(donors.c.id == donor_id))).first()
    if row is None:
        raise NotFound("donor")
    caller.require(row.community)
    etag(response, row.version)
    known = await vault.get(read, donor_id)
    return DonorIdentityOut(**_plain(row), name=known.get("name"), contact=known.get("contact"))


def _plain(row: Any) -> dict[str, Any]:
    return {
        "id": row.id,
        "community": row.community,
        "kind": DonorKind(row.kind),
        "registered_at": row.registered_at,
        "forgotten_at": row.forgotten_at,
    }
