"""Account numbers that this process remembers, so that a batch need not look up every volunteer again. Bounded.

What is remembered may be wrong after a rollback or a switch to rebuilt tables. Numbers are never reused, so a wrong one
is one that does not exist: `LedgerWriter.move` and `require` notice, and the batch is repeated with an empty memory.
"""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import islice
from uuid import UUID

from services.points.ledger import holders
from services.points.ledger.writing import AccountKey, Connection, LedgerWriter
from services.points.units import EARNED_UNITS, OPENED_UNITS, Unit

Numbers = tuple[int, ...]
"""Account numbers of one holder, in the order of `EARNED_UNITS`; the last one only of those who need it."""

_UNITS = tuple(int(unit) for unit in EARNED_UNITS)
_OPENED = tuple(int(unit) for unit in OPENED_UNITS)
_DONATED = int(Unit.DONATION_MINUTE)


@dataclass(frozen=True, slots=True)
class BatchAccounts:
    """Numbers of all accounts that a batch is booked on."""

    volunteers: Mapping[UUID, Numbers]
    issuers: Mapping[str, Numbers]


class AccountDirectory:
    """Numbers of the accounts that service is booked on: volunteers', and the communities' accounts of issue."""

    def __init__(self, writer: LedgerWriter, volunteers_max: int = 250_000) -> None:
        self._writer = writer
        self._volunteers_max = volunteers_max
        self._volunteers: dict[UUID, Numbers] = {}
        self._issuers: dict[str, Numbers] = {}
        self.community_of_issuer: dict[int, str] = {}
        """Community by number of an account of issue."""

    def forget(self) -> None:
        """Start from nothing."""
        self._volunteers.clear()
        self._issuers.clear()

    def known(
        self, communities: Iterable[str], volunteers: Iterable[UUID], donors: Iterable[UUID] = ()
    ) -> BatchAccounts | None:
        """The accounts of these, or None when some are not remembered. Donors have one of donation minutes, too."""
        try:
            numbers = {volunteer_id: self._volunteers[volunteer_id] for volunteer_id in volunteers}
            if any(len(numbers[donor]) < len(_UNITS) for donor in donors):
                return None
            return BatchAccounts(numbers, {community: self._issuers[community] for community in communities})
        except KeyError:
            return None

    async def prepare(
        self,
        db: Connection,
        communities: Iterable[str],
        community_by_volunteer: Mapping[UUID, str],
        donors: AbstractSet[UUID] = frozenset(),
    ) -> BatchAccounts:
        """The accounts of these communities and volunteers, opened where there are none yet.

        Donors are those of the volunteers who may earn donation minutes, and get an account of these.
        A volunteer whom nobody registered (yet) is booked all the same; registry may be behind.
        """
        issuers = await self._prepare_issuers(db, set(communities))
        volunteers = {
            v: numbers
            for v in community_by_volunteer
            if (numbers := self._volunteers.get(v)) is not None and (v not in donors or len(numbers) == len(_UNITS))
        }
        unknown = {v: c for v, c in community_by_volunteer.items() if v not in volunteers}
        if unknown:
            found = await self._look_up(db, unknown, donors)
            volunteers |= found
            excess = len(self._volunteers) + len(found) - self._volunteers_max
            if excess > 0:
                for oldest in list(islice(self._volunteers, max(excess, self._volunteers_max // 10))):
                    del self._volunteers[oldest]
            self._volunteers |= found
        return BatchAccounts(volunteers, issuers)

    async def _look_up(
        self, db: Connection, unknown: dict[UUID, str], donors: AbstractSet[UUID]
    ) -> dict[UUID, Numbers]:
        names = {holders.volunteer(volunteer_id): community for volunteer_id, community in unknown.items()}
        numbers = await self._writer.open_accounts(db, names, _OPENED)
        donating = {name: names[name] for name in map(holders.volunteer, donors & unknown.keys())}
        if donating:
            # After all others, so that those who open accounts side by side still wait in one order.
            numbers |= await self._writer.open_accounts(db, donating, (_DONATED,))

        def numbers_of(holder: str) -> Numbers:
            units = _UNITS if holder in donating else _OPENED
            return tuple([numbers[AccountKey(holder, unit)] for unit in units])

        return {volunteer_id: numbers_of(holders.volunteer(volunteer_id)) for volunteer_id in unknown}

    async def _prepare_issuers(self, db: Connection, communities: set[str]) -> dict[str, Numbers]:
        # Taken along before anything is waited for: another batch may have everything forgotten meanwhile.
        issuers = {community: self._issuers[community] for community in communities if community in self._issuers}
        unknown = communities - issuers.keys()
        if unknown:
            numbers = await self._writer.open_accounts(db, {holders.issuance(c): c for c in unknown}, _UNITS)
            for community in unknown:
                mine = tuple(numbers[AccountKey(holders.issuance(community), unit)] for unit in _UNITS)
                issuers[community] = self._issuers[community] = mine
                self.community_of_issuer |= dict.fromkeys(mine, community)
        return issuers
