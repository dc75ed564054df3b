"""Donations as a table, and the running numbers of receipts."""

from sqlalchemy import insert
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.points.donations.model import Donation, decide, evolve
from services.points.market.lines import as_json
from services.points.tables import donations, receipt_numbers
from shared.aggregate import Aggregate
from shared.contracts.love_market import GoodsDonated
from shared.eventstore import Recorded
from shared.views import Views

DONATIONS = Aggregate("donation", initial=Donation(), decide=decide, evolve=evolve)

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
            version=recorded.version,
        )
    )
    last = int(event.receipt_number.rpartition("-D")[2])
    used = upsert(receipt_numbers).values(community=event.community, last=last)
    await connection.execute(used.on_conflict_do_update(index_elements=["community"], set_={"last": last}))


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
