"""The booking of one batch of services, from prices to moved balances."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from uuid import UUID

from services.points.earning.day_caps import Entry, Restatement, restate
from services.points.earning.kinds import EVIDENCE_NUMBERS, KIND_NUMBERS
from services.points.earning.pricing import Pricing, counted_minutes, intended_transfers
from services.points.earning.services import Service
from services.points.ledger.clauses import Clause
from services.points.ledger.copying import moment, pack_plain
from services.points.ledger.directory import BatchAccounts
from services.points.ledger.transfer import Transfer
from services.points.ledger.writing import Connection, LedgerWriter, Movements, UnknownAccounts
from services.points.policy.book import PolicyBook, Said
from services.points.units import CAPPED_TOGETHER, EARNED_UNITS, SLOTS, Unit
from shared.clock import day_start, local_day

_SERVICE = SLOTS[Unit.SERVICE_MINUTE]


class Booking:
    """One batch on its way into the ledger."""

    def __init__(
        self,
        writer: LedgerWriter,
        accounts: BatchAccounts,
        community_of_issuer: dict[int, str],
        book: PolicyBook,
    ) -> None:
        self._writer = writer
        self._accounts = accounts
        self._community_of_issuer = community_of_issuer
        self._book = book
        self._pricing = Pricing(book)
        self.movements = Movements.none()
        self.minutes: dict[tuple[int, int], int] = {}
        """Minutes that bear on caps, by account of the service record and day (an ordinal)."""

    async def write(self, db: Connection, services: Sequence[Service]) -> None:
        """All of it, in this order: transfers, day caps, balances. Locks are taken as `ledger.writing` says."""
        corrections = [s for s in services if s.evidence_before is not None]
        told_first = [s for s in services if s.evidence_before is None] if corrections else services
        if told_first:
            await self._writer.insert_packed(db, self.pack(told_first))
        # After the others, so that a correction finds what it corrects even when both are in this batch.
        await self._insert(db, await self._corrections(db, corrections))
        await self._insert(db, await self._keep_caps(db, services))
        await self._writer.move(db, self.movements)

    async def _insert(self, db: Connection, transfers: Sequence[Transfer]) -> None:
        await self._writer.insert_transfers(db, transfers)
        for transfer in transfers:
            self.movements.add(transfer)

    def pack(self, services: Sequence[Service]) -> Iterator[bytes]:
        """Transfers of records told for the first time, packed. The innermost loop of the platform: no calls to spare.

        It does what `intended_transfers`, `counted_minutes` and `Movements.add` say; a test compares them. Rows go in
        the order of the accounts: PostgreSQL puts them into the statement index at twice the speed.
        """
        volunteers, issuers, price_of = self._accounts.volunteers, self._accounts.issuers, self._pricing.price
        credits_, debits, minutes = self.movements.credits, self.movements.debits, self.minutes
        people = [volunteers[service.volunteer_id] for service in services]
        firsts = [person[0] for person in people]
        began, occurred, told, recorded, rate = None, 0, None, 0, int(Clause.RATE)
        for number in sorted(range(len(services)), key=firsts.__getitem__):
            event_id, record_id, _, community, kind, started_at, day, served, evidence, told_at, _, _ = services[number]
            earned = price_of(community, kind, day).earned(served, evidence)
            if not earned:
                continue
            if started_at is not began:
                began, occurred = started_at, moment(started_at)
            if told_at is not told:
                told, recorded = told_at, moment(told_at)
            person, issuer, event, record = people[number], issuers[community], event_id.bytes, record_id.bytes
            of_kind, tier = KIND_NUMBERS[kind], EVIDENCE_NUMBERS[evidence]
            for slot, unit, amount, version in earned:
                credit, debit = person[slot], issuer[slot]
                yield pack_plain(
                    debit, credit, amount, occurred, recorded, event, record, unit, version, rate, of_kind, tier, served
                )
                credits_[credit] = credits_.get(credit, 0) + amount
                debits[debit] = debits.get(debit, 0) + amount
            key = (person[_SERVICE], day)
            minutes[key] = minutes.get(key, 0) + served

    async def _corrections(self, db: Connection, corrections: Sequence[Service]) -> list[Transfer]:
        """Transfers of corrected records; each names the transfer that it corrects, where that is booked already."""
        originals = await self._originals(db, corrections)
        transfers = []
        for service in corrections:
            price = self._pricing.price(service.community, service.kind, service.day)
            person, issuer = self._accounts.volunteers[service.volunteer_id], self._accounts.issuers[service.community]
            for unit, amount, policy_version, clause in intended_transfers(price, service):
                mine = person[SLOTS[unit]]
                debit, credit = issuer[SLOTS[unit]], mine
                if amount < 0:
                    debit, credit = credit, debit
                transfers.append(
                    Transfer(
                        debit,
                        credit,
                        abs(amount),
                        originals.get((mine, service.record_id)),
                        service.started_at,
                        service.told_at,
                        service.event_id,
                        service.record_id,
                        unit,
                        policy_version,
                        clause,
                        KIND_NUMBERS[service.kind],
                        EVIDENCE_NUMBERS[service.evidence],
                        service.minutes,
                    )
                )
            counted, key = counted_minutes(price, service), (person[_SERVICE], service.day)
            if counted:
                self.minutes[key] = self.minutes.get(key, 0) + counted
        return transfers

    async def _originals(self, db: Connection, corrections: Sequence[Service]) -> dict[tuple[int, UUID], int]:
        """Numbers of the transfers that corrections correct, by person's account and record, where they are booked."""
        if not corrections:
            return {}
        keys = [
            (account, service.started_at, service.record_id)
            for service in corrections
            for account in self._accounts.volunteers[service.volunteer_id]
        ]
        query = _ORIGINALS.format(schema=self._writer.schema)
        rows = await db.fetch(query, [k[0] for k in keys], [k[1] for k in keys], [k[2] for k in keys])
        return {(row[0], row[1]): row[2] for row in rows}

    async def _keep_caps(self, db: Connection, services: Sequence[Service]) -> list[Transfer]:
        """Transfers that bring every day touched here back under its caps.

        A day's minutes are summed first; only a day with more minutes than any cap could allow is looked at closely.
        Raises `UnknownAccounts`, as `LedgerWriter.move` does.
        """
        if not self.minutes:
            return []
        full = await self._writer.count_minutes(db, self.minutes, self._book.uncapped_minutes_per_day)
        if not full:
            return []
        purses: dict[int, dict[Unit, int]] = {}
        # Asked anew: a person's account of donation minutes may have been opened since theirs were remembered.
        for person, unit, account in await db.fetch(_PURSES.format(schema=self._writer.schema), [p for p, _ in full]):
            purses.setdefault(person, {})[Unit(unit)] = account
        if any(person not in purses for person, _ in full):
            raise UnknownAccounts
        return await self._restate(db, [(purses[person], date.fromordinal(day)) for person, day in sorted(full)])

    async def _restate(self, db: Connection, of_people: Sequence[tuple[Mapping[Unit, int], date]]) -> list[Transfer]:
        """Days of people, each with the person's accounts by unit."""
        days = [(account, day) for purse, day in of_people for account in purse.values()]
        rows = await db.fetch(
            _ENTRIES.format(schema=self._writer.schema),
            [account for account, _ in days],
            [day_start(day) for _, day in days],
            [day_start(day + timedelta(days=1)) for _, day in days],
        )
        entries: dict[tuple[int, date], list[Entry]] = {key: [] for key in days}
        unit_of_issuer: dict[int, Unit] = {}
        for account, unit, *columns in rows:
            entry = Entry(*columns)
            entries[(account, local_day(entry.occurred_at))].append(entry)
            unit_of_issuer[entry.contra_account] = Unit(unit)
        await self._know_issuers(db, (entry for of_day in entries.values() for entry in of_day))
        transfers = []
        for purse, day in of_people:
            for together in CAPPED_TOGETHER:
                of_day = [e for unit in together if unit in purse for e in entries[purse[unit], day]]

                def cap_at(issuer: int, unit: Unit = together[0], day: date = day) -> Said[int] | None:
                    return self._book.terms(self._community_of_issuer[issuer], day).cap_per_day(unit)

                for restatement in restate(of_day, cap_at):
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

    async def _know_issuers(self, db: Connection, entries: Iterable[Entry]) -> None:
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

_ORIGINALS = f"""
    SELECT k.account, k.record_id, min(t.id)
      FROM unnest($1::bigint[], $2::timestamptz[], $3::uuid[]) AS k(account, started_at, record_id)
      JOIN {{schema}}.transfers AS t
        ON t.credit_account = k.account AND t.credit_account > 0
       AND t.occurred_at = k.started_at AND t.record_id = k.record_id AND t.clause = {Clause.RATE:d}
     GROUP BY k.account, k.record_id
"""

# Both sides of a person's account on one day, by the two statement indexes.
_ENTRIES = f"""
    SELECT k.account, t.unit, t.id, t.event_id, t.record_id, t.clause, t.amount, t.debit_account, t.occurred_at,
           t.recorded_at
      FROM unnest($1::bigint[], $2::timestamptz[], $3::timestamptz[]) AS k(account, since, until)
      JOIN {{schema}}.transfers AS t
        ON t.credit_account = k.account AND t.credit_account > 0
       AND t.occurred_at >= k.since AND t.occurred_at < k.until AND t.clause <= {Clause.RESTATEMENT:d}
    UNION ALL
    SELECT k.account, t.unit, t.id, t.event_id, t.record_id, t.clause, -t.amount, t.credit_account, t.occurred_at,
           t.recorded_at
      FROM unnest($1::bigint[], $2::timestamptz[], $3::timestamptz[]) AS k(account, since, until)
      JOIN {{schema}}.transfers AS t
        ON t.debit_account = k.account AND t.debit_account > 0
       AND t.occurred_at >= k.since AND t.occurred_at < k.until AND t.clause <= {Clause.RESTATEMENT:d}
"""
