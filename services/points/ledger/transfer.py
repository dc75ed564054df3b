"""A transfer, as it is written."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID


class Transfer(NamedTuple):
    """An amount of one unit from one account to another, with what caused and priced it."""

    debit_account: int
    credit_account: int
    amount: int
    corrects: int | None
    """The transfer that this one corrects."""
    occurred_at: datetime
    """When it happened: the service began, the goods were handed over."""
    recorded_at: datetime
    """When the platform knew: the time of the event that told it, the same live and in every replay."""
    event_id: UUID
    """The event that caused it."""
    record_id: UUID
    """The service record, redemption or receipt that it is about."""
    unit: int
    policy_version: int | None
    clause: int
    kind: int | None = None
    """Kind of service (`earning.kinds`), as the event tells it; with the next two what an explanation starts from."""
    evidence: int | None = None
    minutes: int | None = None
    """Minutes of service that the event tells, whatever of them counts."""
