"""Donations as a table, and the running numbers of receipts."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import insert, or_, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.points.donations.model import Donation, decide, evolve
from services.points.market.lines import as_json
from services.points.market.repeated import Repeated
from services.points.market.taken_back import mark_reversed
from services.points.tables import donations, receipt_numbers
from shared.aggregate import Aggregate
from shared.contracts.love_market import GoodsDonated, GoodsLine, RepeatReason
from shared.contracts.reversals import DonationReversed
from shared.eventstore import Recorded
from shared.views import Views

DONATIONS = Aggregate("donation", initial=Donation(), decide=decide, evolve=evolve)

_LOOKS_THE_SAME = timedelta(days=1)

views = Views(tables=[donations, receipt_numbers])


@views.on(GoodsDonated)
async def donate(connection: AsyncConnection, event: GoodsDonated, recorded: Recorded) -> None:
    """A new row, and the number of its receipt is used."""
    await connection.execute(
        insert(donations).values(
            id=event.donation_id,
            community=event.community,
            donor_id=event.donor_id,
            receipt_number=event.receipt_number,
            lines=as_json(event.lines),
            received_at=event.received_at,
            repeats=event.repeats,
            repeat_reason=event.repeat_reason,
            version=recorded.version,
        )
    )
    last = int(event.receipt_number.rpartition("-D")[2])
    used = upsert(receipt_numbers).values(community=event.community, last=last)
    await connection.execute(used.on_conflict_do_update(index_elements=["community"], set_={"last": last}))


@views.on(DonationReversed)
async def reverse(connection: AsyncConnection, event: DonationReversed, recorded: Recorded) -> None:
    """Taken back."""
    await mark_reversed(connection, donations, event.donation_id, event, version=recorded.version)


async def next_number(connection: AsyncConnection, community: str) -> int:
    """The next running number of a community's receipts.

    Whoever asks holds the community's row until the commit, and a rollback gives the number back: no number is given
    twice, and none is left out.
    """
    taken = upsert(receipt_numbers).values(community=community, last=1)
    number = await connection.scalar(
        taken.on_conflict_do_update(index_elements=["community"], set_={"last": receipt_numbers.c.last + 1}).returning(
            receipt_numbers.c.last
        )
    )
    assert number is not None, "an upsert returns its row"
    return int(number)


async def looks_entered(
    connection: AsyncConnection, donor_id: UUID, lines: Sequence[GoodsLine], at: datetime, reason: RepeatReason | None
) -> Repeated | None:
    """A donor's latest donation that holds, within a day of a moment and of as many pieces of an item; None for none.

    To be asked behind `next_number`: of two of one moment the second sees the first.
    """
    d = donations.c
    same = or_(*(d.lines.contains([line]) for line in as_json(lines)))
    within = d.received_at.between(at - _LOOKS_THE_SAME, at + _LOOKS_THE_SAME)
    query = select(d.id, d.received_at, d.receipt_number).where(
        d.donor_id == donor_id, within, same, d.reversed_at.is_(None)
    )
    row = (await connection.execute(query.order_by(d.id.desc()).limit(1))).first()
    return None if row is None else Repeated(row.id, row.received_at, row.receipt_number, reason)
