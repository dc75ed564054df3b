"""What all read tables have in common."""

from typing import Any

from sqlalchemy import Column, DateTime, Text

from shared.database import service_metadata

metadata = service_metadata()

# Codes compare byte by byte: a node and all below it are one range of an index.
CODE = Text(collation="C")
MOMENT = DateTime(timezone=True)


def reversal_columns() -> tuple[Column[Any], ...]:
    """When and why a row's entry was taken back; null while it holds."""
    return Column("reversed_at", MOMENT), Column("reversal_reason", Text)
