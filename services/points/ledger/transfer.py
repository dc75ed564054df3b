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
    recorded_at: datetime
    event_id: UUID
    """The event that caused it."""
    record_id: UUID
    """The service record, redemption or receipt that it is about."""
    unit: int
    policy_version: int | None
    clause: int
