"""What all read tables have in common."""

from sqlalchemy import DateTime, Text

from shared.database import service_metadata

metadata = service_metadata()

# Codes compare byte by byte: a node and all below it are one range of an index.
CODE = Text(collation="C")
MOMENT = DateTime(timezone=True)
