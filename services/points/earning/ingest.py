"""A batch of events becomes transfers: price, copy, look at the day caps, move the balances. One transaction, given."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from uuid import UUID

from services.points.earning.day_caps import Entry, restate
from services.points.earning.pricing import Pricing, counted_minutes, intended_transfers
from services.points.earning.services import Service
from services.points.ledger.clauses import Clause
from services.points.ledger.copying import moment, pack_plain
from services.points.ledger.directory import AccountDirectory
from services.points.ledger.transfer import Transfer
from services.points.ledger.writing import Connection, LedgerWriter, Movements
from services.points.policy.book import PolicyBook, Said
from services.points.units import EARNED_UNITS, Unit
from shared.clock import day_start, local_day

_SERVICE = EARNED_UNITS.index(Unit.SERVICE_MINUTE)


@dataclass(slots=True)
class Ingest:
    """Books services on one set of ledger tables."""

    writer: LedgerWriter = field(default_factory=LedgerWriter)
    directory: AccountDirectory = field(init=False)

    def __post_init__(self) -> None:
        self.directory = AccountDirectory(self.writer)

    async def book_services(
        self, db: Connection, book: PolicyBook, services: Sequence[Service], recorded_at: datetime
    ) -> None:
        """Book what these services are worth. Their events must not have been booked before.

        Raises `NoPolicyInForce` when one cannot be priced, `UnknownAccounts` when the batch must be repeated after
        `directory.forget`.
        """
        if not services:
            return
        await self.directory.prepare(
            db, {s.community for s in services}, {s.volunteer_id: s.community for s in services}
        )
        pricing, movements = Pricing(book), Movements.none()
        minutes: dict[tuple[int, int], int] = {}
        corrections = [s for s in services if s.evidence_before is not None]
        told_first = [s for s in services if s.evidence_before is None] if corrections else services
        if told_first:
            rows = self._pack(pricing, told_first, moment(recorded_at), movements, minutes)
            await self.writer.insert_packed(db, rows)
        # After the others, so that a correction finds what it corrects even when both are in this batch.
        await self._write(db, await self._corrections(db, pricing, corrections, recorded_at, minutes), movements)
        await self._write(db, await self._keep_caps(db, book, services, minutes, recorded_at), movements)
        await self.writer.move(db, movements)

    async def _write(self, db: Connection, transfers: Sequence[Transfer], movements: Movements) -> None:
        await self.writer.insert_transfers(db, transfers)
        for transfer in transfers:
            movements.add(transfer)

    def _pack(
        self,
        pricing: Pricing,
        services: Sequence[Service],
        recorded: int,
        movements: Movements,
        minutes: dict[tuple[int, int], int],
    ) -> Iterator[bytes]:
        """Transfers of records told for the first time, packed. The innermost loop of the platform: no calls to spare.

        It does what `intended_transfers`, `counted_minutes` and `Movements.add` say; a test compares them. Rows go in
        the order of the accounts: PostgreSQL puts them into the statement index at twice the speed.
        """
        people, issuers = (
            [self.directory.volunteers[service.volunteer_id] for service in services],
            self.directory.issuers,
        )
        credits_, debits, rate = movements.credits, movements.debits, int(Clause.RATE)
        began, occurred = None, 0
        for number in sorted(range(len(services)), key=people.__getitem__):
            event_id, record_id, _, community, kind, started_at, day, served, evidence, _, _ = services[number]
            earned = pricing.price(community, kind, day).earned(served, evidence)
            if not earned:
                continue
            if started_at is not began:
                began, occurred = started_at, moment(started_at)
            person, issuer, event, record = people[number], issuers[community], event_id.bytes, record_id.bytes
            for unit, amount, version in earned:
                credit, debit = person[unit - 1], issuer[unit - 1]
                yield pack_plain(debit, credit, amount, occurred, recorded, event, record, unit, version, rate)
                credits_[credit] = credits_.get(credit, 0) + amount
                debits[debit] = debits.get(debit, 0) + amount
            key = (person[_SERVICE], day)
            minutes[key] = minutes.get(key, 0) + served

    async def _corrections(
        self,
        db: Connection,
        pricing: Pricing,
        corrections: Sequence[Service],
        recorded_at: datetime,
        minutes: dict[tuple[int, int], int],
    ) -> list[Transfer]:
        """Transfers of corrected records; each names the transfer that it corrects, where that is booked already."""
        originals = await self._originals(db, corrections)
        transfers = []
        for service in corrections:
            price = pricing.price(service.community, service.kind, service.day)
            numbers, issuers = (
                self.directory.volunteers[service.volunteer_id],
                self.directory.issuers[service.community],
            )
            for unit, amount, policy_version, clause in intended_transfers(price, service):
                person, issuer = numbers[unit - 1], issuers[unit - 1]
                transfers.append(
                    Transfer(
                        issuer if amount > 0 else person,
                        person if amount > 0 else issuer,
                        abs(amount),
                        originals.get((person, service.record_id)),
                        service.started_at,
                        recorded_at,
                        service.event_id,
                        service.record_id,
                        unit,
                        policy_version,
                        clause,
                    )
                )
            counted, key = counted_minutes(price, service), (numbers[_SERVICE], service.day)
            if counted:
                minutes[key] = minutes.get(key, 0) + counted
        return transfers

    async def _originals(self, db: Connection, corrections: Sequence[Service]) -> dict[tuple[int, UUID], int]:
        """Numbers of the transfers that corrections correct, by person's account and record, where they are booked."""
        if not corrections:
            return {}
        keys = [
            (account, service.started_at, service.record_id)
            for service in corrections
            for account in self.directory.volunteers[service.volunteer_id]
        ]
        rows = await db.fetch(
            _ORIGINALS.format(schema=self.writer.schema),
            [k[0] for k in keys],
            [k[1] for k in keys],
            [k[2] for k in keys],
        )
        return {(row[0], row[1]): row[2] for row in rows}

    async def _keep_caps(
        self,
        db: Connection,
        book: PolicyBook,
        services: Sequence[Service],
        minutes: dict[tuple[int, int], int],
        recorded_at: datetime,
    ) -> list[Transfer]:
        """Transfers that bring every day touched here back under its caps.

        A day's minutes are summed first; only a day with more minutes than any cap could allow is looked at closely.
        """
        if not minutes:
            return []
        full = await self.writer.count_minutes(db, minutes, book.uncapped_minutes_per_day)
        if not full:
            return []
        volunteers = self.directory.volunteers
        numbers_by_service_account = {
            numbers[_SERVICE]: numbers for numbers in (volunteers[service.volunteer_id] for service in services)
        }
        days = [
            (account, date.fromordinal(day))
            for person, day in sorted(full)
            for account in numbers_by_service_account[person]
        ]
        return await self._restate(db, book, days, recorded_at)

    async def _restate(
        self, db: Connection, book: PolicyBook, days: Sequence[tuple[int, date]], recorded_at: datetime
    ) -> list[Transfer]:
        rows = await db.fetch(
            _ENTRIES.format(schema=self.writer.schema),
            [account for account, _ in days],
            [day_start(day) for _, day in days],
            [day_start(day + timedelta(days=1)) for _, day in days],
        )
        entries: dict[tuple[int, date], list[Entry]] = {key: [] for key in days}
        unit_of: dict[int, Unit] = {}
        for account, unit, *columns in rows:
            entry = Entry(*columns)
            entries[(account, local_day(entry.occurred_at))].append(entry)
            unit_of[account] = Unit(unit)
        transfers = []
        for (account, day), of_day in entries.items():
            if not of_day:
                continue
            unit = unit_of[account]

            def cap_at(issuer: int, unit: Unit = unit, day: date = day) -> Said | None:
                return book.terms(self.directory.community_of_issuer[issuer], day).caps_per_day.get(unit)

            await self._know_issuers(db, of_day)
            for r in restate(of_day, cap_at):
                debit, credit = (r.contra_account, account) if r.amount > 0 else (account, r.contra_account)
                transfers.append(
                    Transfer(
                        debit,
                        credit,
                        abs(r.amount),
                        r.corrects,
                        r.occurred_at,
                        recorded_at,
                        r.event_id,
                        r.record_id,
                        unit,
                        r.policy_version,
                        r.clause,
                    )
                )
        return transfers

    async def _know_issuers(self, db: Connection, entries: Iterable[Entry]) -> None:
        """Other records of the day may come from communities that this process has not met yet."""
        strangers = {e.contra_account for e in entries} - self.directory.community_of_issuer.keys()
        if strangers:
            rows = await db.fetch(
                f"SELECT id, community FROM {self.writer.schema}.accounts WHERE id = ANY($1::bigint[])", list(strangers)
            )
            self.directory.community_of_issuer |= {row[0]: row[1] for row in rows}


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
    SELECT k.account, t.unit, t.id, t.event_id, t.record_id, t.clause, t.amount, t.debit_account, t.occurred_at
      FROM unnest($1::bigint[], $2::timestamptz[], $3::timestamptz[]) AS k(account, since, until)
      JOIN {{schema}}.transfers AS t
        ON t.credit_account = k.account AND t.credit_account > 0
       AND t.occurred_at >= k.since AND t.occurred_at < k.until AND t.clause <= {Clause.RESTATEMENT:d}
    UNION ALL
    SELECT k.account, t.unit, t.id, t.event_id, t.record_id, t.clause, -t.amount, t.credit_account, t.occurred_at
      FROM unnest($1::bigint[], $2::timestamptz[], $3::timestamptz[]) AS k(account, since, until)
      JOIN {{schema}}.transfers AS t
        ON t.debit_account = k.account AND t.debit_account > 0
       AND t.occurred_at >= k.since AND t.occurred_at < k.until AND t.clause <= {Clause.RESTATEMENT:d}
"""
