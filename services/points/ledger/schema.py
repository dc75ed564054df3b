"""The ledger's tables as DDL. They live in a schema of their own, so that a rebuild can fill a second set beside them.

Account numbers come from one sequence outside the schemas: a number never means two holders, not even across a switch
to rebuilt tables, so a number that some process still remembers is either right or not there.

Accounts of issue have negative numbers. Every earned transfer touches one of them, and nobody reads their statement
line by line: leaving them out of the statement indexes halves what a transfer costs.

Transfers have no primary key. Their numbers are made by the table alone (GENERATED ALWAYS) and grow with it, so a BRIN
index finds a number in the few pages where it must be; a B-tree would cost every insert a tenth more. It keeps the
times of each stretch of pages too: what happened in some months is found without reading the years before, and what
became known on a day, for its seal, in the pages of that day. For the same reason what an event caused is found by a
Bloom filter over each 128 pages. Accounts change in place on their pages (HOT, hence the room that `fillfactor`
leaves; with less, one change in seven moves to another page and into three indexes), so they are vacuumed rarely:
during a backlog every other account changes with each batch, and vacuum would never stop.
"""

LIVE = "ledger"
REBUILT = "rebuild"
RETIRED = "retired"

SHARED_0001 = (
    "CREATE SEQUENCE account_ids AS bigint",
    "CREATE SEQUENCE unit_ids AS integer START 100",
    "CREATE TABLE units (id integer NOT NULL, code text NOT NULL, CONSTRAINT units_pkey PRIMARY KEY (id),"
    " CONSTRAINT units_code_key UNIQUE (code))",
    "INSERT INTO units (id, code) VALUES (1, 'POINT'), (2, 'MINUTE'), (3, 'SERVICE_MINUTE'), (4, 'FEN'),"
    " (5, 'DONATION_MINUTE')",
)
"""What live and rebuilt tables have in common."""

LEDGER_0001 = (
    "CREATE SCHEMA ledger",
    """
    CREATE TABLE ledger.accounts (
        id             bigint PRIMARY KEY,
        holder         text COLLATE "C" NOT NULL,
        unit           integer NOT NULL,
        community      text COLLATE "C" NOT NULL,
        limited        boolean NOT NULL,
        credits        bigint NOT NULL DEFAULT 0 CHECK (credits >= 0),
        debits         bigint NOT NULL DEFAULT 0 CHECK (debits >= 0),
        pending_debits bigint NOT NULL DEFAULT 0 CHECK (pending_debits >= 0),
        owed           bigint NOT NULL DEFAULT 0 CHECK (owed >= 0),
        version        bigint NOT NULL DEFAULT 0,
        CONSTRAINT accounts_holder_unit_key UNIQUE (holder, unit),
        CONSTRAINT accounts_never_below_zero
            CHECK (NOT limited OR credits - debits - pending_debits + owed >= 0)
    ) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 2)
    """,
    "CREATE INDEX accounts_community ON ledger.accounts (community, unit, holder)",
    """
    CREATE TABLE ledger.transfers (
        id             bigint GENERATED ALWAYS AS IDENTITY (CACHE 1000),
        debit_account  bigint NOT NULL,
        credit_account bigint NOT NULL,
        amount         bigint NOT NULL CHECK (amount > 0),
        corrects       bigint,
        occurred_at    timestamptz NOT NULL,
        recorded_at    timestamptz NOT NULL,
        event_id       uuid NOT NULL,
        record_id      uuid NOT NULL,
        unit           integer NOT NULL,
        policy_version integer,
        clause         smallint NOT NULL,
        kind           smallint,
        evidence       smallint,
        minutes        smallint
    ) WITH (fillfactor = 100, autovacuum_vacuum_insert_scale_factor = 0.5)
    """,
    "CREATE INDEX transfers_id ON ledger.transfers USING brin (id, occurred_at, recorded_at) WITH (autosummarize = on)",
    "CREATE INDEX transfers_event ON ledger.transfers USING brin (event_id uuid_bloom_ops) WITH (autosummarize = on)",
    "CREATE INDEX transfers_credit ON ledger.transfers (credit_account, occurred_at, id) WHERE credit_account > 0",
    "CREATE INDEX transfers_debit ON ledger.transfers (debit_account, occurred_at, id) WHERE debit_account > 0",
    """
    CREATE TABLE ledger.holds (
        hold_id        uuid NOT NULL,
        leg            smallint NOT NULL,
        event_id       uuid NOT NULL,
        debit_account  bigint NOT NULL,
        credit_account bigint NOT NULL,
        unit           integer NOT NULL,
        amount         bigint NOT NULL CHECK (amount > 0),
        clause         smallint NOT NULL,
        held_at        timestamptz NOT NULL,
        state          smallint NOT NULL DEFAULT 0 CHECK (state BETWEEN 0 AND 3),
        settled_by     uuid,
        settled_at     timestamptz,
        PRIMARY KEY (hold_id, leg),
        CONSTRAINT holds_settled_once CHECK ((state = 0) = (settled_by IS NULL))
    )
    """,
    "CREATE INDEX holds_account ON ledger.holds (debit_account, held_at)",
    """
    CREATE TABLE ledger.lapses (
        part      smallint NOT NULL,
        through   date NOT NULL,
        event_id  uuid NOT NULL,
        lapsed_at timestamptz NOT NULL,
        PRIMARY KEY (part, through)
    )
    """,
    """
    CREATE TABLE ledger.days (
        account bigint NOT NULL,
        day     date NOT NULL,
        minutes integer NOT NULL,
        PRIMARY KEY (account, day)
    ) WITH (fillfactor = 90)
    """,
    """
    CREATE TABLE ledger.members (
        volunteer_id  uuid PRIMARY KEY,
        community     text COLLATE "C",
        number        text,
        registered_on date,
        forgotten_at  timestamptz
    )
    """,
    """
    CREATE TABLE ledger.balance_changes (
        id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        accounts bigint[] STORAGE EXTERNAL NOT NULL
    )
    """,
    """
    CREATE TABLE ledger.sealed_days (
        community text COLLATE "C" NOT NULL,
        day       date NOT NULL,
        transfers bigint NOT NULL,
        PRIMARY KEY (community, day)
    )
    """,
    """
    CREATE TRIGGER transfers_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.transfers
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
    """,
)
"""The live tables, as the first migration creates them."""

LEDGER_0002 = (
    # The lower bound of a five-year age group, and since when it is known to hold; null until it was told.
    "ALTER TABLE ledger.members ADD COLUMN age_group_from smallint, ADD COLUMN age_group_on date",
    """
    CREATE TABLE ledger.pool_rounds (
        part      smallint NOT NULL,
        through   date NOT NULL,
        event_id  uuid NOT NULL,
        pooled_at timestamptz NOT NULL,
        PRIMARY KEY (part, through)
    )
    """,
    "CREATE INDEX pool_rounds_through ON ledger.pool_rounds (through)",
    # Pools that ever lacked what had to come back: whatever moves them, what they lacked is reckoned anew.
    "CREATE TABLE ledger.pools_short (account bigint PRIMARY KEY)",
)
"""What deposits of the time bank add."""

LEDGER_0004 = (
    """
    CREATE TABLE ledger.teams (
        team_id   uuid PRIMARY KEY,
        community text COLLATE "C" NOT NULL,
        name      text NOT NULL,
        kind      text NOT NULL,
        formed_on date NOT NULL
    )
    """,
    "CREATE INDEX teams_community ON ledger.teams (community, team_id)",
    # Every joining and leaving, by its place in the team's stream: who belonged when follows from the set of them.
    """
    CREATE TABLE ledger.team_changes (
        team_id      uuid NOT NULL,
        volunteer_id uuid NOT NULL,
        sequence     bigint NOT NULL,
        day          date NOT NULL,
        joined       boolean NOT NULL,
        PRIMARY KEY (team_id, volunteer_id, sequence)
    )
    """,
)
"""What leaderboards by team add."""

LEDGER_0005 = (
    """
    CREATE TABLE ledger.tellings (
        event_id              uuid PRIMARY KEY,
        told_at               timestamptz NOT NULL,
        began_at              timestamptz NOT NULL,
        ended_at              timestamptz NOT NULL,
        community             text COLLATE "C" NOT NULL,
        confirmed_by          uuid,
        added                 smallint NOT NULL,
        records               uuid[] NOT NULL,
        volunteers            uuid[] NOT NULL,
        entered_after_minutes smallint[]
    ) WITH (fillfactor = 100)
    """,
    "CREATE INDEX tellings_confirmer ON ledger.tellings (confirmed_by, told_at) WHERE confirmed_by IS NOT NULL",
    """
    CREATE TABLE ledger.assessments (
        record_id    uuid NOT NULL,
        side         text NOT NULL,
        volunteer_id uuid NOT NULL,
        quality      text NOT NULL,
        told_at      timestamptz NOT NULL,
        event_id     uuid NOT NULL,
        PRIMARY KEY (record_id, side)
    )
    """,
    "CREATE INDEX assessments_volunteer ON ledger.assessments (volunteer_id)",
)
"""Who vouched for whose records, event by event (`began_at` and `ended_at` are of the service), and how well each was
served, as each side said last.
"""

STORED = {
    "accounts": "fillfactor = 50, autovacuum_vacuum_scale_factor = 2",
    "transfers": "fillfactor = 100, autovacuum_vacuum_insert_scale_factor = 0.5",
    "days": "fillfactor = 90",
    "tellings": "fillfactor = 100",
}
"""How tables are stored. `LIKE` leaves that out, so a copy is told again."""

LEDGER_0006 = (
    f"ALTER TABLE ledger.accounts SET ({STORED['accounts']})",
    """
    CREATE TABLE ledger.notes (
        account         bigint NOT NULL,
        issuer          bigint NOT NULL,
        occurred_at     timestamptz NOT NULL,
        recorded_at     timestamptz NOT NULL,
        event_id        uuid NOT NULL,
        record_id       uuid NOT NULL,
        kind            smallint NOT NULL,
        evidence        smallint NOT NULL,
        minutes         smallint NOT NULL,
        evidence_before smallint,
        minutes_before  smallint
    )
    """,
    "CREATE INDEX notes_account ON ledger.notes (account, occurred_at)",
    "CREATE INDEX notes_event ON ledger.notes (event_id)",
)
"""What transfers do not say of service: that which moved no account (an estimate), and both sides of corrections.

`account` is the volunteer's service record and `issuer` the community's account of issue on the other side, as they
would be on a transfer.
"""

LEDGER_0007 = (
    """
    CREATE TABLE ledger.pool_spent (
        volunteer_id uuid NOT NULL,
        event_id     uuid NOT NULL,
        minutes      bigint NOT NULL,
        PRIMARY KEY (volunteer_id, event_id)
    )
    """,
)
"""What people had spent between the end of a day and its round, as the round says."""

LEDGER_0010 = ("ALTER TABLE ledger.notes ADD COLUMN reason text",)
"""Why a record was corrected, as its event says; null for other service, and for what was booked before."""

LEDGER_0012 = (
    """
    CREATE TABLE ledger.nodes (
        node     text COLLATE "C" PRIMARY KEY,
        sequence bigint NOT NULL,
        name     text NOT NULL
    )
    """,
)
"""What nodes of the organisation tree are called: the name that stands last in the node's stream."""

LEDGER_0013 = (
    # `community` is home; the place of the last move in the volunteer's stream, 0 where none was heard of.
    'ALTER TABLE ledger.members ADD COLUMN registered_in text COLLATE "C",'
    " ADD COLUMN home_sequence bigint NOT NULL DEFAULT 0",
    "UPDATE ledger.members SET registered_in = community WHERE registered_on IS NOT NULL",
)
"""Volunteers move: where home is may differ from where they were registered, in whose book their accounts stand."""

LEDGER_0015 = (
    "ALTER TABLE ledger.holds ADD COLUMN posted bigint NOT NULL DEFAULT 0",
    "UPDATE ledger.holds SET posted = amount WHERE state = 1",
    "ALTER TABLE ledger.holds ADD CONSTRAINT holds_posted_of_held"
    " CHECK (posted BETWEEN 0 AND amount AND (state = 1) = (posted > 0))",
)
"""Holds are posted in part; until now they were posted whole. What was not posted of a settled one is free."""

LEDGER_0017 = (
    # Every approval and withdrawal, by its place in the day's stream; one that was withdrawn has no minutes.
    """
    CREATE TABLE ledger.day_approvals (
        holder         text COLLATE "C" NOT NULL,
        day            date NOT NULL,
        sequence       integer NOT NULL,
        event_id       uuid NOT NULL,
        approved_at    timestamptz NOT NULL,
        minutes        smallint,
        level          text NOT NULL,
        reason         text NOT NULL,
        limit_minutes  smallint NOT NULL,
        policy_version integer NOT NULL,
        PRIMARY KEY (holder, day, sequence)
    )
    """,
    "CREATE INDEX day_approvals_event ON ledger.day_approvals (event_id)",
)
"""What offices said of long days."""

LEDGER_0021 = (
    # Every appointment of a leader, by its place in the team's stream; the one of nobody is the end of the team.
    """
    CREATE TABLE ledger.team_leaderships (
        team_id      uuid NOT NULL,
        sequence     bigint NOT NULL,
        volunteer_id uuid,
        day          date NOT NULL,
        PRIMARY KEY (team_id, sequence)
    )
    """,
)
"""Teams have supplies for their activities, which their leaders do not approve."""

LEDGER_0030 = ("CREATE INDEX lapses_through ON ledger.lapses (through)",)
"""How far anything has lapsed is asked with every batch of service; runs by the day are ten thousands in a year."""

TABLES = (
    "accounts",
    "transfers",
    "holds",
    "lapses",
    "days",
    "members",
    "balance_changes",
    "sealed_days",
    "pool_rounds",
    "pools_short",
    "pool_spent",
    "notes",
    "tellings",
    "assessments",
    "teams",
    "team_changes",
    "team_leaderships",
    "nodes",
    "day_approvals",
)


def copy_of_the_tables(schema: str) -> list[str]:
    """DDL for an empty second set of the ledger's tables, built exactly like the live ones."""
    return [
        f"DROP SCHEMA IF EXISTS {schema} CASCADE",
        f"CREATE SCHEMA {schema}",
        *(f"CREATE TABLE {schema}.{table} (LIKE {LIVE}.{table} INCLUDING ALL)" for table in TABLES),
        *(f"ALTER TABLE {schema}.{table} SET ({parameters})" for table, parameters in STORED.items()),
        f"CREATE TRIGGER transfers_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {schema}.transfers"
        " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()",
    ]


def switch_to_rebuilt() -> list[str]:
    """DDL that puts the rebuilt tables in the place of the live ones, within the caller's transaction.

    Those that an earlier switch retired must have gone before.
    """
    return [
        f"ALTER SCHEMA {LIVE} RENAME TO {RETIRED}",
        f"ALTER SCHEMA {REBUILT} RENAME TO {LIVE}",
    ]
