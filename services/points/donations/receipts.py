"""Routes of receipts (捐赠收据): what a donor is given for a gift, to read here and as paper.

The paper carries a QR code of the page that says what became of the gift (`page`).
"""

from datetime import datetime
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from fastapi import Request
from pydantic import Field
from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.points.fields import Configured, Reversible
from services.points.market.lines import LineOut
from services.points.node_names import named, names_of
from services.points.papers import Paper, Pdf, address_of, check_code, pdf, qr_code
from services.points.tables import donations, donors, items
from shared.clock import local_day
from shared.contracts.love_market import DonorKind
from shared.printing import print_pdf
from shared.privacy import Vault
from shared.web import Api, Caller, Read, Vaulted
from shared.web.nodes import row_of_caller

api = Api(tags=["donations 捐赠"])

_TEMPLATE: Final = Path(__file__).with_name("receipt.typ")


class ReceiptLineOut(LineOut):
    """Pieces of one item, by its name."""

    name: str
    piece: str | None = Field(description="计量单位 what one piece is")
    specification: str | None


class DonationReceiptOut(Reversible):
    """Everything that a receipt (捐赠收据) says."""

    receipt_number: str
    check_code: str = Field(description="核验码 printed in the QR code; who holds it may see what became of the gift")
    community: str
    donor_kind: DonorKind
    donor_name: str | None = Field(description="捐赠人，匿名或已删除为空 null where anonymous or erased")
    lines: list[ReceiptLineOut]
    received_at: datetime
    donation_id: UUID


@api.query("/v1/donations/{donation_id}/receipt", permission="donations.read_donor")
async def get_receipt(donation_id: UUID, read: Read, caller: Caller, vault: Vaulted) -> DonationReceiptOut:
    """捐赠收据的全部内容。Everything that the receipt of a donation says."""
    row = await row_of_caller(read, caller, donations.c.id, donation_id, "donation")
    donor = (await read.execute(select(donors).where(donors.c.id == row.donor_id))).one()
    return await _receipt(read, vault, row, donor)


@api.query("/v1/donations/{donation_id}/receipt.pdf", permission="donations.read_donor", response_class=Pdf)
async def get_paper(
    request: Request, donation_id: UUID, read: Read, caller: Caller, vault: Vaulted, settings: Configured
) -> Pdf:
    """捐赠收据（PDF），二维码通向物资去向的页面。The receipt on paper; its QR code leads to what became of the gift."""
    row = await row_of_caller(read, caller, donations.c.id, donation_id, "donation")
    donor = (await read.execute(select(donors).where(donors.c.id == row.donor_id))).one()
    receipt = await _receipt(read, vault, row, donor)
    community = named(row.community, await names_of(read, [row.community]))
    await read.close()  # nothing of the database is kept waiting for the paper
    number, code = receipt.receipt_number, receipt.check_code
    address = address_of(settings.public_url or str(request.base_url), Paper.RECEIPT, number, code)
    nobody = "匿名 anonymous" if donor.forgotten_at is None else "个人信息已删除 erased"
    data = {
        "number": number,
        "donor": receipt.donor_name or nobody,
        "community": community,
        "received_on": str(local_day(receipt.received_at)),
        "void_since": "" if receipt.reversed_at is None else str(local_day(receipt.reversed_at)),
        "lines": [_on_paper(line) for line in receipt.lines],
        "code": code,
        "qr": qr_code(address),
    }
    return pdf(await print_pdf(_TEMPLATE, data), number)


async def _receipt(read: AsyncConnection, vault: Vault, row: Row[Any], donor: Row[Any]) -> DonationReceiptOut:
    wanted = [UUID(line["item_id"]) for line in row.lines]
    given = {item.id: item for item in await read.execute(select(items).where(items.c.id.in_(wanted)))}
    lines = []
    for line in row.lines:
        item = given[UUID(line["item_id"])]
        lines.append(ReceiptLineOut(name=item.name, piece=item.piece, specification=item.specification, **line))
    return DonationReceiptOut(
        receipt_number=row.receipt_number,
        check_code=check_code(vault, Paper.RECEIPT, row.receipt_number),
        community=row.community,
        donor_kind=DonorKind(donor.kind),
        donor_name=(await vault.get(read, row.donor_id)).get("name"),
        lines=lines,
        received_at=row.received_at,
        donation_id=row.id,
        reversed_at=row.reversed_at,
        reversal_reason=row.reversal_reason,
    )


def _on_paper(line: ReceiptLineOut) -> dict[str, str]:
    return {
        "name": line.name,
        "specification": line.specification or "",
        "quantity": f"{line.quantity} {line.piece or '件'}",
    }
