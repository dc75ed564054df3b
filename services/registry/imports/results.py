"""What an import did, and the file to hand back: sealed in the vault, expiring, for the uploader's node only."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.registry.importing.problems import write_problem_file
from services.registry.importing.reasons import RowProblem
from services.registry.importing.sheet import Sheet
from services.registry.tables import imports
from shared.contracts import Refusal
from shared.privacy import Vault
from shared.unit_of_work import UnitOfWork
from shared.web.problems import Texts

EXPIRY = "imports.expiry"
_PROBLEMS_TOLD_MAX = 200
_FILE = "file"


class ImportFileGone(Refusal):
    """The file has expired, or there was nothing to hand back."""

    code = "import_file_gone"
    status = 410


@dataclass(frozen=True, slots=True)
class Result:
    """Counts and problems of an import; nothing in it says who somebody is."""

    import_id: UUID
    kind: str
    counts: dict[str, int]
    problems: tuple[RowProblem, ...]
    has_file: bool

    def stored(self) -> dict[str, Any]:
        """As kept in the database and told to the caller."""
        return {
            "counts": self.counts,
            "problem_rows": len({problem.row_number for problem in self.problems}),
            "problems": [
                {
                    "row": problem.row_number,
                    "column": problem.column,
                    "code": problem.code,
                    "zh": problem.zh,
                    "en": problem.en,
                }
                for problem in self.problems[:_PROBLEMS_TOLD_MAX]
            ],
        }


def row_refusal(texts: Texts, row_number: int, column: str, field: str, refusal: Refusal) -> RowProblem:
    """A rule's refusal as the problem of one row, in the same words as over HTTP."""
    zh, en = (texts.get(language, refusal.code, refusal.params) for language in ("zh", "en"))
    return RowProblem(row_number, column, refusal.code, zh, en, field)


async def keep(
    work: UnitOfWork,
    *,
    kind: str,
    node: str,
    subject: UUID | None,
    counts: dict[str, int],
    sheet: Sheet,
    problems: Sequence[RowProblem],
    keep_hours: int,
) -> Result:
    """Keep the result, and the rows that were not taken as a sealed file. A timer lets both go."""
    import_id = work.new_id()
    ordered = tuple(sorted(problems, key=lambda problem: problem.row_number))
    result = Result(import_id, kind, counts, ordered, bool(ordered))
    if ordered:
        content = base64.b64encode(write_problem_file(sheet, ordered)).decode()
        await work.vault.put(work.connection, import_id, {_FILE: content})
    expires_at = work.now + timedelta(hours=keep_hours)
    await work.connection.execute(
        insert(imports).values(
            id=import_id,
            node=node,
            kind=kind,
            subject=subject,
            result=result.stored(),
            has_file=result.has_file,
            imported_at=work.now,
            expires_at=expires_at,
        )
    )
    work.schedule(EXPIRY, import_id, expires_at)
    return result


async def file_of(connection: AsyncConnection, vault: Vault, import_id: UUID) -> bytes:
    """The file to hand back. Raises `ImportFileGone`."""
    content = (await vault.get(connection, import_id)).get(_FILE)
    if content is None:
        raise ImportFileGone
    return base64.b64decode(content)


async def found(connection: AsyncConnection, import_id: UUID) -> Any:
    """The row of an import, or None."""
    return (await connection.execute(select(imports).where(imports.c.id == import_id))).first()


async def expire(work: UnitOfWork, import_id: UUID) -> None:
    """Destroy the file's key and the result."""
    await work.vault.forget(work.connection, import_id)
    await work.connection.execute(delete(imports).where(imports.c.id == import_id))
