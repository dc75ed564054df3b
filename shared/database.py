"""The service's own PostgreSQL: one engine, transactions, and the door to raw asyncpg for the hot path."""

import socket
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
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
        self._url = make_url(settings.database_url.get_secret_value())
        self.engine: AsyncEngine = self._engine(settings.database_pool_size)
        # A pool of its own: that it cannot write is said once, when a connection is made, and costs no question
        # anything. And many who look something up do not keep those waiting who do something.
        self.questions: AsyncEngine = self._engine(
            settings.database_questions_pool_size,
            default_transaction_read_only="on",
            statement_timeout=str(settings.database_question_timeout_s * 1000),
        )

    def _engine(self, pool_size: int, **server_settings: str) -> AsyncEngine:
        engine = create_async_engine(
            self._url.set(drivername="postgresql+asyncpg"),
            async_creator=partial(self._connect, **server_settings),
            # Transactions are the driver's own; the dialect would open one with the first statement that it is sent.
            isolation_level="AUTOCOMMIT",
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=10,
            # The connection that was just used has its plans made and its pages mapped; rotating would waste both.
            pool_use_lifo=True,
            # Errors tell the statement, never its values: they may be somebody's name.
            hide_parameters=True,
        )
        event.listen(engine.sync_engine, "checkout", _refuse_closed)
        return engine

    async def _connect(self, **server_settings: str) -> asyncpg.Connection:
        connection = await asyncpg.connect(
            self._url.render_as_string(hide_password=False),
            server_settings=self._server_settings() | server_settings,
            timeout=10,
        )
        _keep_alive(connection._transport.get_extra_info("socket"))  # type: ignore[attr-defined]
        return connection

    def _server_settings(self) -> dict[str, str]:
        # A writer that hangs inside its transaction would hold back the relay of everyone: the server ends it.
        timeout_ms = self._settings.database_idle_in_transaction_timeout_s * 1000
        return {
            "idle_in_transaction_session_timeout": str(timeout_ms),
            "timezone": "UTC",
            "jit": "off",
            # A leader that lost its power holds its lock until the server notices: within half a minute, not two hours.
            "tcp_keepalives_idle": str(_KEEPALIVE["TCP_KEEPIDLE"]),
            "tcp_keepalives_interval": str(_KEEPALIVE["TCP_KEEPINTVL"]),
            "tcp_keepalives_count": str(_KEEPALIVE["TCP_KEEPCNT"]),
        }

    @asynccontextmanager
    async def transaction(self, opening: str = "BEGIN") -> AsyncIterator[AsyncConnection]:
        """A read-committed transaction: committed on success, rolled back on any error.

        Whatever else it begins with in any case can stand in `opening`, and takes no way to the server of its own.
        """
        async with self._connection() as (connection, raw):
            try:
                await raw.execute(opening)
                yield connection
            except BaseException:
                await _roll_back(connection, raw)
                raise
            if await raw.execute("COMMIT") != "COMMIT":
                # A statement had failed, and whoever caught its error went on as if it were not so.
                raise asyncpg.InFailedSQLTransactionError("the transaction had failed and was rolled back")

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """A transaction for queries; whatever it did is rolled back."""
        async with self._connection() as (connection, raw):
            try:
                await raw.execute("BEGIN")
                yield connection
            finally:
                await _roll_back(connection, raw)

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
        return await self._connect(application_name="liuling")

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


_KEEPALIVE = {"TCP_KEEPIDLE": 15, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3}


def _keep_alive(connected: Any) -> None:
    """Notice a server that lost its power, as it notices us. Whoever waits for its answer would wait for ever."""
    if connected.family == socket.AF_UNIX:
        return
    with socket.fromfd(connected.fileno(), connected.family, connected.type) as same:
        same.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in _KEEPALIVE.items():
            if hasattr(socket, name):
                same.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
        if hasattr(socket, "TCP_USER_TIMEOUT"):  # while something is under way to it, no probes are sent
            same.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 30_000)


async def _roll_back(connection: AsyncConnection, raw: "asyncpg.Connection[Any]") -> None:
    """Undo a transaction. One whose connection was closed is undone, and to complain would hide why: who is cancelled
    in the middle of a statement must be seen to be, or what retries goes on for ever.
    """
    if raw.is_closed():
        return
    try:
        # Also where the driver sees no transaction: it may not have heard yet of the one whose opening was cut short.
        await raw.execute("ROLLBACK")
    except BaseException:
        await connection.invalidate()
        raise


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


_MET_ANOTHER = ("23P01", "40P01")
"""An exclusion constraint, a deadlock."""


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


@contextmanager
def excluded_is_lost() -> Iterator[None]:
    """For rows that exclude each other by a constraint, once nothing was seen in their way: whatever is in it now came
    in the same moment, and from the start it is seen. Raises `Lost`.
    """
    try:
        yield
    except DBAPIError as error:
        if _sqlstate(error) in _MET_ANOTHER:
            raise Lost from error
        raise


def _sqlstate(error: BaseException) -> str | None:
    for candidate in (error, getattr(error, "orig", None), getattr(getattr(error, "orig", None), "__cause__", None)):
        state = getattr(candidate, "sqlstate", None)
        if isinstance(state, str):
            return state
    return None
