"""The envelope: CloudEvents 1.0 over Kafka in binary mode. Anyone with a CloudEvents library can read it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from shared.contracts.common import utc_text

SPEC_VERSION = "1.0"
CONTENT_TYPE = "application/json"


class MalformedEnvelope(ValueError):
    """The record's headers are not those of a CloudEvent of this platform. The text names the header, not its value."""


CONTEXTS = ("registry", "points", "grid_patrol", "mediation")


def topic_of(context: str, namespace: str = "liuling") -> str:
    """The topic that a context publishes its events to; `points.balances` is the compacted one of balances."""
    return f"{namespace}.{context}.v1"


@dataclass(frozen=True, slots=True)
class Envelope:
    """What travels beside the event's JSON."""

    event_id: UUID
    type: str
    source: str
    subject: str
    """The stream, which is the record's key too."""
    time: datetime
    community: str
    sequence: int
    """Version of the event in its stream."""
    correlation_id: str | None = None
    causation_id: str | None = None
    traceparent: str | None = None
    position: int | None = None
    """Where the event stands in the store that told it; not there in what older programs told."""

    def headers(self) -> dict[str, str]:
        """The record's headers."""
        headers = {
            "content-type": CONTENT_TYPE,
            "ce_specversion": SPEC_VERSION,
            "ce_id": str(self.event_id),
            "ce_type": self.type,
            "ce_source": self.source,
            "ce_subject": self.subject,
            "ce_time": utc_text(self.time),
            "ce_dataschema": f"urn:liuling:schema:{self.type.removeprefix('liuling.')}",
            "ce_community": self.community,
            "ce_sequence": str(self.sequence),
        }
        optional = {
            "ce_correlationid": self.correlation_id,
            "ce_causationid": self.causation_id,
            "traceparent": self.traceparent,
            "ce_position": None if self.position is None else str(self.position),
        }
        return headers | {name: value for name, value in optional.items() if value is not None}

    @classmethod
    def parse(cls, headers: Mapping[str, bytes]) -> "Envelope":
        """Read the headers of a record. Raises `MalformedEnvelope` naming the header that is missing or wrong."""
        name = ""
        try:
            name = "ce_specversion"
            if headers[name] != b"1.0":
                raise MalformedEnvelope(name)
            name = "ce_id"
            event_id = UUID(headers[name].decode("ascii"))
            name = "ce_type"
            type_name = headers[name].decode("ascii")
            name = "ce_source"
            source = headers[name].decode("utf-8")
            name = "ce_subject"
            subject = headers[name].decode("utf-8")
            name = "ce_time"
            time = datetime.fromisoformat(headers[name].decode("ascii"))
            if time.tzinfo is None:
                raise MalformedEnvelope(name)
            name = "ce_community"
            community = headers.get(name, b"").decode("ascii")
            name = "ce_sequence"
            sequence = int(headers[name])
            name = "ce_correlationid"
            correlation_id = _optional(headers, name)
            name = "ce_causationid"
            causation_id = _optional(headers, name)
            name = "traceparent"
            traceparent = _optional(headers, name)
            name = "ce_position"
            position = int(headers[name]) if name in headers else None
        except (KeyError, ValueError) as error:
            raise MalformedEnvelope(name) from error
        return cls(
            event_id,
            type_name,
            source,
            subject,
            time,
            community,
            sequence,
            correlation_id,
            causation_id,
            traceparent,
            position,
        )


def _optional(headers: Mapping[str, bytes], name: str) -> str | None:
    value = headers.get(name)
    return None if value is None else value.decode("ascii")


def header_map(pairs: Iterable[tuple[str, bytes | None]]) -> dict[str, bytes]:
    """Kafka's list of header pairs as a mapping; of repeated names the last counts, and null ones are not there."""
    return {name: value for name, value in pairs if value is not None}
