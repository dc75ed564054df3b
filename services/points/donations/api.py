"""Routes of donations: goods come in, and the receipt gets its number."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Query, Response
from pydantic import Field
from sqlalchemy import select

from services.points.donations.model import Donate
from services.points.donations.views import DONATIONS, looks_entered, next_number
from services.points.donors.views import DONORS
from services.points.fields import Configured, ReversalBody, ReversalOut, Reversible, WhetherReversed, dated, reversing
from services.points.market.lines import LineOut, Lines, goods, require_items
from services.points.market.taken_back import hold_row
from services.points.node_names import NamedPage, with_node_names
from services.points.tables import donations
from shared.contracts.common import CommunityCode
from shared.contracts.love_market import RepeatReason
from shared.web import Api, Caller, Paging, Read, Work, etag
from shared.web.fields import Body, Moment
from shared.web.nodes import of_caller, row_of_caller

api = Api(tags=["donations 捐赠"])


class DonationBody(Body):
    """接收捐赠 Goods come in from a donor."""

    donor_id: UUID
    lines: Lines
    received_at: Annotated[Moment | None, Field(description="收到时间，默认现在 when it came; now by default")] = None
    repeat_reason: Annotated[
        Literal[RepeatReason.ANOTHER_DELIVERY, RepeatReason.OTHER] | None,
        Field(
            description="该捐赠人一日内已有同品同数的捐赠时须说明为何再登记 why there is to be another donation by the"
            " donor of as many pieces of the same item within a day; needed where there is one: 409"
            " `donation_looks_entered` says where"
        ),
    ] = None


class DonationOut(Reversible):
    """A donation."""

    id: UUID
    community: str
    donor_id: UUID
    receipt_number: str
    lines: list[LineOut]
    received_at: datetime
    repeats: UUID | None = Field(description="一日内同品同数的前一次捐赠 the donation before it that looks the same")
    repeat_reason: RepeatReason | None


@api.command("/v1/donations", permission="donations.manage", status=201)
async def donate(body: DonationBody, work: Work, caller: Caller, settings: Configured) -> DonationOut:
    """接收捐赠，入库并编收据号。Take goods in; the receipt gets its number.

    What the donor gave within a day, as many pieces of the same item, is entered again only where somebody says why:
    `repeat_reason`.
    """
    donor = await of_caller(work, caller, DONORS, body.donor_id)
    await require_items(work.connection, donor.community, [line.item_id for line in body.lines])
    donation_id = work.new_id()
    receipt = await next_number(work.connection, donor.community)
    lines, received = goods(body.lines), dated(work, settings, body.received_at)
    repeated = await looks_entered(work.connection, body.donor_id, lines, received.at, body.repeat_reason)
    command = Donate(
        donation_id=donation_id,
        community=donor.community,
        donor_id=body.donor_id,
        donor_forgotten=donor.forgotten,
        receipt=receipt,
        lines=lines,
        received=received,
        repeated=repeated,
    )
    donation = work.create(DONATIONS, donation_id, command)
    return DonationOut(
        id=donation_id,
        community=donation.community,
        donor_id=body.donor_id,
        receipt_number=donation.receipt_number,
        lines=[LineOut(item_id=line.item_id, quantity=line.quantity) for line in body.lines],
        received_at=received.at,
        repeats=None if repeated is None else repeated.first,
        repeat_reason=None if repeated is None else repeated.reason,
    )


@api.command("/v1/donations/{donation_id}/reversal", permission="donations.manage")
async def reverse_donation(
    donation_id: UUID, body: ReversalBody, work: Work, caller: Caller, settings: Configured
) -> ReversalOut:
    """撤回登记错误的捐赠：物资下架，收据作废，编号不再使用；货架上件数不够的不能撤回。

    Take a donation back that was entered wrongly, as a whole: pieces off the shelf, the receipt void, its number not
    given again. Not where the pieces are no longer there.
    """
    await hold_row(work.connection, donations, donation_id)
    await of_caller(work, caller, DONATIONS, donation_id)
    command = reversing(work, settings, body)
    await work.execute(DONATIONS, donation_id, command)
    return ReversalOut(id=donation_id, reason=command.reason, reversed_at=command.at)


@api.query("/v1/donations", permission="donations.read")
async def list_donations(
    read: Read,
    caller: Caller,
    page: Paging,
    community: Annotated[CommunityCode | None, Query(description="社区 community")] = None,
    donor_id: Annotated[UUID | None, Query(description="捐赠人 donor")] = None,
    reversed_: WhetherReversed = None,
) -> NamedPage[DonationOut]:
    """捐赠清单。Donations to the markets of the caller's node."""
    query = select(donations).where(donations.c.community.startswith(caller.node))
    if community is not None:
        query = query.where(donations.c.community == community)
    if donor_id is not None:
        query = query.where(donations.c.donor_id == donor_id)
    if reversed_ is not None:
        query = query.where(donations.c.reversed_at.is_not(None) == reversed_)
    return await with_node_names(read, await page.fetch(read, query, [donations.c.id], _donation))


@api.query("/v1/donations/{donation_id}", permission="donations.read")
async def get_donation(donation_id: UUID, read: Read, caller: Caller, response: Response) -> DonationOut:
    """一次捐赠。One donation."""
    row = await row_of_caller(read, caller, donations.c.id, donation_id, "donation")
    etag(response, row.version)
    return _donation(row)


def _donation(row: Any) -> DonationOut:
    return DonationOut(
        id=row.id,
        community=row.community,
        donor_id=row.donor_id,
        receipt_number=row.receipt_number,
        lines=[LineOut(**line) for line in row.lines],
        received_at=row.received_at,
        repeats=row.repeats,
        repeat_reason=row.repeat_reason,
        reversed_at=row.reversed_at,
        reversal_reason=row.reversal_reason,
    )
