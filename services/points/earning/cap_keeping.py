"""Keeps the caps of days in the ledger: reads all of a day, asks `day_caps` what ought to be, and says what to post."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta

from services.points.earning.day_caps import Approval, Restatement, restate
from services.points.ledger.clauses import Clause
from services.points.ledger.postings import Posting
from services.points.ledger.transfer import Transfer
from services.points.ledger.writing import Connection, LedgerWriter, UnknownAccounts
from services.points.policy.book import PolicyBook
from services.points.policy.terms import Said
from services.points.units import CAPPED_TOGETHER, EARNED_UNITS, Unit
from shared.clock import day_start, local_day


class CapKeeping:
    """Caps of days on one set of ledger tables, under one policy book."""

    def __init__(self, writer: LedgerWriter, community_of_issuer: dict[int, str], book: PolicyBook) -> None:
        self._writer = writer
        self._community_of_issuer = community_of_issuer
        self._book = book

    async def purses(self, db: Connection, people: Sequence[int]) -> dict[int, dict[Unit, int]]:
        """The accounts of people by unit, by the accounts of their service records. Raises `UnknownAccounts`."""
        found: dict[int, dict[Unit, int]] = {}
        for person, unit, account in await db.fetch(_PURSES.format(schema=self._writer.schema), list(people)):
            found.setdefault(person, {})[Unit(unit)] = account
        if len(found) < len(set(people)):
            raise UnknownAccounts
        return found

    async def due(self, db: Connection, of_people: Sequence[tuple[Mapping[Unit, int], date]]) -> list[Transfer]:
        """Transfers that bring days of people, each with the person's accounts by unit, under their caps.

        None where they are. The days' rows must be locked.
        """
        days = [(account, day) for purse, day in of_people for account in purse.values()]
        rows = await db.fetch(
            _ENTRIES.format(schema=self._writer.schema),
            [account for account, _ in days],
            [day_start(day) for _, day in days],
            [day_start(day + timedelta(days=1)) for _, day in days],
        )
        entries: dict[tuple[int, date], list[Posting]] = {key: [] for key in days}
        unit_of_issuer: dict[int, Unit] = {}
        for account, unit, *columns in rows:
            entry = Posting(*columns)
            entries[(account, local_day(entry.occurred_at))].append(entry)
            unit_of_issuer[entry.contra_account] = Unit(unit)
        await self._know_issuers(db, (entry for of_day in entries.values() for entry in of_day))
        approvals = await self._approvals(db, [(purse[Unit.SERVICE_MINUTE], day) for purse, day in of_people])
        transfers = []
        for purse, day in of_people:
            for together in CAPPED_TOGETHER:
                of_day = [e for unit in together if unit in purse for e in entries[purse[unit], day]]

                def cap_at(
                    issuer: int, known_at: datetime, unit: Unit = together[0], day: date = day
                ) -> Said[int] | None:
                    return self._book.terms(self._community_of_issuer[issuer], day, known_at).cap_per_day(unit)

                # What is approved is minutes: points keep their cap.
                approved = approvals.get((purse[Unit.SERVICE_MINUTE], day), [])
                of_minutes = [] if together[0] is Unit.POINT else approved
                for restatement in restate(of_day, cap_at, self._repriced_at(of_day, day), of_minutes):
                    unit = unit_of_issuer[restatement.contra_account]
                    transfers.append(self._restated(purse[unit], unit, restatement))
        return transfers

    def _restated(self, account: int, unit: Unit, restatement: Restatement) -> Transfer:
        r = restatement
        debit, credit = (r.contra_account, account) if r.amount > 0 else (account, r.contra_account)
        return Transfer(
            debit,
            credit,
            abs(r.amount),
            r.corrects,
            r.occurred_at,
            r.recorded_at,
            r.event_id,
            r.record_id,
            unit,
            r.policy_version,
            r.clause,
        )

    async def _approvals(
        self, db: Connection, days: Sequence[tuple[int, date]]
    ) -> dict[tuple[int, date], list[Approval]]:
        """What offices said of days, by account of the service record and day, in the order in which they said it."""
        query = _APPROVALS.format(schema=self._writer.schema)
        found: dict[tuple[int, date], list[Approval]] = {}
        for account, day, *said in await db.fetch(query, [key[0] for key in days], [key[1] for key in days]):
            found.setdefault((account, day), []).append(Approval(*said))
        return found

    def _repriced_at(self, entries: Iterable[Posting], day: date) -> set[datetime]:
        """When the day was priced anew, in any of the communities in which it was served."""
        if not self._book.restatements:
            return set()
        communities = {self._community_of_issuer[entry.contra_account] for entry in entries}
        return {r.at for community in communities for r in self._book.restated(community, day)}

    async def _know_issuers(self, db: Connection, entries: Iterable[Posting]) -> None:
        """Other records of the day may come from communities that this process has not met yet."""
        strangers = {e.contra_account for e in entries} - self._community_of_issuer.keys()
        if strangers:
            self._community_of_issuer |= await self._writer.communities(db, strangers)


_PURSES = f"""
    SELECT record.id, mine.unit, mine.id
      FROM {{schema}}.accounts AS record
      JOIN {{schema}}.accounts AS mine
        ON mine.holder = record.holder AND mine.unit IN ({", ".join(str(int(unit)) for unit in EARNED_UNITS)})
     WHERE record.id = ANY($1::bigint[])
"""

# Both sides of a person's account on one day, by the two statement indexes.
_ENTRIES = f"""
    SELECT k.account, t.unit, t.id, t.event_id, t.record_id, t.clause, t.amount, t.debit_account, t.occurred_at,
           t.recorded_at
      FROM unnest($1::bigint[], $2::timestamptz[], $3::timestamptz[]) AS k(account, since, until)
      JOIN {{schema}}.transfers AS t
        ON t.credit_account = k.account AND t.credit_account > 0
       AND t.occurred_at >= k.since AND t.occurred_at < k.until AND t.clause <= {Clause.LONG_DAY:d}
    UNION ALL
    SELECT k.account, t.unit, t.id, t.event_id, t.record_id, t.clause, -t.amount, t.credit_account, t.occurred_at,
           t.recorded_at
      FROM unnest($1::bigint[], $2::timestamptz[], $3::timestamptz[]) AS k(account, since, until)
      JOIN {{schema}}.transfers AS t
        ON t.debit_account = k.account AND t.debit_account > 0
       AND t.occurred_at >= k.since AND t.occurred_at < k.until AND t.clause <= {Clause.LONG_DAY:d}
"""

# Asked when the days are locked, in a statement of its own: whatever was approved before is there to be seen.
_APPROVALS = """
    SELECT a.id, d.day, d.event_id, d.approved_at, d.minutes, d.policy_version
      FROM unnest($1::bigint[], $2::date[]) AS k(account, day)
      JOIN {schema}.accounts AS a ON a.id = k.account
      JOIN {schema}.day_approvals AS d ON d.holder = a.holder AND d.day = k.day
     ORDER BY d.approved_at, d.sequence
"""
