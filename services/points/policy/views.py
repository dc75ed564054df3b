"""The published policies as a table, and the policy book that pricing reads from it."""

import json
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from sqlalchemy import insert, update
from sqlalchemy.ext.asyncio import AsyncConnection

from services.points.policy import model
from services.points.policy.book import BEGINNING, PolicyBook, Restatement
from services.points.policy.document import read_document
from services.points.policy.ready import completed, national_default
from services.points.policy.terms import PolicyVersion
from services.points.tables import policies, restatements
from shared.aggregate import Aggregate
from shared.contracts.points import PolicyPublished, PolicyRestated, PolicyWithdrawn
from shared.eventstore import Recorded
from shared.ids import derived_id
from shared.unit_of_work import UnitOfWork
from shared.views import Views

POLICIES = Aggregate("policies", initial=model.Book(), decide=model.decide, evolve=model.evolve)
BOOK_ID = derived_id("points", "policy-book")
"""There is one book; versions are numbered across all nodes."""

views = Views(tables=[policies, restatements])


@views.on(PolicyPublished)
async def publish(connection: AsyncConnection, event: PolicyPublished, recorded: Recorded) -> None:
    """A new row."""
    await connection.execute(
        insert(policies).values(
            policy_version=event.policy_version,
            node=event.node,
            in_force_from=event.in_force_from,
            document=event.document,
            published_at=recorded.occurred_at,
            version=recorded.version,
            tried_at=event.tried_at,
            tried_months=event.tried_months,
        )
    )


@views.on(PolicyWithdrawn)
async def withdraw(connection: AsyncConnection, event: PolicyWithdrawn, recorded: Recorded) -> None:
    """The row stays: a restatement may have named it, and its version is not used again."""
    await connection.execute(
        update(policies)
        .where(policies.c.policy_version == event.policy_version)
        .values(withdrawn_at=recorded.occurred_at, version=recorded.version)
    )


@views.on(PolicyRestated)
async def restate(connection: AsyncConnection, event: PolicyRestated, recorded: Recorded) -> None:
    """A new row; what is left to do of it stands in `restatement_parts`."""
    await connection.execute(
        insert(restatements).values(
            number=event.restatement,
            event_id=recorded.event_id,
            node=event.node,
            policy_version=event.policy_version,
            since=event.since,
            until=event.until,
            reference=event.reference,
            restated_at=event.restated_at,
            version=recorded.version,
            tried_at=event.tried_at,
        )
    )


async def seed_national_default(work: UnitOfWork) -> bool:
    """Put the national default into an empty book as version 1, in force from the beginning. Says whether it did."""
    book = (await work.load(POLICIES, BOOK_ID)).state
    if book.latest_version:
        return False
    document = national_default()
    read_document(document, complete=True)
    await work.execute(POLICIES, BOOK_ID, model.SeedPolicy(in_force_from=BEGINNING, document=document))
    return True


def policy_version(event: PolicyPublished) -> PolicyVersion:
    """A published policy, read."""
    return read_published(event.policy_version, event.node, event.in_force_from, event.document)


def read_published(
    version: int, node: str | None, in_force_from: date, raw: Mapping[str, Any], *, withdrawn: bool = False
) -> PolicyVersion:
    """A policy as it was published, by this release or by an earlier one."""
    everywhere = node is None
    document = read_document(completed(raw) if everywhere else raw, complete=everywhere, published=True)
    return PolicyVersion(version, node, in_force_from, document, withdrawn)


def restatement(event: PolicyRestated, recorded: Recorded) -> Restatement:
    """A restatement, read."""
    return Restatement(
        event.restatement,
        event.node,
        event.policy_version,
        event.since,
        event.until,
        recorded.event_id,
        event.restated_at,
    )


class PolicyShelf:
    """Keeps the policy book at hand, and takes a new copy when it has changed since."""

    def __init__(self) -> None:
        self._book = PolicyBook([])
        self._latest: tuple[int, ...] = (0, 0, 0)

    async def current(self, db: Any, latest: Sequence[int] | None = None) -> PolicyBook:
        """The book as committed policies make it, read over an asyncpg connection.

        `latest` are the columns `LATEST` for whoever has just asked for them, along with something else.
        """
        latest = tuple(await db.fetchrow(f"SELECT {LATEST}") if latest is None else latest)
        if latest != self._latest:
            # Restatements first: each of them names a policy that was there before it.
            restated = [Restatement(*row) for row in await db.fetch(_RESTATEMENTS)]
            rows = await db.fetch(_PUBLISHED)
            published = (read_published(row[0], row[1], row[2], json.loads(row[3]), withdrawn=row[4]) for row in rows)
            self._book, self._latest = PolicyBook(published, restated), latest
        return self._book


LATEST = """
    (SELECT coalesce(max(policy_version), 0) FROM policies),
    (SELECT count(*) FROM policies WHERE withdrawn_at IS NOT NULL),
    (SELECT coalesce(max(number), 0) FROM restatements)
"""
"""How far the published policies have come: three columns of a question."""

_PUBLISHED = "SELECT policy_version, node, in_force_from, document::text, withdrawn_at IS NOT NULL FROM policies"
_RESTATEMENTS = "SELECT number, node, policy_version, since, until, event_id, restated_at FROM restatements"
