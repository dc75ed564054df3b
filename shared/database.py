"""The service's own PostgreSQL: one engine, transactions, and the door to raw asyncpg for the hot path."""

import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, cast

import asyncpg
from sqlalchemy import MetaData, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, InvalidatePoolError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from shared.contracts import Refusal
from shared.settings import Settings

NAMING = {
    "ix": "%(table_name)s_%(column_0_N_name)s",
    "uq": "%(table_name)s_%(column_0_N_name)s_key",
    "ck": "%(table_name)s_%(constraint_name)s_check",
    "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
    "pk": "%(table_name)s_pkey",
}


def service_metadata() -> MetaData:
    """Metadata for a service's own tables, with constraint names that do not depend on who creates them."""
    return MetaData(naming_convention=NAMING)


class QuestionWrote(Exception):
    """What only asks tried to change something. Our mistake, and nothing that passes: the server refused it."""


class QuestionTookTooLong(Refusal):
    """The database was asked for more than it can find within the time of one question. Params: `seconds`."""

    code = "question_took_too_long"
    status = 503


class Database:
    """One service's database. Opened lazily; `close` ends the pools."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.engine: AsyncEngine = self._engine(settings.database_pool_size)
        # A pool of its own: that it cannot write is said once, when a connection is made, and costs no question
        # anything. And many who look something up do not keep those waiting who do something.
        for_questions = {
            "default_transaction_read_only": "on",
            "statement_timeout": str(settings.database_question_timeout_s * 1000),
        }
        self.questions: AsyncEngine = self._engine(settings.database_questions_pool_size, for_questions)

    def _engine(self, pool_size: int, server_settings: Mapping[str, str] | None = None) -> AsyncEngine:
        url = make_url(self._settings.database_url.get_secret_value()).set(drivername="postgresql+asyncpg")
        engine = create_async_engine(
            url,
            # Transactions are the driver's own; the dialect would open one with the first statement that it is sent.
            isolation_level="AUTOCOMMIT",
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=10,
            # The connection that was just used has its plans made and its pages mapped; rotating would waste both.
            pool_use_lifo=True,
            # Errors tell the statement, never its values: they may be somebody's name.
            hide_parameters=True,
            connect_args={"server_settings": self._server_settings() | dict(server_settings or {}), "timeout": 10},
        )
        event.listen(engine.sync_engine, "checkout", _refuse_closed)
        return engine

    def _server_settings(self) -> dict[str, str]:
        # A writer that hangs inside its transaction would hold back the relay of everyone: the server ends it.
        timeout_ms = self._settings.database_idle_in_transaction_timeout_s * 1000
        return {
            "idle_in_transaction_session_timeout": str(timeout_ms),
            "timezone": "UTC",
            "jit": "off",
            # A leader that lost its power holds its lock until the server notices: within half a minute, not two hours.
            "tcp_keepalives_idle": "15",
            "tcp_keepalives_interval": "5",
            "tcp_keepalives_count": "3",
        }

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """A read-committed transaction: committed on success, rolled back on any error."""
        async with self._connection() as (connection, raw), raw.transaction():
            yield connection

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """A transaction for queries; whatever it did is rolled back."""
        async with self._connection() as (connection, raw):
            transaction = raw.transaction()
            await transaction.start()
            try:
                yield connection
            finally:
                await transaction.rollback()

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[tuple[AsyncConnection, "asyncpg.Connection[Any]"]]:
        async with self.engine.connect() as connection:
            raw = await driver_connection(connection)
            try:
                yield connection, raw
            finally:
                if raw.is_in_transaction() and not connection.invalidated:
                    await connection.invalidate()  # cut short while it was ending: nobody else may go on in it

    @asynccontextmanager
    async def asking(self) -> AsyncIterator[AsyncConnection]:
        """A connection for questions, each a transaction by itself: one way to the server instead of three.

        They see what a read-committed transaction would show them: whatever is committed when each begins. The server
        lets them change nothing, and ends one that takes too long. Raises `QuestionWrote` or `QuestionTookTooLong`.
        """
        try:
            async with self.questions.connect() as connection:
                yield connection
        except Exception as error:
            # Elsewhere this state says that a standby answered, and that the same will succeed in a moment.
            if _sqlstate(error) == _READ_ONLY:
                raise QuestionWrote from error
            if _sqlstate(error) == _CANCELLED:
                # Not to be tried again at once: the next one would take as long.
                raise QuestionTookTooLong(seconds=self._settings.database_question_timeout_s) from error
            raise

    async def dedicated(self) -> asyncpg.Connection:
        """A raw connection outside the pool, for LISTEN and session locks. The caller closes it."""
        url = make_url(self._settings.database_url.get_secret_value())
        host = url.host or cast(str | None, url.query.get("host"))
        return await asyncpg.connect(
            host=host,
            port=url.port,
            user=url.username,
            password=str(url.password) if url.password is not None else None,
            database=url.database,
            server_settings={**self._server_settings(), "application_name": "liuling"},
            timeout=10,
        )

    async def reach(self) -> None:
        """End the program with one line when there is no way to the database."""
        try:
            connection = await self.dedicated()
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            sys.exit(f"数据库联系不上 the database cannot be reached (DATABASE_URL): {type(error).__name__}: {error}")
        await connection.close()

    async def close(self) -> None:
        """End every connection."""
        await self.engine.dispose()
        await self.questions.dispose()


def _refuse_closed(connection: Any, *_: object) -> None:
    """Whoever closed a pooled connection has closed the others of its time; new ones are made in their places."""
    if connection.driver_connection.is_closed():
        raise InvalidatePoolError


async def driver_connection(connection: AsyncConnection) -> "asyncpg.Connection[Any]":
    """The asyncpg connection under an SQLAlchemy one, inside the same transaction."""
    raw = await connection.get_raw_connection()
    return cast("asyncpg.Connection[Any]", raw.driver_connection)


_READ_ONLY = "25006"
_CANCELLED = "57014"
_OF_THE_SERVER = ("08", _READ_ONLY, "40", "53", "55P03", "57", "58", "XX")
"""SQLSTATEs that say nothing about the statement: connection, read-only standby, lost race, resources, operator."""
_OF_THE_DATA = ("22", "23", "21")
"""SQLSTATEs that blame the values: data exceptions, constraints, cardinality."""


def is_transient(error: BaseException) -> bool:
    """Whether the same work may succeed when tried again: the server was away, full, or broke a deadlock."""
    if isinstance(error, PoolTimeout):
        return True
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    state = _sqlstate(error)
    if state is not None:
        return state.startswith(_OF_THE_SERVER)
    cause = error.orig.__cause__ if isinstance(error, DBAPIError) and error.orig is not None else error
    return isinstance(cause, (asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError))


def is_duplicate(error: BaseException) -> bool:
    """Whether a row of that key was there already."""
    return _sqlstate(error) == "23505"


def blames_the_record(error: BaseException) -> bool:
    """Whether work failed because of what it was given, and will fail again with it: a rule, a constraint, a value."""
    state = _sqlstate(error)
    if state is not None:
        return state.startswith(_OF_THE_DATA)
    return not isinstance(
        error,
        SQLAlchemyError | asyncpg.InterfaceError | asyncpg.InternalClientError | OSError | TimeoutError | MemoryError,
    )


class Lost(Exception):
    """Somebody else was faster; the same work is to be done again from the start."""


def _sqlstate(error: BaseException) -> str | None:
    for candidate in (error, getattr(error, "orig", None), getattr(getattr(error, "orig", None), "__cause__", None)):
        state = getattr(candidate, "sqlstate", None)
        if isinstance(state, str):
            return state
    return None
