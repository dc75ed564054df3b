"""Routes of suppliers. What identifies them comes from the vault, and is shown to the office only."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Response
from pydantic import BaseModel
from sqlalchemy import select

from services.points.fields import DetailsBody, put_right
from services.points.names import Named, NamesAsked, with_names
from services.points.node_names import NamedPage, with_node_names
from services.points.suppliers.model import ForgetSupplier, RegisterSupplier
from services.points.suppliers.views import SUPPLIERS
from services.points.tables import suppliers
from shared.contracts.common import CommunityCode
from shared.web import Api, Caller, NotFound, Paging, Read, Vaulted, Work, etag
from shared.web.fields import Body, ShortText
from shared.web.nodes import of_caller

api = Api(tags=["suppliers 供应商"])


class SupplierBody(Body):
    """登记供应商 Whom the market buys from; kept encrypted, since a small shop is a person."""

    community: CommunityCode
    name: ShortText
    contact: ShortText | None = None


class SupplierDetailsBody(DetailsBody):
    """更正供应商信息：只写要改的。Only what changes; null takes the contact away."""

    name: ShortText | None = None
    contact: ShortText | None = None


class SupplierStateOut(BaseModel):
    """The supplier as the command left it."""

    id: UUID
    community: str
    forgotten: bool


class SupplierOut(Named):
    """A supplier in a list."""

    community: str
    registered_at: datetime
    forgotten_at: datetime | None


class SupplierIdentityOut(SupplierOut):
    """A supplier with what identifies it; null where it was not given, or erased."""

    name: str | None
    contact: str | None


@api.command("/v1/suppliers", permission="purchases.manage", status=201)
async def register_supplier(body: SupplierBody, work: Work, caller: Caller) -> SupplierStateOut:
    """登记供应商。Register a supplier; name and contact are kept encrypted."""
    caller.require(body.community)
    supplier_id = work.new_id()
    supplier = work.create(SUPPLIERS, supplier_id, RegisterSupplier(supplier_id, body.community, work.now))
    identity = {"name": body.name} | ({"contact": body.contact} if body.contact is not None else {})
    await work.vault.put(work.connection, supplier_id, identity)
    return SupplierStateOut(id=supplier_id, community=supplier.community, forgotten=supplier.forgotten)


@api.command("/v1/suppliers/{supplier_id}", permission="purchases.manage", method="PATCH")
async def change_supplier(supplier_id: UUID, body: SupplierDetailsBody, work: Work, caller: Caller) -> SupplierStateOut:
    """更正供应商的名称和联系方式。Put name and contact right."""
    await of_caller(work, caller, SUPPLIERS, supplier_id)
    supplier = await put_right(work, SUPPLIERS, supplier_id, body.model_dump(exclude_unset=True))
    return SupplierStateOut(id=supplier_id, community=supplier.community, forgotten=supplier.forgotten)


@api.command("/v1/suppliers/{supplier_id}/forgetting", permission="purchases.manage")
async def forget_supplier(supplier_id: UUID, work: Work, caller: Caller) -> SupplierStateOut:
    """删除供应商信息；采购记录保留。Erase who the supplier is; what was bought stays."""
    supplier = await of_caller(work, caller, SUPPLIERS, supplier_id)
    supplier = await work.execute(SUPPLIERS, supplier_id, ForgetSupplier(work.now))
    await work.vault.forget(work.connection, supplier_id)
    return SupplierStateOut(id=supplier_id, community=supplier.community, forgotten=supplier.forgotten)


@api.query("/v1/suppliers", permission="purchases.read")
async def list_suppliers(
    read: Read,
    caller: Caller,
    page: Paging,
    vault: Vaulted,
    community: Annotated[CommunityCode | None, Query(description="社区 community")] = None,
    names: NamesAsked = False,
) -> NamedPage[SupplierOut]:
    """供应商清单；社区和区可附名称。Suppliers of the caller's node; the office may ask for names."""
    query = select(suppliers).where(suppliers.c.community.startswith(caller.node))
    if community is not None:
        query = query.where(suppliers.c.community == community)
    found = await page.fetch(read, query, [suppliers.c.id], lambda row: SupplierOut(**_plain(row)))
    return await with_node_names(
        read, await with_names(found, read, vault, caller, "purchases.read_supplier") if names else found
    )


@api.query("/v1/suppliers/{supplier_id}", permission="purchases.read_supplier")
async def get_supplier(
    supplier_id: UUID, read: Read, caller: Caller, vault: Vaulted, response: Response
) -> SupplierIdentityOut:
    """一家供应商。One supplier, with its name."""
    row = (await read.execute(select(suppliers).where(suppliers.c.id == supplier_id))).first()
    if row is None:
        raise NotFound("supplier")
    caller.require(row.community)
    etag(response, row.version)
    known = await vault.get(read, supplier_id)
    return SupplierIdentityOut(**_plain(row), name=known.get("name"), contact=known.get("contact"))


def _plain(row: Any) -> dict[str, Any]:
    return {
        "id": row.id,
        "community": row.community,
        "registered_at": row.registered_at,
        "forgotten_at": row.forgotten_at,
    }
