"""Evidence in words, in Chinese or English: numbers, times and minutes, nobody's name. Pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from shared.clock import SHANGHAI
from shared.contracts.anomalies import AnomalyEvidence, SuspectRecord
from shared.web.problems import Texts


class Extent(NamedTuple):
    """All that a flag is about; of very many records, `evidence` is of the first."""

    records: int
    minutes: int
    people: int


def in_words(
    texts: Texts, language: str, evidence: AnomalyEvidence, extent: Extent, numbers: Mapping[UUID, str] = {}
) -> str:
    """What was found, by which limit, and what it may mean. People are told by their `numbers`, else by their ids."""
    people = {record.volunteer_id for record in evidence.records}
    params = {
        "measured": evidence.measured,
        "limit": evidence.limit,
        "measure": texts.word(language, f"measure.{evidence.measure.value}"),
        "since": _moment(evidence.since),
        "until": _moment(evidence.until),
        "day": f"{evidence.since.astimezone(SHANGHAI):%Y-%m-%d}",
        "month": f"{evidence.since.astimezone(SHANGHAI):%Y-%m}",
        **extent._asdict(),
        "person": next((numbers.get(person, str(person)) for person in sorted(people)), ""),
        "confirmed_by": texts.word(language, "explain.and").join(
            numbers.get(one, str(one)) for one in evidence.confirmed_by
        ),
        "version": evidence.policy_version,
    }
    return texts.get(language, f"anomaly.{evidence.sign.value}", params)


def record_in_words(texts: Texts, language: str, record: SuspectRecord, numbers: Mapping[UUID, str] = {}) -> str:
    """One record of the evidence."""
    params = {
        "since": _moment(record.started_at),
        "minutes": record.minutes,
        "person": numbers.get(record.volunteer_id, str(record.volunteer_id)),
        "record": str(record.record_id),
    }
    return texts.get(language, "anomaly.record", params)


def _moment(at: datetime) -> str:
    return f"{at.astimezone(SHANGHAI):%Y-%m-%d %H:%M}"
