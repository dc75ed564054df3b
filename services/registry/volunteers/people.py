"""Who volunteers are: details sealed in the person vault, and the keyed digests by which people are found again."""

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import delete, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.registry.importing.cells import CellProblem
from services.registry.importing.phone import read_phone
from services.registry.importing.reasons import row_problem
from services.registry.importing.roster import PoliticalStatus, read_name
from services.registry.tables import identity_digests, search_digests
from shared.contracts import Refusal
from shared.identity_documents import (
    Document,
    DocumentKind,
    NumberWrong,
    keys_to_find,
    of_number,
    read_document,
    read_number,
)
from shared.privacy import Vault

_ID_NUMBER = "id_number"
_TELLS_ITSELF = 18
"""Numbers of so many digits tell their kind and the birth date; of others both are kept beside."""
SEARCHABLE = ("name", "phone")


class DetailNotValid(Refusal):
    """A name, ID number or phone that cannot be right. Says why, and never repeats the value."""

    code = "detail_not_valid"
    status = 422

    def __init__(self, field_title: str, problem: CellProblem) -> None:
        reason = row_problem(0, field_title, "", problem.code, **problem.params)
        super().__init__(reason=problem.code, zh=reason.zh, en=reason.en)


@dataclass(frozen=True, slots=True)
class Person:
    """What the register keeps of a person. The ``repr`` shows nothing of it."""

    name: str = field(repr=False)
    document: Document
    phone: str | None = field(repr=False, default=None)
    work_unit: str | None = field(repr=False, default=None)
    political_status: PoliticalStatus = field(repr=False, default=PoliticalStatus.NOT_STATED)
    skills: tuple[str, ...] = field(repr=False, default=())

    @property
    def born_on(self) -> date:
        """As the document says, or whoever showed it."""
        return self.document.born_on

    def sealed_fields(self) -> dict[str, str]:
        """As the vault keeps it; what is not known is empty, so that a change to nothing replaces what was there."""
        document = self.document
        beside = {"id_kind": document.kind.value, "born_on": document.born_on.isoformat()}
        return {
            "name": self.name,
            _ID_NUMBER: document.number,
            **({} if len(document.number) == _TELLS_ITSELF else beside),
            "phone": self.phone or "",
            "work_unit": self.work_unit or "",
            "political_status": self.political_status.value,
            "skills": json.dumps(self.skills, ensure_ascii=False),
        }

    @classmethod
    def opened(cls, fields: Mapping[str, str]) -> "Person":
        """From the vault's fields."""
        return cls(
            name=fields["name"],
            document=_opened(fields),
            phone=fields.get("phone") or None,
            work_unit=fields.get("work_unit") or None,
            political_status=PoliticalStatus(fields.get("political_status") or PoliticalStatus.NOT_STATED),
            skills=tuple(json.loads(fields.get("skills") or "[]")),
        )


def _opened(fields: Mapping[str, str]) -> Document:
    number = fields[_ID_NUMBER]
    if not fields.get("id_kind"):
        return of_number(number)
    return Document(DocumentKind(fields["id_kind"]), number, date.fromisoformat(fields["born_on"]))


def valid_document(value: str, today: date, kind: DocumentKind | None, born_on: date | None) -> Document:
    """The checked document. Raises `DetailNotValid`."""
    try:
        return read_document(value, today, kind, born_on)
    except NumberWrong as wrong:
        raise DetailNotValid("证件号", CellProblem(wrong.code)) from None


def tells_birth(value: str, today: date, kind: DocumentKind) -> bool:
    """Whether the number says when its holder was born."""
    with suppress(NumberWrong):
        return read_number(value, today, kind).born_on is not None
    return True


def valid_keys(value: str, today: date, kind: DocumentKind | None) -> tuple[str, ...]:
    """Under which keys the holder may be registered. Raises `DetailNotValid`."""
    try:
        return keys_to_find(value, today, kind)
    except NumberWrong as wrong:
        raise DetailNotValid("证件号", CellProblem(wrong.code)) from None


def valid_name(value: str) -> str:
    """The name as the register writes it. Raises `DetailNotValid`."""
    try:
        return read_name(value)
    except CellProblem as problem:
        raise DetailNotValid("姓名", problem) from None


def valid_phone(value: str | None) -> str | None:
    """The phone number in its one form. Raises `DetailNotValid`."""
    try:
        return read_phone(value)
    except CellProblem as problem:
        raise DetailNotValid("电话", problem) from None


def masked_name(name: str) -> str:
    """张三 → 张*, 欧阳娜娜 → 欧**娜: enough to recognise somebody whom one knows."""
    if len(name) <= 2:
        return name[:1] + "*" * (len(name) - 1)
    return name[0] + "*" * (len(name) - 2) + name[-1]


def masked_phone(phone: str | None) -> str | None:
    """139****1234."""
    return None if phone is None else phone[:3] + "*" * (len(phone) - 7) + phone[-4:]


# ── finding people ───────────────────────────────────────────────────────────────────────────────────────────────


def identity_digest(vault: Vault, key: str) -> bytes:
    """The digest under which a document is registered; `key` is its `Document.key`."""
    return vault.digest(_ID_NUMBER, key)


async def holders_of(connection: AsyncConnection, vault: Vault, keys: Iterable[str]) -> list[UUID]:
    """Volunteers, wherever they are at home, who are registered under one of these keys of documents."""
    digests = identity_digests.c
    query = select(digests.volunteer_id).where(digests.digest.in_([identity_digest(vault, key) for key in keys]))
    return list(await connection.scalars(query))


async def claim_identities(connection: AsyncConnection, vault: Vault, people: Mapping[UUID, str]) -> frozenset[UUID]:
    """Register the keys of new volunteers' documents. Returns whose were free; a concurrent claim is waited for."""
    rows = await connection.execute(
        text(
            "INSERT INTO identity_digests (digest, volunteer_id)"
            " SELECT d, v FROM unnest(cast(:digests AS bytea[]), cast(:ids AS uuid[])) AS row(d, v) ORDER BY d"
            " ON CONFLICT (digest) DO NOTHING RETURNING volunteer_id"
        ),
        {"digests": [identity_digest(vault, key) for key in people.values()], "ids": list(people)},
    )
    return frozenset(row[0] for row in rows)


class Registered(NamedTuple):
    """A volunteer whom a document belongs to."""

    volunteer_id: UUID
    number: str
    standing: str
    community: str
    """Home."""


async def registered_identities(
    connection: AsyncConnection, vault: Vault, keys: Iterable[str]
) -> dict[str, Registered]:
    """Those of the documents' keys that are registered, and as whom.

    The rows are locked against change until the transaction ends: who withdraws consent, or is forgotten, in the same
    moment either comes first and is seen, or leaves what they are entered into here.
    """
    by_digest = {identity_digest(vault, key): key for key in keys}
    rows = await connection.execute(
        text(
            "SELECT d.digest, v.id, v.number, v.standing, v.community FROM identity_digests d"
            " JOIN volunteers v ON v.id = d.volunteer_id WHERE d.digest = ANY(:digests)"
            " ORDER BY v.id FOR SHARE OF v"
        ),
        {"digests": list(by_digest)},
    )
    return {by_digest[bytes(digest)]: Registered(*known) for digest, *known in rows}


async def index_people(connection: AsyncConnection, vault: Vault, people: Mapping[UUID, Person]) -> None:
    """Make people findable by exact name and phone."""
    entries: list[tuple[str, bytes, UUID]] = []
    for volunteer_id, person in people.items():
        entries.append(("name", vault.digest("name", person.name), volunteer_id))
        if person.phone is not None:
            entries.append(("phone", vault.digest("phone", person.phone), volunteer_id))
    await connection.execute(
        text(
            "INSERT INTO search_digests (kind, digest, volunteer_id)"
            " SELECT * FROM unnest(cast(:kinds AS text[]), cast(:digests AS bytea[]), cast(:ids AS uuid[]))"
            " ON CONFLICT DO NOTHING"
        ),
        {"kinds": [e[0] for e in entries], "digests": [e[1] for e in entries], "ids": [e[2] for e in entries]},
    )


async def drop_search_digests(connection: AsyncConnection, volunteer_id: UUID) -> None:
    """Make a person unfindable by name and phone."""
    await connection.execute(delete(search_digests).where(search_digests.c.volunteer_id == volunteer_id))


async def drop_identity(connection: AsyncConnection, volunteer_id: UUID) -> None:
    """Free the document, for a corrected one or because the person is forgotten."""
    await connection.execute(delete(identity_digests).where(identity_digests.c.volunteer_id == volunteer_id))


async def people_of(connection: AsyncConnection, vault: Vault, volunteer_ids: Sequence[UUID]) -> dict[UUID, Person]:
    """Open the details of these volunteers. Forgotten ones are missing."""
    opened: dict[UUID, dict[str, str]] = await vault.get_many(connection, volunteer_ids) if volunteer_ids else {}
    return {volunteer_id: Person.opened(fields) for volunteer_id, fields in opened.items()}


# ── numbers ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def next_numbers(connection: AsyncConnection, community: str, count: int) -> list[str]:
    """The community's next volunteer numbers, e.g. 620201001004-000941.

    The row lock of the counter makes them unique; the hyphen keeps them from looking like an 18-digit ID number.
    """
    last: Any = await connection.scalar(
        text(
            "INSERT INTO volunteer_numbers AS n (community, last) VALUES (:community, :count)"
            " ON CONFLICT (community) DO UPDATE SET last = n.last + excluded.last RETURNING last"
        ),
        {"community": community, "count": count},
    )
    return [f"{community}-{number:06d}" for number in range(last - count + 1, last + 1)]


async def note_number(connection: AsyncConnection, number: str) -> None:
    """Give no number out that was given out before."""
    community, _, running = number.rpartition("-")
    await connection.execute(
        text(
            "INSERT INTO volunteer_numbers AS n (community, last) VALUES (:community, :last)"
            " ON CONFLICT (community) DO UPDATE SET last = greatest(n.last, excluded.last)"
        ),
        {"community": community, "last": int(running)},
    )
