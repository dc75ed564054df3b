"""Whether a run of expiry came first is asked by the statement that holds, when it has its locks."""

from alembic import op

revision = "0014"
down_revision = "0013"

_LAPSED_SINCE = """
    CREATE FUNCTION lapsed_since(parts smallint[], moment timestamptz) RETURNS boolean
        LANGUAGE plpgsql VOLATILE STRICT AS $$
    BEGIN
        RETURN EXISTS (
            SELECT FROM unnest(parts) AS p(part) CROSS JOIN LATERAL (
                   SELECT lapsed_at FROM ledger.lapses AS l WHERE l.part = p.part ORDER BY through DESC LIMIT 1) AS last
             WHERE last.lapsed_at > moment);
    END
    $$
"""


def upgrade() -> None:
    """A function that is volatile sees what was committed when it is called, in a statement that had to wait."""
    op.execute(_LAPSED_SINCE)
