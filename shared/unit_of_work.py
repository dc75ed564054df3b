"""One command, one transaction: load, decide, change the read tables, and last of all append the events."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Generic, TypeVar
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.aggregate import Aggregate, State
from shared.clock import Clock
from shared.contracts import Event, Refusal
from shared.database import Database
from shared.eventstore import Answer, Notes, Recorded, append, read_stream, read_streams, writing
from shared.ids import NewId
from shared.privacy import Vault
from shared.telemetry import event_metadata
from shared.views import Views

S = TypeVar("S", bound=State)
L = TypeVar("L")


_CANCEL = text("DELETE FROM timers WHERE kind = :kind AND subject = :subject")


class PreconditionFailed(Refusal):
    """If-Match named a version that is not the current one."""

    code: ClassVar[str] = "version_changed"
    status: ClassVar[int] = 412


@dataclass(frozen=True, slots=True)
class Loaded(Generic[L]):
    """An aggregate's state and version; version 0 where it does not exist yet."""

    state: L
    version: int


@dataclass(slots=True)
class UnitOfWork:
    """What a command, a reaction or a timer works with. Everything it does is committed together or not at all."""

    connection: AsyncConnection
    vault: Vault
    now: datetime
    new_id: NewId
    actor: str | None = None
    expected_version: int | None = None
    """From If-Match; checked against the first aggregate that is touched."""
    _views: Views = field(default_factory=lambda: Views([]))
    _loaded: dict[str, Loaded[Any]] = field(default_factory=dict)
    _pending: list[Recorded] = field(default_factory=list)
    _timers: dict[tuple[str, UUID], datetime] = field(default_factory=dict)
    _first_stream: str | None = None

    async def load(self, aggregate: Aggregate[S], key: UUID | str) -> Loaded[S]:
        """The aggregate as it stands, including what this work has already decided."""
        stream = aggregate.stream(key)
        known: Loaded[S] | None = self._loaded.get(stream)
        if known is not None:
            return known
        events = await read_stream(self.connection, stream)
        return self._remember(stream, Loaded(aggregate.fold(events), len(events)))

    async def load_many(self, aggregate: Aggregate[S], keys: Sequence[UUID | str]) -> None:
        """Load many aggregates in one statement, so that `load` and `execute` find them at hand."""
        streams = [stream for key in keys if (stream := aggregate.stream(key)) not in self._loaded]
        for stream, events in (await read_streams(self.connection, streams)).items():
            self._remember(stream, Loaded(aggregate.fold(events), len(events)))

    async def execute(self, aggregate: Aggregate[S], key: UUID | str, command: Any) -> S:
        """Load, decide, remember the events. Returns the new state; raises the model's `Refusal`."""
        return self._decide(aggregate, key, await self.load(aggregate, key), command)

    def create(self, aggregate: Aggregate[S], key: UUID | str, command: Any) -> S:
        """Decide on an aggregate that cannot exist yet, without loading it; if it does, the append conflicts."""
        loaded: Loaded[S] | None = self._loaded.get(aggregate.stream(key))
        if loaded is None:
            loaded = self._remember(aggregate.stream(key), Loaded(aggregate.initial, 0))
        return self._decide(aggregate, key, loaded, command)

    def version(self, aggregate: Aggregate[Any], key: UUID | str) -> int:
        """The version that the aggregate will have after this work."""
        return self._loaded[aggregate.stream(key)].version

    @property
    def touched_version(self) -> int | None:
        """The version of the first aggregate touched, for the ETag of the answer."""
        return None if self._first_stream is None else self._loaded[self._first_stream].version

    def schedule(self, kind: str, subject: UUID, due_at: datetime) -> None:
        """Set, or move, the timer of this kind for a subject, when the work is committed."""
        self._timers[(kind, subject)] = due_at

    async def cancel_timer(self, kind: str, subject: UUID) -> None:
        """Take a timer back; one that is not set is no mistake. One that is due at this moment is waited for."""
        self._timers.pop((kind, subject), None)
        await self.connection.execute(_CANCEL, {"kind": kind, "subject": subject})

    async def finish(self, answer: Answer | None = None) -> Sequence[Recorded]:
        """Bring the read tables up to date and append the events. Nothing may follow but the commit.

        An `answer` is kept for the next command under the same key. Raises `KeyTaken` when there is one.
        """
        await self._views.apply_all(self.connection, self._pending)
        await append(self.connection, self._pending, Notes(self._timers, answer))
        return self._pending

    def _remember(self, stream: str, loaded: Loaded[S]) -> Loaded[S]:
        if self._first_stream is None:
            self._first_stream = stream
            if self.expected_version is not None and self.expected_version != loaded.version:
                raise PreconditionFailed(expected=self.expected_version, actual=loaded.version)
        self._loaded[stream] = loaded
        return loaded

    def _decide(self, aggregate: Aggregate[S], key: UUID | str, loaded: Loaded[S], command: Any) -> S:
        stream = aggregate.stream(key)
        events: list[Event] = aggregate.decide(loaded.state, command)
        state = aggregate.fold(events, loaded.state)
        metadata = event_metadata(self.actor)
        for number, event in enumerate(events, start=loaded.version + 1):
            self._pending.append(Recorded(event, self.new_id(), stream, number, state.community, self.now, metadata))
        self._loaded[stream] = Loaded(state, loaded.version + len(events))
        return state


@dataclass(frozen=True, slots=True)
class Workshop:
    """Opens units of work on one service's database."""

    database: Database
    views: Views
    vault: Vault
    clock: Clock
    new_id: NewId

    @asynccontextmanager
    async def transaction(self, *, actor: str | None = None) -> AsyncIterator[UnitOfWork]:
        """A unit of work in a fresh transaction. The caller runs `finish` last; any error rolls everything back."""
        async with writing(self.database) as connection:
            yield self.on(connection, actor=actor)

    def on(
        self, connection: AsyncConnection, *, actor: str | None = None, expected_version: int | None = None
    ) -> UnitOfWork:
        """A unit of work on a transaction that somebody else holds."""
        return UnitOfWork(
            connection=connection,
            vault=self.vault,
            now=self.clock(),
            new_id=self.new_id,
            actor=actor,
            expected_version=expected_version,
            _views=self.views,
        )
