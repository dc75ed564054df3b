"""What service is worth, and that the fast paths do what the plain ones say."""

import json
import uuid
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.points.earning.booking import Booking
from services.points.earning.kinds import EVIDENCE, EVIDENCE_NUMBERS, KIND_NUMBERS, KINDS
from services.points.earning.pricing import Pricing, counted_minutes, intended_transfers
from services.points.earning.readers import READERS
from services.points.earning.services import Service, services_of
from services.points.ledger.clauses import Clause
from services.points.ledger.copying import moment, pack, pack_amount, pack_cause
from services.points.ledger.directory import BatchAccounts
from services.points.ledger.transfer import Transfer
from services.points.ledger.writing import LedgerWriter, Movements
from services.points.policy.book import BEGINNING, PolicyBook
from services.points.policy.document import read_document
from services.points.policy.kinds import SERVICE_KINDS
from services.points.policy.terms import PolicyVersion
from services.points.policy.views import national_default, read_published
from services.points.units import SLOTS, Unit
from shared.contracts import CorrectionReason, Event
from shared.contracts.common import Evidence, ServiceRecord
from shared.contracts.envelope import Envelope
from shared.contracts.grid_patrol import CrewKind, PatrolServiceCorrected, PatrolShiftLogged
from shared.contracts.mediation import (
    AgreementForm,
    CaseOutcome,
    CaseWithdrawn,
    DisputeKind,
    DisputeResolved,
    MediationFailed,
    MediationServiceCorrected,
)
from shared.contracts.registry import (
    ActivityCategory,
    ActivityCompleted,
    Attendance,
    AttendanceCorrected,
)
from shared.deliveries import Unreadable

COMMUNITY = "620201001004"
MORNING = datetime(2026, 2, 1, 1, tzinfo=UTC)
BOOK = PolicyBook([PolicyVersion(1, None, BEGINNING, read_document(national_default(), complete=True))])
DAY = date(2026, 2, 1)
TITLE = {"zh": "演示", "en": "An example"}
TOLD = MORNING + timedelta(hours=12)


def service(kind: str, minutes: int, evidence: str, before: tuple[int, str] | None = None) -> Service:
    return Service(
        uuid.uuid4(), uuid.uuid4(), uuid.uuid4(), COMMUNITY, kind, MORNING, DAY.toordinal(), minutes, evidence,
        TOLD, *(before or ()),
    )  # fmt: skip


def worth(kind: str, minutes: int, evidence: str, before: tuple[int, str] | None = None) -> dict[str, int]:
    one = service(kind, minutes, evidence, before)
    price = Pricing(BOOK).price(one.community, one.kind, one.day)
    return {intent.unit.name: intent.amount for intent in intended_transfers(price, one)}


@pytest.mark.parametrize(
    ("kind", "minutes", "points"),
    [
        ("activity.general", 60, 10),
        ("activity.general", 65, 10),
        ("activity.professional", 60, 12),
        ("patrol.volunteer.night", 60, 15),
        ("patrol.volunteer.day", 60, 10),
        ("mediation.failed", 60, 12),
    ],
)
def test_scanned_service_earns_points_at_its_weight_and_minutes(kind: str, minutes: int, points: int) -> None:
    assert worth(kind, minutes, "scanned") == {"POINT": points, "MINUTE": minutes, "SERVICE_MINUTE": minutes}


def test_the_time_of_group_activities_is_only_given_away() -> None:
    assert worth("activity.environment", 60, "scanned") == {"POINT": 10, "SERVICE_MINUTE": 60, "DONATION_MINUTE": 60}
    assert worth("activity.environment", 60, "backfilled") == {"SERVICE_MINUTE": 60}
    assert worth("activity.culture", 30, "backfilled", (60, "scanned")) == {
        "POINT": -10, "SERVICE_MINUTE": -30, "DONATION_MINUTE": -60,
    }  # fmt: skip


def test_what_can_only_be_given_away_names_the_policy_that_said_so_last() -> None:
    own = {"title": TITLE, "time_bank": {"donate_only_kinds": ["activity.care"]}}
    national = read_published(1, None, BEGINNING, national_default())
    book = PolicyBook([national, read_published(2, COMMUNITY, BEGINNING, own)])
    price = Pricing(book).price(COMMUNITY, "activity.care", MORNING.date().toordinal())
    assert [(unit.name, version) for _, unit, _, version in price.earned(60, "scanned")] == [
        ("POINT", 1), ("SERVICE_MINUTE", 1), ("DONATION_MINUTE", 2),
    ]  # fmt: skip
    elsewhere = Pricing(book).price(COMMUNITY, "activity.culture", MORNING.date().toordinal())
    assert elsewhere.amounts(60, "scanned") == (10, 60, 60, 0)
    assert book.donate_only_kinds >= {"activity.care", "activity.culture"}


def test_what_is_not_deposited_brings_points_and_service_minutes_as_before() -> None:
    own = {"title": TITLE, "time_bank": {"deposit_kinds": ["activity.care", "activity.culture"]}}
    national = read_published(1, None, BEGINNING, national_default())
    book = PolicyBook([national, read_published(2, COMMUNITY, BEGINNING, own)])
    amounts = {
        kind: Pricing(book).price(COMMUNITY, kind, MORNING.date().toordinal()).amounts(60, "scanned")
        for kind in ("activity.care", "activity.culture", "activity.training", "activity.environment")
    }
    assert amounts == {
        "activity.care": (10, 60, 60, 0), "activity.culture": (10, 0, 60, 60), "activity.training": (10, 0, 60, 0),
        "activity.environment": (10, 0, 60, 0),
    }  # fmt: skip
    elsewhere = Pricing(book).price("620201001005", "activity.training", MORNING.date().toordinal())
    assert elsewhere.amounts(60, "scanned") == (10, 60, 60, 0)


CAPPED = PolicyBook(
    [
        read_published(1, None, BEGINNING, national_default()),
        read_published(2, "6202", BEGINNING, {"title": TITLE, "caps_per_activity": {"POINT": 20, "MINUTE": 240}}),
        read_published(3, COMMUNITY, BEGINNING, {"title": TITLE, "caps_per_activity": {"MINUTE": 180}}),
    ]
)


def capped(kind: str, minutes: int, evidence: str, before: tuple[int, str] | None = None) -> dict[str, tuple[int, int]]:
    one = service(kind, minutes, evidence, before)
    intents = intended_transfers(Pricing(CAPPED).price(one.community, one.kind, one.day), one)
    return {intent.unit.name: (intent.amount, intent.policy_version) for intent in intents}


def test_a_cap_per_activity_takes_from_each_record_and_is_named_where_it_does() -> None:
    assert capped("activity.care", 300, "scanned") == {"POINT": (20, 2), "MINUTE": (180, 3), "SERVICE_MINUTE": (300, 1)}
    assert capped("activity.care", 60, "scanned") == {"POINT": (10, 1), "MINUTE": (60, 1), "SERVICE_MINUTE": (60, 1)}
    assert capped("activity.culture", 300, "scanned")["DONATION_MINUTE"] == (180, 3)
    assert capped("activity.care", 300, "backfilled") == {"SERVICE_MINUTE": (300, 1)}


def test_a_correction_above_the_cap_per_activity_is_worth_nothing_and_below_it_what_is_missing() -> None:
    assert capped("activity.care", 240, "scanned", (300, "scanned")) == {"SERVICE_MINUTE": (-60, 1)}
    assert capped("activity.care", 60, "scanned", (300, "scanned")) == {
        "POINT": (-10, 1), "MINUTE": (-120, 1), "SERVICE_MINUTE": (-240, 1),
    }  # fmt: skip
    assert capped("activity.care", 0, "scanned", (300, "scanned"))["MINUTE"] == (-180, 3)


def test_a_cap_per_activity_is_inherited_unit_by_unit() -> None:
    caps = CAPPED.terms(COMMUNITY, DAY).caps_per_activity
    assert {unit.name: (said.value, said.version) for unit, said in caps.items()} == {
        "POINT": (20, 2), "MINUTE": (180, 3),
    }  # fmt: skip
    assert not BOOK.terms(COMMUNITY, DAY).caps_per_activity


def test_meetings_and_a_few_minutes_earn_no_points() -> None:
    assert "POINT" not in worth("activity.meeting", 120, "scanned")
    assert "POINT" not in worth("activity.general", 5, "scanned")


def test_backfilled_service_counts_for_the_record_only_and_estimates_for_nothing() -> None:
    assert worth("activity.general", 60, "backfilled") == {"SERVICE_MINUTE": 60}
    assert worth("activity.general", 60, "estimated") == {}


def test_a_correction_is_worth_the_difference() -> None:
    assert worth("activity.general", 30, "scanned", (60, "scanned")) == {
        "POINT": -5, "MINUTE": -30, "SERVICE_MINUTE": -30,
    }  # fmt: skip
    assert worth("activity.general", 60, "backfilled", (60, "scanned")) == {"POINT": -10, "MINUTE": -60}
    assert worth("activity.general", 0, "scanned", (61, "scanned")) == {
        "POINT": -10, "MINUTE": -61, "SERVICE_MINUTE": -61,
    }  # fmt: skip
    assert worth("activity.general", 61, "scanned", (60, "scanned")) == {"MINUTE": 1, "SERVICE_MINUTE": 1}


# ── the fast paths ───────────────────────────────────────────────────────────────────────────────────────────────

# Bounds of st.datetimes are naive by its own rule; the values are aware.
moments = st.datetimes(datetime(1992, 1, 1), datetime(2150, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
minutes = st.integers(0, 1440)
records: dict[str, Any] = {
    "record_id": st.uuids(), "volunteer_id": st.uuids(), "minutes": minutes, "evidence": st.sampled_from(Evidence),
    "started_at": moments,
}  # fmt: skip
communities = st.from_regex(r"\A[0-9]{12}\Z")
attendances = st.lists(st.builds(Attendance, **records, entered_at=st.none() | moments), max_size=4).map(tuple)
served = st.lists(st.builds(ServiceRecord, **records), max_size=4).map(tuple)
corrections: dict[str, Any] = {
    **records, "community": communities, "minutes_before": minutes, "evidence_before": st.sampled_from(Evidence),
    "revision": st.integers(1, 9), "reason": st.sampled_from(CorrectionReason), "corrected_at": moments,
    "corrected_by": st.none() | st.uuids(),
}  # fmt: skip
EVENTS: dict[type[Event], st.SearchStrategy[Any]] = {
    ActivityCompleted: st.builds(
        ActivityCompleted, activity_id=st.uuids(), community=communities, team_id=st.none() | st.uuids(),
        category=st.sampled_from(ActivityCategory), completed_at=moments, attendances=attendances,
        confirmed_by=st.none() | st.uuids(),
    ),
    AttendanceCorrected: st.builds(
        AttendanceCorrected, activity_id=st.uuids(), category=st.sampled_from(ActivityCategory), **corrections
    ),
    PatrolServiceCorrected: st.builds(
        PatrolServiceCorrected, shift_id=st.uuids(), crew_kind=st.sampled_from(CrewKind), night=st.booleans(),
        **corrections,
    ),
    MediationServiceCorrected: st.builds(
        MediationServiceCorrected, case_id=st.uuids(), outcome=st.sampled_from(CaseOutcome), **corrections
    ),
    PatrolShiftLogged: st.builds(
        PatrolShiftLogged, shift_id=st.uuids(), community=communities, crew_id=st.uuids(),
        crew_kind=st.sampled_from(CrewKind), started_at=moments, ended_at=moments, night=st.booleans(),
        covered_cells=st.just(("a",)), planned_cells=st.just(()), findings_count=st.just(0), members=served,
        confirmed_by=st.none() | st.uuids(),
    ),
    DisputeResolved: st.builds(
        DisputeResolved, case_id=st.uuids(), community=communities, kind=st.sampled_from(DisputeKind),
        agreement=st.sampled_from(AgreementForm), resolved_at=moments, sessions_count=st.just(1), mediators=served,
        confirmed_by=st.none() | st.uuids(),
    ),
    MediationFailed: st.builds(
        MediationFailed, case_id=st.uuids(), community=communities, kind=st.sampled_from(DisputeKind), ended_at=moments,
        sessions_count=st.just(1), mediators=served,
        confirmed_by=st.none() | st.uuids(),
    ),
    CaseWithdrawn: st.builds(
        CaseWithdrawn, case_id=st.uuids(), community=communities, withdrawn_at=moments, mediators=served,
        confirmed_by=st.none() | st.uuids(),
    ),
}  # fmt: skip
ENVELOPE = Envelope(uuid.uuid4(), "type", "/source", "subject", MORNING, COMMUNITY, 1)


def test_every_event_that_has_a_reader_is_tied_to_its_contract_here() -> None:
    assert EVENTS.keys() == READERS.keys()


@pytest.mark.parametrize("event_type", EVENTS, ids=lambda t: t.__name__)
def test_the_fast_reader_reads_what_the_contract_reads(event_type: type[Event]) -> None:
    @settings(max_examples=60, deadline=None)
    @given(event=EVENTS[event_type])
    def same(event: Event) -> None:
        body = event.model_dump_json(exclude_none=True).encode()
        assert READERS[event_type](body, ENVELOPE) == services_of(event, ENVELOPE.event_id, ENVELOPE.time)

    same()


_RECORD = {
    "record_id": str(uuid.uuid4()), "volunteer_id": str(uuid.uuid4()), "minutes": 60, "evidence": "scanned",
    "started_at": "2026-02-01T01:00:00Z",
}  # fmt: skip
_CORRECT = {"community": COMMUNITY, "category": "care", "attendances": [_RECORD]}


@pytest.mark.parametrize(
    "changed",
    [
        {"community": "62"},
        {"attendances": [{**_RECORD, "minutes": 1441}]},
        {"attendances": [{**_RECORD, "minutes": -1}]},
        {"attendances": [{**_RECORD, "minutes": "60"}]},
        {"attendances": [{**_RECORD, "evidence": "rumour"}]},
        {"attendances": [{**_RECORD, "started_at": "2026-02-01T01:00:00"}]},
        {"attendances": [{**_RECORD, "volunteer_id": "somebody"}]},
        {"attendances": None},
    ],
)
def test_the_fast_reader_refuses_what_it_cannot_understand_without_repeating_it(changed: Any) -> None:
    reader = READERS[ActivityCompleted]
    assert len(reader(json.dumps(_CORRECT).encode(), ENVELOPE)) == 1
    with pytest.raises(Unreadable) as refused:
        reader(json.dumps({**_CORRECT, **changed}).encode(), ENVELOPE)
    assert "somebody" not in refused.value.reason
    assert "rumour" not in refused.value.reason
    for broken in (b"", b"null", b"{", b"\xff"):
        with pytest.raises(Unreadable):
            reader(broken, ENVELOPE)


def test_packing_in_bulk_does_what_pricing_says() -> None:
    pricing = Pricing(BOOK)
    kinds = ["activity.general", "activity.meeting", "activity.culture", "patrol.cadre.night", "mediation.resolved"]
    tiers = ("scanned", "backfilled", "estimated")
    services = [service(kind, m, tier) for kind in kinds for m in (0, 5, 61) for tier in tiers]
    volunteers = {s.volunteer_id: (n * 4, n * 4 + 1, n * 4 + 2, n * 4 + 3) for n, s in enumerate(services, 9)}
    accounts = BatchAccounts(volunteers, {COMMUNITY: (-1, -2, -3, -5)})
    booking, slow = Booking(LedgerWriter(), accounts, {}, BOOK), Movements.none()
    together = b"".join(booking.pack(services))
    plain = []
    for one in services:
        person = volunteers[one.volunteer_id]
        for unit, amount, version, clause in intended_transfers(pricing.price(COMMUNITY, one.kind, one.day), one):
            transfer = Transfer(
                -int(unit), person[SLOTS[unit]], amount, None, MORNING, TOLD, one.event_id, one.record_id, unit,
                version, clause, KIND_NUMBERS[one.kind], EVIDENCE_NUMBERS[one.evidence], one.minutes,
            )  # fmt: skip
            slow.add(transfer)
            plain.append(pack(transfer))
    size = len(plain[0])  # rows of a fixed length: nothing in them varies but corrections
    packed = [together[start : start + size] for start in range(0, len(together), size)]
    assert sorted(packed) == sorted(plain)
    assert booking.movements == slow
    assert sum(booking.minutes.values()) == sum(map(counted_minutes, services))
    assert booking.noted
    assert all(one.evidence == "estimated" or not one.minutes for one in booking.noted)


def test_every_kind_of_service_and_every_tier_has_a_number_of_its_own() -> None:
    assert KIND_NUMBERS.keys() == SERVICE_KINDS
    assert len(KINDS) == len(KIND_NUMBERS)
    assert EVIDENCE_NUMBERS.keys() == {tier.value for tier in Evidence}
    assert len(EVIDENCE) == len(EVIDENCE_NUMBERS)


def test_both_ways_of_packing_agree() -> None:
    event, record = uuid.uuid4(), uuid.uuid4()
    transfer = Transfer(-1, 2, 3, None, MORNING, MORNING, event, record, Unit.POINT, 1, Clause.RATE, 2, 1, 60)
    at = moment(MORNING)
    cause = pack_cause(at, at, event.bytes, record.bytes, 1, 2, 1, 60)
    assert pack(transfer) == pack_amount(-1, 2, 3, 1, 1) + cause
