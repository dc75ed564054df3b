"""The kernel's own tables, as DDL that every service's first migration runs, and the run of Alembic itself."""

from pathlib import Path
from typing import Any

from sqlalchemy import Connection, MetaData, inspect, text

KERNEL_TABLES = frozenset(
    {
        "events",
        "relay_cursor",
        "consumed",
        "read_until",
        "parked",
        "discarded",
        "timers",
        "idempotency",
        "vault_keys",
        "vault_entries",
        "actor_key",
    }
)

_KERNEL_0001 = (
    """
    CREATE TABLE events (
        position    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        stream      text NOT NULL,
        version     integer NOT NULL CHECK (version > 0),
        event_id    uuid NOT NULL UNIQUE,
        type        text NOT NULL,
        community   text NOT NULL,
        data        jsonb NOT NULL,
        metadata    jsonb NOT NULL,
        occurred_at timestamptz NOT NULL,
        recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        CONSTRAINT events_stream_version UNIQUE (stream, version)
    )
    """,
    """
    CREATE FUNCTION append_lock() RETURNS bigint LANGUAGE sql IMMUTABLE AS $$ SELECT 4995421783::bigint $$
    """,
    """
    CREATE FUNCTION rebuild_gate() RETURNS bigint LANGUAGE sql IMMUTABLE AS $$ SELECT 4995421786::bigint $$
    """,
    # Lock, insert, notify in one call: the lock is taken immediately before the insert and held over nothing else.
    """
    CREATE FUNCTION append_events(
        streams text[], versions integer[], ids uuid[], types text[], communities text[],
        bodies text[], metadatas text[], occurred timestamptz[]
    ) RETURNS bigint LANGUAGE plpgsql AS $$
    DECLARE last bigint;
    BEGIN
        PERFORM pg_advisory_xact_lock(append_lock());
        INSERT INTO events (stream, version, event_id, type, community, data, metadata, occurred_at)
        SELECT s, v, i, t, c, d::jsonb, m::jsonb, o
          FROM unnest(streams, versions, ids, types, communities, bodies, metadatas, occurred)
               WITH ORDINALITY AS e(s, v, i, t, c, d, m, o, n)
         ORDER BY n;
        SELECT max(position) INTO last FROM events;
        PERFORM pg_notify('events', last::text);
        RETURN last;
    END $$
    """,
    """
    CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION '% is append-only: facts of the past are not changed', TG_TABLE_NAME;
    END $$
    """,
    """
    CREATE TRIGGER events_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON events
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
    """,
    "CREATE TABLE relay_cursor (topic text PRIMARY KEY, position bigint NOT NULL)",
    "CREATE TABLE consumed (event_id uuid PRIMARY KEY)",
    """
    CREATE TABLE parked (
        id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        topic       text NOT NULL,
        partition   integer NOT NULL,
        log_offset  bigint NOT NULL,
        record_key  bytea NOT NULL,
        headers     jsonb NOT NULL,
        body        bytea NOT NULL,
        reason      text NOT NULL,
        attempts    integer NOT NULL DEFAULT 0,
        parked_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
        UNIQUE (topic, partition, log_offset)
    )
    """,
    "CREATE INDEX parked_key ON parked (topic, record_key, id)",
    # Events an operator gave up, for good: their records may be read again, but are not taken again.
    """
    CREATE TABLE discarded (
        event_id     uuid PRIMARY KEY,
        topic        text NOT NULL,
        partition    integer NOT NULL,
        log_offset   bigint NOT NULL,
        reason       text NOT NULL,
        discarded_at timestamptz NOT NULL DEFAULT clock_timestamp()
    )
    """,
    """
    CREATE TABLE timers (
        kind     text NOT NULL,
        subject  uuid NOT NULL,
        due_at   timestamptz NOT NULL,
        attempts integer NOT NULL DEFAULT 0,
        PRIMARY KEY (kind, subject)
    )
    """,
    "CREATE INDEX timers_due_at ON timers (due_at)",
    """
    CREATE TABLE idempotency (
        caller       text NOT NULL,
        key          text NOT NULL,
        fingerprint  bytea NOT NULL,
        status       smallint NOT NULL,
        headers      jsonb NOT NULL,
        body         bytea NOT NULL,
        created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
        PRIMARY KEY (caller, key)
    )
    """,
    "CREATE INDEX idempotency_created_at ON idempotency (created_at)",
    """
    CREATE TABLE vault_keys (
        subject     uuid PRIMARY KEY,
        wrapped_key bytea NOT NULL,
        created_at  timestamptz NOT NULL DEFAULT clock_timestamp()
    )
    """,
    """
    CREATE TABLE vault_entries (
        subject uuid NOT NULL REFERENCES vault_keys ON DELETE CASCADE,
        field   text NOT NULL,
        sealed  bytea NOT NULL,
        PRIMARY KEY (subject, field)
    )
    """,
)


_KERNEL_0002 = (
    "DROP INDEX parked_key",
    # The bus takes keys that are longer than an index can hold, and whatever it takes must find a place here.
    "CREATE INDEX parked_key ON parked (topic, sha256(record_key), id)",
)

_READ_UNTIL = """
    CREATE TABLE read_until (
        topic      text NOT NULL,
        partition  integer NOT NULL,
        log_offset bigint NOT NULL,
        PRIMARY KEY (topic, partition)
    )
"""

_ACTOR_KEY = """
    CREATE TABLE actor_key (
        the_only boolean PRIMARY KEY DEFAULT true CHECK (the_only),
        proof    bytea NOT NULL
    )
"""


def create_kernel_tables(op: Any) -> None:
    """The kernel's tables and functions, for the first migration of a service (`op` is alembic's)."""
    for statement in _KERNEL_0001:
        op.execute(statement)


def find_parked_by_digest(op: Any) -> None:
    """Parked records are found by a digest of their key, for a later migration of a service."""
    for statement in _KERNEL_0002:
        op.execute(statement)


def create_read_until(op: Any) -> None:
    """How far each topic was read (`shared.read_until`), for a later migration of a service."""
    op.execute(_READ_UNTIL)


def create_actor_key(op: Any) -> None:
    """Under which key staff are known here (`Vault.prove`), for a later migration of a service."""
    op.execute(_ACTOR_KEY)


def upgrade(connection: Connection, folder: Path, metadata: MetaData) -> None:
    """Bring the schema to head, in the caller's transaction."""
    # Imported here: only `migrate` needs Alembic, and it would cost every serving process a second and 10 MB.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(folder))
    config.attributes["connection"] = connection
    config.attributes["metadata"] = metadata
    command.upgrade(config, "head")


def run_env(context: Any) -> None:
    """What every service's ``migrations/env.py`` does: run on the connection that was handed over."""
    attributes = context.config.attributes
    context.configure(connection=attributes["connection"], target_metadata=attributes["metadata"])
    context.run_migrations()


def head(folder: Path) -> str:
    """The newest revision. Revisions are numbered, and a file begins with its number: ``0001_initial.py``."""
    return max(path.name.partition("_")[0] for path in (folder / "versions").glob("[0-9]*_*.py"))


def current(connection: Connection) -> str:
    """The revision that the database is at; of an empty one, one that is smaller than all."""
    if not inspect(connection).has_table("alembic_version"):
        return ""
    return str(connection.scalar(text("SELECT version_num FROM alembic_version")) or "")
