"""A database for each test in a tenth of a second: migrations run once for each service, and their result is copied."""

import uuid
from pathlib import Path
from typing import Any

import asyncpg
from sqlalchemy import MetaData
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import create_async_engine

from deploy.local.stack import LocalStack
from shared import migrations

_ROLE = "tests"
_NOTHING = "template0"


class Databases:
    """Databases on the stack's server, all of one role, so that a copy belongs to whoever owns the original."""

    def __init__(self, stack: LocalStack) -> None:
        self._admin_url = stack.postgres.admin_url()
        self._role_url = make_url(stack.create_database(_ROLE))
        self._migrated: dict[Path, str] = {}

    def address(self) -> str:
        """The URL of a database that is still to be made."""
        return self._role_url.set(database=f"t{uuid.uuid4().hex[:12]}").render_as_string(hide_password=False)

    async def make_empty(self, url: str) -> None:
        """Make the database of an address, with nothing in it."""
        await self._copy(_NOTHING, url)

    async def make(self, url: str, folder: Path, metadata: MetaData) -> None:
        """Make the database of an address, with the schema of the service in `folder` at head, and no rows."""
        if folder not in self._migrated:
            original = self.address()
            await self.make_empty(original)
            engine = create_async_engine(make_url(original).set(drivername="postgresql+asyncpg"))
            async with engine.begin() as connection:
                await connection.run_sync(lambda c: migrations.upgrade(c, folder / "migrations", metadata))
            await engine.dispose()
            self._migrated[folder] = _name(original)
        await self._copy(self._migrated[folder], url)

    async def back_up(self, url: str) -> str:
        """A copy of a database that nobody is connected to; returns its address."""
        copy = self.address()
        await self._copy(_name(url), copy)
        return copy

    async def _copy(self, template: str, url: str) -> None:
        admin: asyncpg.Connection[Any] = await asyncpg.connect(self._admin_url)
        try:
            await admin.execute(f"CREATE DATABASE {_name(url)} OWNER {_ROLE} TEMPLATE {template} ENCODING 'UTF8'")
            await admin.execute(f"REVOKE CONNECT, TEMPORARY ON DATABASE {_name(url)} FROM PUBLIC")
        finally:
            await admin.close()


def _name(url: str) -> str:
    return str(make_url(url).database)
