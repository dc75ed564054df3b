"""Account numbers that this process remembers, so that a batch need not look up every volunteer again. Bounded.

What is remembered may be wrong after a rollback or a switch to rebuilt tables. Numbers are never reused, so a wrong one
is one that does not exist: `LedgerWriter.move` notices, and the batch is repeated with an empty memory.
"""

from collections.abc import Iterable, Mapping
from uuid import UUID

from services.points.ledger import holders
from services.points.ledger.writing import AccountKey, Connection, LedgerWriter
from services.points.units import EARNED_UNITS

Numbers = tuple[int, ...]
"""Account numbers of one holder, in the order of `EARNED_UNITS`."""

_UNITS = tuple(int(unit) for unit in EARNED_UNITS)


class AccountDirectory:
    """Numbers of the accounts that service is booked on: volunteers', and the communities' accounts of issue."""

    def __init__(self, writer: LedgerWriter, volunteers_max: int = 250_000) -> None:
        self._writer = writer
        self._volunteers_max = volunteers_max
        self.volunteers: dict[UUID, Numbers] = {}
        self.issuers: dict[str, Numbers] = {}
        self.community_of_issuer: dict[int, str] = {}
        """Community by number of an account of issue."""

    def forget(self) -> None:
        """Start from nothing."""
        self.volunteers.clear()
        self.issuers.clear()
        self.community_of_issuer.clear()

    async def prepare(
        self, db: Connection, communities: Iterable[str], community_by_volunteer: Mapping[UUID, str]
    ) -> None:
        """Make sure that these communities and volunteers are known, opening accounts where there are none yet.

        A volunteer whom nobody registered (yet) is booked all the same; registry may be behind.
        """
        await self._prepare_issuers(db, set(communities))
        unknown = {v: c for v, c in community_by_volunteer.items() if v not in self.volunteers}
        if not unknown:
            return
        if len(self.volunteers) + len(unknown) > self._volunteers_max:
            self._drop_oldest(len(unknown), keep=community_by_volunteer)
        # An account belongs to the volunteer's home; until that is known, to where it first earned.
        unknown |= await self._writer.homes(db, unknown)
        names = {holders.volunteer(v): c for v, c in unknown.items()}
        numbers = await self._writer.open_accounts(db, names, _UNITS)
        for volunteer_id in unknown:
            holder = holders.volunteer(volunteer_id)
            self.volunteers[volunteer_id] = tuple(numbers[AccountKey(holder, unit)] for unit in _UNITS)

    async def _prepare_issuers(self, db: Connection, communities: set[str]) -> None:
        unknown = communities - self.issuers.keys()
        if not unknown:
            return
        numbers = await self._writer.open_accounts(db, {holders.issuance(c): c for c in unknown}, _UNITS)
        for community in unknown:
            mine = tuple(numbers[AccountKey(holders.issuance(community), unit)] for unit in _UNITS)
            self.issuers[community] = mine
            self.community_of_issuer |= dict.fromkeys(mine, community)

    def _drop_oldest(self, count: int, keep: Iterable[UUID]) -> None:
        kept = set(keep)
        oldest = [v for v in self.volunteers if v not in kept][: max(count, self._volunteers_max // 10)]
        for volunteer_id in oldest:
            del self.volunteers[volunteer_id]
