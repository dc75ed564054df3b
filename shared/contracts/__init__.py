"""The public language of the platform: events by context, the envelope they travel in, refusals."""

from shared.contracts.common import CorrectionReason, Evidence, NodeCode, ServiceRecord
from shared.contracts.event import Event, event_types, resolve, wire_type
from shared.contracts.refusal import Place, Refusal, local_time, refuse_if, refuse_unless

__all__ = [
    "CorrectionReason",
    "Event",
    "Evidence",
    "NodeCode",
    "Place",
    "Refusal",
    "ServiceRecord",
    "event_types",
    "local_time",
    "refuse_if",
    "refuse_unless",
    "resolve",
    "wire_type",
]
