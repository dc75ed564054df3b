"""The parties of a case: who they are lies in the vault, which of them are volunteers or related to one in tables."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import delete, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from services.mediation.tables import parties, relatives
from shared.contracts import Refusal, refuse_if
from shared.privacy import Vault
from shared.unit_of_work import UnitOfWork
from shared.volunteers import require_known


class PartyIsErased(Refusal):
    """Who the party was is erased for good."""

    code = "party_erased"
    status = 410


class PartyRole(StrEnum):
    """On which side a party stands."""

    APPLICANT = "applicant"
    """申请人"""
    RESPONDENT = "respondent"
    """被申请人"""


@dataclass(frozen=True, slots=True)
class NewParty:
    """A party as it is entered."""

    party_id: UUID
    role: PartyRole
    identity: dict[str, str]
    """Name, and phone and address where known. For the vault only."""
    volunteer_id: UUID | None
    relatives: tuple[UUID, ...]

    @property
    def involved(self) -> frozenset[UUID]:
        """The party and the party's declared relatives, where volunteers."""
        return frozenset(self.relatives) | ({self.volunteer_id} if self.volunteer_id else frozenset())


@dataclass(frozen=True, slots=True)
class KnownParty:
    """A party as it is kept; without identity where that was erased."""

    party_id: UUID
    role: PartyRole
    identity: dict[str, str]
    volunteer_id: UUID | None
    relatives: tuple[UUID, ...]
    joined_at: datetime
    erased_at: datetime | None


async def lock(connection: AsyncConnection, case_id: UUID) -> None:
    """Hold the case while parties and mediators are compared, or a party is looked at, so that none changes unseen."""
    await connection.execute(text("SELECT 1 FROM cases WHERE case_id = :id FOR UPDATE"), {"id": case_id})


async def involved_in(connection: AsyncConnection, case_id: UUID) -> frozenset[UUID]:
    """All parties of the case and their declared relatives, where volunteers."""
    rows = await connection.scalars(
        text(
            "SELECT volunteer_id FROM parties WHERE case_id = :id AND volunteer_id IS NOT NULL"
            " UNION SELECT r.volunteer_id FROM relatives r JOIN parties p USING (party_id) WHERE p.case_id = :id"
        ),
        {"id": case_id},
    )
    return frozenset(rows.all())


async def keep(work: UnitOfWork, case_id: UUID, entered: Sequence[NewParty], wait_ms: int = 0) -> None:
    """Keep parties of a case: identities in the vault, the rest in the tables. Raises `VolunteerUnknown`."""
    if not entered:
        return
    involved = sorted({person for party in entered for person in party.involved})
    await require_known(work.connection, involved, wait_ms)
    await work.vault.put_many(work.connection, {party.party_id: party.identity for party in entered})
    await work.connection.execute(
        insert(parties),
        [
            {
                "party_id": party.party_id,
                "case_id": case_id,
                "role": party.role.value,
                "volunteer_id": party.volunteer_id,
                "joined_at": work.now,
            }
            for party in entered
        ],
    )
    await declare(
        work.connection, [(party.party_id, person) for party in entered for person in sorted(set(party.relatives))]
    )


async def declare(connection: AsyncConnection, related: Iterable[tuple[UUID, UUID]]) -> None:
    """Note relatives of parties; what is known already stays."""
    pairs = list(related)
    await connection.execute(
        text(
            "INSERT INTO relatives (party_id, volunteer_id)"
            " SELECT * FROM unnest(cast(:parties AS uuid[]), cast(:people AS uuid[])) ON CONFLICT DO NOTHING"
        ),
        {"parties": [party for party, _ in pairs], "people": [person for _, person in pairs]},
    )


async def retract(connection: AsyncConnection, party_id: UUID, volunteer_id: UUID) -> bool:
    """Whether somebody was noted as a relative of the party, who is none now."""
    gone = delete(relatives).where(relatives.c.party_id == party_id, relatives.c.volunteer_id == volunteer_id)
    return (await connection.execute(gone)).rowcount > 0


async def parties_of(connection: AsyncConnection, vault: Vault, case_id: UUID) -> list[KnownParty]:
    """The parties of a case with their identities, in the order in which they joined."""
    kept = (
        await connection.execute(
            select(parties).where(parties.c.case_id == case_id).order_by(parties.c.joined_at, parties.c.party_id)
        )
    ).all()
    ids = [row.party_id for row in kept]
    related: dict[UUID, list[UUID]] = {}
    for row in await connection.execute(select(relatives).where(relatives.c.party_id.in_(ids))):
        related.setdefault(row.party_id, []).append(row.volunteer_id)
    identities = await vault.get_many(connection, ids) if ids else {}
    return [
        KnownParty(
            party_id=row.party_id,
            role=PartyRole(row.role),
            identity=identities.get(row.party_id, {}),
            volunteer_id=row.volunteer_id,
            relatives=tuple(sorted(related.get(row.party_id, []))),
            joined_at=row.joined_at,
            erased_at=row.erased_at,
        )
        for row in kept
    ]


async def identity_to_change(work: UnitOfWork, case_id: UUID, party_id: UUID) -> dict[str, str]:
    """Who a party is, held until the transaction ends: an erasure in the same moment must not be written over.

    Raises `PartyIsErased`.
    """
    refuse_if(await is_erased(work, case_id, party_id), PartyIsErased)
    return await work.vault.get(work.connection, party_id)


async def is_erased(work: UnitOfWork, case_id: UUID, party_id: UUID) -> bool:
    """Whether nobody knows who a party is any more; the case is held, so it stays so until the transaction ends."""
    await lock(work.connection, case_id)
    return await work.connection.scalar(select(parties.c.erased_at).where(parties.c.party_id == party_id)) is not None


async def lose(work: UnitOfWork, party_id: UUID, at: datetime) -> None:
    """Destroy the key under which the party's identity lies, and every tie to a volunteer. `PartyErased` tells it."""
    await work.vault.forget(work.connection, party_id)
    await work.connection.execute(delete(relatives).where(relatives.c.party_id == party_id))
    await work.connection.execute(
        update(parties).where(parties.c.party_id == party_id).values(volunteer_id=None, erased_at=at)
    )
