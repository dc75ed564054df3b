"""A database and an owner role for each service, made on demand."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import asyncpg

from deploy.local.postgres import ExternalPostgres, Postgres
from deploy.local.processes import StackError

_NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")

AnyPostgres = Postgres | ExternalPostgres


def ensure_database(server: AnyPostgres, name: str) -> str:
    """Make the role and its database when they are missing; returns the URL for the role.

    The role owns its database and is no superuser; others cannot connect to it.
    """
    _check(name)
    _with_connection(server.admin_url(), lambda admin: _ensure(admin, name, server.password(name)))
    url = server.url(name)
    if isinstance(server, ExternalPostgres):
        _check_login(url, name)
    return url


def drop_database(server: AnyPostgres, name: str) -> None:
    """Remove a database, ending its sessions, and its role."""
    _check(name)

    async def drop(admin: "asyncpg.Connection[Any]") -> None:
        await admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        await admin.execute(f'DROP ROLE IF EXISTS "{name}"')

    _with_connection(server.admin_url(), drop)


async def _ensure(admin: "asyncpg.Connection[Any]", name: str, password: str) -> None:
    # Names and passwords are of a closed alphabet; neither a role nor a database can be a query parameter.
    if not await admin.fetchval("SELECT true FROM pg_roles WHERE rolname = $1", name):
        await admin.execute(f"CREATE ROLE \"{name}\" LOGIN PASSWORD '{password}'")
    if await admin.fetchval("SELECT true FROM pg_database WHERE datname = $1", name):
        return
    if not await admin.fetchval("SELECT rolsuper FROM pg_roles WHERE rolname = current_user"):
        # To give a database away, one must be a member of the new owner.
        await admin.execute(f'GRANT "{name}" TO CURRENT_USER')
    await admin.execute(f'CREATE DATABASE "{name}" OWNER "{name}" TEMPLATE template0 ENCODING \'UTF8\'')
    await admin.execute(f'REVOKE CONNECT, TEMPORARY ON DATABASE "{name}" FROM PUBLIC')


def _check_login(url: str, name: str) -> None:
    async def nothing(_: "asyncpg.Connection[Any]") -> None:
        return None

    try:
        _with_connection(url, nothing)
    except StackError as error:
        raise StackError(
            f"{error}\n角色 {name} 已存在但口令不同；请删除它，或用 {name} 自己的口令运行服务 "
            f"the role {name} exists with another password: drop it, or run the service with its own"
        ) from None


def _with_connection(url: str, use: "Callable[[asyncpg.Connection[Any]], Awaitable[None]]") -> None:
    """Run a coroutine on a connection of its own, in a thread: the caller may be inside a running event loop."""

    async def connected() -> None:
        connection = await asyncpg.connect(url, timeout=10)
        try:
            await use(connection)
        finally:
            await connection.close()

    try:
        with ThreadPoolExecutor(1) as thread:
            thread.submit(asyncio.run, connected()).result()
    except (asyncpg.PostgresError, OSError) as error:
        raise StackError(f"数据库操作失败 database: {type(error).__name__}: {error}") from None


def _check(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise StackError(
            f"数据库名只能用小写字母、数字和下划线 a database's name is lower-case letters, digits, _: {name}"
        )
