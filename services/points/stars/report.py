"""The report of three stars and above that goes upwards (三星志愿者上报): its rows, their hash, and that it was issued.

Names are the registry's; whoever receives the report finds people by their volunteer number. Pure.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

from shared.contracts import Event
from shared.contracts.honours import StarReportIssued

GRADE_MIN = 3
ROWS_MAX = 20_000
"""Far more than a city has; a report that is longer is asked for in parts."""


class ReportRow(NamedTuple):
    """One grade that was granted in the period and still stands."""

    community: str
    volunteer_id: UUID
    volunteer_number: str | None
    """None for somebody whose data was erased."""
    grade: int
    minutes: int
    granted_on: date
    policy_version: int


def canonical_hash(rows: Sequence[ReportRow]) -> str:
    """The SHA-256 of the rows as `StarReportIssued` describes it, in hexadecimal."""
    digest = hashlib.sha256()
    for row in sorted(rows, key=lambda row: (row.granted_on, str(row.volunteer_id), row.grade)):
        cells = (row.community, row.volunteer_id, row.grade, row.minutes, row.granted_on, row.policy_version)
        digest.update(("|".join(map(str, cells)) + "\n").encode())
    return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class Report:
    """A report, once it was issued."""

    community: str = ""


@dataclass(frozen=True, slots=True)
class IssueReport:
    """Send the rows upwards."""

    report_id: UUID
    node: str
    since: date
    until: date
    rows_count: int
    rows_sha256: str
    at: datetime


def decide_report(_: Report, command: IssueReport) -> list[Event]:
    """A report is issued once, and says for ever what it listed."""
    return [
        StarReportIssued(
            report_id=command.report_id,
            node=command.node,
            since=command.since,
            until=command.until,
            rows_count=command.rows_count,
            rows_sha256=command.rows_sha256,
            issued_at=command.at,
        )
    ]


def evolve_report(report: Report, event: Event) -> Report:
    """The report after its event."""
    return Report(event.node) if isinstance(event, StarReportIssued) else report
