"""The booking of one batch of services, from prices to moved balances."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from services.points.earning.cap_keeping import CapKeeping
from services.points.earning.kinds import EVIDENCE_NUMBERS, KIND_NUMBERS
from services.points.earning.pricing import Intent, Pricing, counted_minutes, intended_transfers, restated_transfers
from services.points.earning.services import Service
from services.points.ledger.clauses import Clause
from services.points.ledger.copying import moment, pack_amount, pack_cause
from services.points.ledger.directory import BatchAccounts
from services.points.ledger.transfer import Transfer
from services.points.ledger.writing import Connection, LedgerWriter, Movements
from services.points.policy.book import PolicyBook
from services.points.units import SLOTS, Unit

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
        self._book = book
        self._pricing = Pricing(book)
        self._caps = CapKeeping(writer, community_of_issuer, book)
        self.movements = Movements.none()
        self.minutes: dict[tuple[int, int], int] = {}
        """Minutes that bear on caps, by account of the service record and day (an ordinal)."""
        self.noted: list[Service] = []
        """Service that moves no account, and corrections: of both, transfers do not say all."""

    async def write(self, db: Connection, services: Sequence[Service]) -> None:
        """All of it, in this order: transfers, day caps, balances. Locks are taken as `ledger.writing` says.

        Raises `UnknownAccounts`, as `LedgerWriter.move` does.
        """
        corrections = [s for s in services if s.evidence_before is not None]
        repriced = [s for s in services if self._is_repriced(s)] if self._book.restatements else []
        plain = services
        if corrections or repriced:
            plain = [s for s in services if s.evidence_before is None and not self._is_repriced(s)]
        if plain:
            await self._writer.insert_packed(db, self.pack(plain))
        await self._insert(db, self._told_when_repriced([s for s in repriced if s.evidence_before is None]))
        # After the others, so that a correction finds what it corrects even when both are in this batch.
        await self._insert(db, await self._corrections(db, corrections))
        await self._insert(db, await self._priced_anew(db, repriced))
        notes = [self._note(service) for service in self.noted]
        await self._writer.require(db, {account for note in notes for account in note[:2]})
        await self._writer.note(db, notes)
        await self._insert(db, await self._keep_caps(db, services))
        await self._writer.move(db, self.movements)

    def _is_repriced(self, service: Service) -> bool:
        return bool(self._book.restated(service.community, date.fromordinal(service.day)))

    async def _insert(self, db: Connection, transfers: Sequence[Transfer]) -> None:
        await self._writer.insert_transfers(db, transfers)
        for transfer in transfers:
            self.movements.add(transfer)

    def pack(self, services: Sequence[Service]) -> Iterator[bytes]:
        """Transfers of records told for the first time, packed, those of a record together.

        The innermost loop of the platform: no calls to spare. It does what `intended_transfers`, `counted_minutes` and
        `Movements.add` say; a test compares them. Rows go in the order of the accounts: PostgreSQL puts them into the
        statement index at twice the speed.
        """
        volunteers, issuers, price_of = self._accounts.volunteers, self._accounts.issuers, self._pricing.price
        credits_, minutes = self.movements.credits, self.minutes
        issued = {community: [0] * len(numbers) for community, numbers in issuers.items()}
        people = [volunteers[service.volunteer_id] for service in services]
        firsts = [person[0] for person in people]
        began, occurred, told, recorded, rate = None, 0, None, 0, int(Clause.RATE)
        for number in sorted(range(len(services)), key=firsts.__getitem__):
            event_id, record_id, _, community, kind, started_at, day, served, evidence, told_at, *_ = services[number]
            person = people[number]
            key = (person[_SERVICE], day)
            minutes[key] = minutes.get(key, 0) + served
            earned = price_of(community, kind, day).earned(served, evidence)
            if not earned:
                self.noted.append(services[number])
                continue
            if started_at is not began:
                began, occurred = started_at, moment(started_at)
            if told_at is not told:
                told, recorded = told_at, moment(told_at)
            of_kind, tier = KIND_NUMBERS[kind], EVIDENCE_NUMBERS[evidence]
            cause = pack_cause(occurred, recorded, event_id.bytes, record_id.bytes, rate, of_kind, tier, served)
            issuer, sums, amounts = issuers[community], issued[community], []
            for slot, unit, amount, version in earned:
                credit = person[slot]
                amounts.append(pack_amount(issuer[slot], credit, amount, unit, version))
                credits_[credit] = credits_.get(credit, 0) + amount
                sums[slot] += amount
            yield cause.join(amounts) + cause
        debits = self.movements.debits
        for community, sums in issued.items():
            for account, amount in zip(issuers[community], sums, strict=True):
                if amount:
                    debits[account] = debits.get(account, 0) + amount

    def _told_when_repriced(self, services: Sequence[Service]) -> list[Transfer]:
        """Transfers of records told for the first time, of days that some restatement priced anew."""
        transfers = []
        for service in services:
            price, _ = self._pricing.course(service)
            transfers += self._transfers(service, intended_transfers(price, service))
        return transfers

    async def _corrections(self, db: Connection, corrections: Sequence[Service]) -> list[Transfer]:
        """Transfers of corrected records; each names the transfer that it corrects, where that is booked already."""
        originals = await self._originals(db, corrections)
        transfers = []
        for service in corrections:
            price, _ = self._pricing.course(service)
            transfers += self._transfers(service, intended_transfers(price, service), originals)
        return transfers

    async def _priced_anew(self, db: Connection, services: Sequence[Service]) -> list[Transfer]:
        """What restatements make of records that were told before them."""
        originals = await self._originals(db, services)
        transfers = []
        for service in services:
            for step in self._pricing.course(service)[1]:
                told = service._replace(event_id=step.restatement.event_id, told_at=step.restatement.at)
                transfers += self._transfers(told, restated_transfers(step, service), originals, of_record=False)
        return transfers

    def _transfers(
        self,
        service: Service,
        intents: Iterable[Intent],
        originals: Mapping[tuple[int, UUID], int] = {},
        *,
        of_record: bool = True,
    ) -> list[Transfer]:
        """Transfers between the person's accounts and the community's; `of_record` when they tell of the service."""
        person, issuer = self._accounts.volunteers[service.volunteer_id], self._accounts.issuers[service.community]
        transfers = []
        for unit, amount, policy_version, clause in intents:
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
        if of_record:
            if not transfers or service.evidence_before is not None:
                self.noted.append(service)
            key = (person[_SERVICE], service.day)
            self.minutes[key] = self.minutes.get(key, 0) + counted_minutes(service)
        return transfers

    def _note(self, service: Service) -> tuple[Any, ...]:
        """A row of `notes`."""
        person, issuer = self._accounts.volunteers[service.volunteer_id], self._accounts.issuers[service.community]
        before = service.evidence_before
        return (
            person[_SERVICE],
            issuer[_SERVICE],
            service.started_at,
            service.told_at,
            service.event_id,
            service.record_id,
            KIND_NUMBERS[service.kind],
            EVIDENCE_NUMBERS[service.evidence],
            service.minutes,
            None if before is None else EVIDENCE_NUMBERS[before],
            None if before is None else service.minutes_before,
            service.reason,
        )

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
        # Asked anew: a person's account of donation minutes may have been opened since theirs were remembered.
        purses = await self._caps.purses(db, [person for person, _ in full])
        return await self._caps.due(db, [(purses[person], date.fromordinal(day)) for person, day in sorted(full)])


# What was told first; of a record that a correction added, or that brought nothing before, that correction.
_ORIGINALS = f"""
    SELECT k.account, k.record_id, (array_agg(t.id ORDER BY t.clause, t.id))[1]
      FROM unnest($1::bigint[], $2::timestamptz[], $3::uuid[]) AS k(account, started_at, record_id)
      JOIN {{schema}}.transfers AS t
        ON t.credit_account = k.account AND t.credit_account > 0
       AND t.occurred_at = k.started_at AND t.record_id = k.record_id
       AND t.clause IN ({Clause.RATE:d}, {Clause.CORRECTION:d})
     GROUP BY k.account, k.record_id
"""
