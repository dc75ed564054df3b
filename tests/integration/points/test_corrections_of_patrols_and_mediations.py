"""What the patrol grid and mediation put right is put right here: points, time, record, caps, stars and flags."""

import uuid
from datetime import timedelta
from typing import Any

import pytest

from services.points.app import build
from services.points.certificates.watch import look_at_grounds
from services.points.honours import HonourWatch
from services.points.proof.rebuild import rebuild
from services.points.proof.verify import verify
from services.points.settings import PointsSettings
from services.points.stars.watch import flag_what_no_longer_holds
from shared.contracts import CorrectionReason, Evidence
from shared.contracts.grid_patrol import CrewKind, PatrolShiftLogged
from shared.contracts.mediation import (
    AgreementForm,
    CaseWithdrawn,
    DisputeKind,
    DisputeResolved,
    MediationFailed,
)
from tests.conftest import COMMUNITY
from tests.integration.office import StandingClock
from tests.integration.points.certificate_desk import Desk
from tests.integration.points.producing import (
    attendance,
    completed,
    mediation_corrected,
    patrol_corrected,
)
from tests.integration.points.test_anomalies import day_of, flags, has_points, shift_of, watch_of
from tests.integration.points.test_explanations import DAY, booked, tell_at
from tests.integration.points.test_stars_over_http import DISTRICT, granted, ok, volunteer
from tests.integration.telling import tell
from tests.moments import now

EVENING = DAY + timedelta(hours=13)
"""Ten at night in Shanghai."""


@pytest.fixture
async def points(start: Any) -> Any:
    return await start(build, settings=PointsSettings, anomalies_check_interval_s=3600)


def night_shift(person: uuid.UUID, minutes: int = 120) -> PatrolShiftLogged:
    return PatrolShiftLogged(
        shift_id=uuid.uuid4(),
        community=COMMUNITY,
        crew_id=uuid.uuid4(),
        crew_kind=CrewKind.CADRE,
        started_at=EVENING,
        ended_at=EVENING + timedelta(minutes=minutes),
        night=True,
        covered_cells=(),
        planned_cells=(),
        findings_count=0,
        members=(attendance(person, minutes, EVENING),),
    )


async def balances(points: Any, person: uuid.UUID) -> dict[str, int]:
    rows = await points.rows(
        "SELECT u.code, a.credits - a.debits FROM ledger.accounts AS a JOIN units AS u ON u.id = a.unit"
        " WHERE a.holder = :person AND a.credits <> a.debits",
        person=str(person),
    )
    return {row[0]: int(row[1]) for row in rows}


async def told_again(points: Any) -> None:
    """The ledger holds together, and a rebuild from the topics comes to the same."""
    assert await verify(points.service) == 0
    assert await rebuild(points.service) == 0


async def explained(points: Any, person: uuid.UUID, event_id: uuid.UUID) -> Any:
    answer = (await points.client().get(f"/v1/accounts/{person}/POINT/explanation")).json()
    (line,) = [line for line in answer["items"] if line["source"]["event_id"] == str(event_id)]
    return line


async def test_a_shift_that_is_corrected_takes_back_what_it_brought_even_where_it_comes_first(
    points: Any, producing: Any
) -> None:
    person = uuid.uuid4()
    shift, shift_id, correction_id = night_shift(person), uuid.uuid4(), uuid.uuid4()
    by_mistake = patrol_corrected(shift.members[0], 40, shift, reason=CorrectionReason.COMPLAINT_UPHELD)
    await tell_at(producing, DAY + timedelta(days=4), correction_id, by_mistake)
    await booked(points, correction_id)
    assert await balances(points, person) == {"POINT": -20, "MINUTE": -80, "SERVICE_MINUTE": -80}
    await tell_at(producing, DAY + timedelta(days=1), shift_id, shift)
    await booked(points, shift_id)
    # By night, sixty minutes bring fifteen points.
    assert await balances(points, person) == {"POINT": 10, "MINUTE": 40, "SERVICE_MINUTE": 40}
    line = await explained(points, person, correction_id)
    assert line["text"].startswith(
        "2026-03-05 干部夜间巡防的记录于 2026-03-09 更正（原因：投诉属实）：原记 120 分钟（现场签到签退），"
        "现为 40 分钟（现场签到签退），扣减 20 积分。"
    )
    assert (line["reason"], line["source"]["context"], line["source"]["kind"]) == (
        "correction", "grid_patrol", "patrol.cadre.night",
    )  # fmt: skip
    await told_again(points)


async def test_a_shift_that_is_voided_makes_room_under_the_cap_of_the_day(points: Any, producing: Any) -> None:
    person = uuid.uuid4()
    shift, shift_id, correction_id = night_shift(person, 480), uuid.uuid4(), uuid.uuid4()
    later_id, later = completed([attendance(person, 60, EVENING + timedelta(minutes=30))])
    for hours, (event_id, event) in enumerate([(shift_id, shift), (later_id, later)], 24):
        await tell_at(producing, DAY + timedelta(hours=hours), event_id, event)
    await booked(points, shift_id, later_id)
    assert (await balances(points, person))["POINT"] == 100
    void = patrol_corrected(shift.members[0], 0, shift, reason=CorrectionReason.NOT_PRESENT)
    await tell_at(producing, DAY + timedelta(days=4), correction_id, void)
    await booked(points, correction_id)
    assert await balances(points, person) == {"POINT": 10, "MINUTE": 60, "SERVICE_MINUTE": 60}
    line = await explained(points, person, correction_id)
    assert line["text"].startswith("2026-03-05 干部夜间巡防的记录于 2026-03-09 作废（原因：本人未到场），扣减 ")
    original = await explained_rate(points, person, shift_id)
    assert line["corrects"] == original["id"]
    await told_again(points)


async def explained_rate(points: Any, person: uuid.UUID, event_id: uuid.UUID) -> Any:
    answer = (await points.client().get(f"/v1/accounts/{person}/POINT/explanation")).json()
    of_event = [line for line in answer["items"] if line["source"]["event_id"] == str(event_id)]
    return next(line for line in of_event if line["reason"] == "rate")


async def test_a_mediators_service_is_priced_back_as_the_case_ended(points: Any, producing: Any) -> None:
    person, told = uuid.uuid4(), []
    common: dict[str, Any] = {"community": COMMUNITY, "kind": DisputeKind.NEIGHBOUR, "sessions_count": 1}
    for day, minutes_left in enumerate((0, 30, 60)):
        served = (attendance(person, 90, DAY + timedelta(days=day)),)
        case = {"case_id": uuid.uuid4(), "mediators": served}
        ending: DisputeResolved | MediationFailed | CaseWithdrawn = (
            DisputeResolved(agreement=AgreementForm.ORAL, resolved_at=DAY, **case, **common),
            MediationFailed(ended_at=DAY, **case, **common),
            CaseWithdrawn(withdrawn_at=DAY, community=COMMUNITY, **case),
        )[day]
        told += [(uuid.uuid4(), ending), (uuid.uuid4(), mediation_corrected(served[0], minutes_left, ending))]
    for hours, (event_id, event) in enumerate(told, 80):
        await tell_at(producing, DAY + timedelta(hours=hours), event_id, event)
    await booked(points, *(event_id for event_id, _ in told))
    # Sixty minutes bring twelve points, whether or not the parties agreed.
    assert await balances(points, person) == {"POINT": 18, "MINUTE": 90, "SERVICE_MINUTE": 90}
    rows = await points.rows("SELECT DISTINCT kind FROM ledger.transfers WHERE clause = 2 ORDER BY 1")
    kinds = await points.rows("SELECT DISTINCT kind FROM ledger.transfers WHERE clause = 1 ORDER BY 1")
    assert [row[0] for row in rows] == [row[0] for row in kinds] == [40, 41]
    line = await explained(points, person, told[1][0])
    assert "作废（原因：时间记错）" in line["text"]
    assert line["source"]["context"] == "mediation"
    await told_again(points)


async def test_service_that_was_left_out_is_booked_when_it_is_added(points: Any, producing: Any) -> None:
    person, shift = uuid.uuid4(), night_shift(uuid.uuid4())
    missing = attendance(person, 0, EVENING, Evidence.ESTIMATED)
    added = (uuid.uuid4(), patrol_corrected(missing, 60, shift, reason=CorrectionReason.EVIDENCE_ADDED))
    backfilled = attendance(uuid.uuid4(), 0, EVENING, Evidence.ESTIMATED)
    late = (uuid.uuid4(), patrol_corrected(backfilled, 60, shift, evidence=Evidence.BACKFILLED))
    await producing.tell([(uuid.uuid4(), shift), added, late])
    await booked(points, added[0], late[0])
    assert await balances(points, person) == {"POINT": 15, "MINUTE": 60, "SERVICE_MINUTE": 60}
    shorter = (
        uuid.uuid4(),
        patrol_corrected(missing.model_copy(update={"minutes": 60, "evidence": Evidence.SCANNED}), 20, shift),
    )
    await producing.tell([shorter])
    await booked(points, shorter[0])
    first, second = [await explained(points, person, event_id) for event_id in (added[0], shorter[0])]
    assert (first["reason"], first["amount"], second["reason"], second["amount"]) == (
        "correction", 15, "correction", -10,
    )  # fmt: skip
    assert (second["corrects"], first["corrected_by"]) == (first["id"], [second["id"]])
    assert await balances(points, backfilled.volunteer_id) == {"SERVICE_MINUTE": 60}
    line = await explained(points, backfilled.volunteer_id, late[0])
    assert (line["reason"], line["amount"]) == ("nothing", 0)
    assert line["text"].startswith("2026-03-05 干部夜间巡防 60 分钟（事后补录）：这样记录的服务不计入")
    await told_again(points)


async def test_a_flag_whose_shift_was_corrected_closes_by_itself(points: Any, producing: Any) -> None:
    person, clerk = uuid.uuid4(), uuid.uuid4()
    shift_id, shift = shift_of(person)
    assert isinstance(shift, PatrolShiftLogged)
    await producing.tell([day_of(person), (shift_id, shift)])
    await booked(points, shift_id)
    await has_points(points, person, 100, 0)
    await watch_of(points).look_at_everything()
    (flag,) = await flags(points.client())
    assert flag["sign"] == "impossible_day"
    correction = (uuid.uuid4(), patrol_corrected(shift.members[0], 0, shift, corrected_by=clerk))
    await producing.tell([correction])
    await booked(points, correction[0])
    said_by = "SELECT confirmed_by FROM ledger.tellings WHERE event_id = :id"
    assert await points.value(said_by, id=correction[0]) == clerk
    await watch_of(points).look_at_everything()
    shown = (await points.client().get(f"/v1/anomalies/{flag['id']}")).json()
    assert shown["stage"] == "dismissed"
    await has_points(points, person, 80, 0)


async def test_hours_that_a_correction_of_a_shift_takes_flag_the_star(points: Any) -> None:
    person = await volunteer(points, 98)
    began = now() - timedelta(days=60)
    member = attendance(person, 240, began)
    shift = night_shift(person).model_copy(update={"members": (member,), "started_at": began})
    await tell(points.service, shift)
    await granted(points, person, 1)
    watch = HonourWatch(points.service.workshop, [flag_what_no_longer_holds], 60)
    assert await watch.look() == 0
    await tell(points.service, patrol_corrected(member, 60, shift))
    assert await watch.look() == 1
    officer = points.client("district", DISTRICT, "officer")
    flagged = (await ok(officer.get("/v1/stars/applications?stage=flagged")))["items"]
    assert [(row["volunteer_id"], row["minutes"]) for row in flagged] == [(str(person), 99 * 60)]
    assert [cause["type"] for cause in flagged[0]["corrected_by"]] == ["liuling.grid_patrol.PatrolServiceCorrected.v1"]


async def test_hours_that_a_correction_of_a_shift_takes_flag_the_certificate(start: Any) -> None:
    clock = StandingClock()
    points = await start(lambda settings: build(settings, clock), working=False, settings=PointsSettings)
    desk = await Desk(points, clock).open()
    began = clock.now - timedelta(days=60)
    member = attendance(desk.person, 120, began)
    shift = night_shift(desk.person).model_copy(update={"members": (member,), "started_at": began})
    await tell(points.service, shift)
    issued = await desk.issue()
    assert issued["minutes"] == 720 + 120
    await tell(points.service, patrol_corrected(member, 60, shift))
    assert await look_at_grounds(points.service.workshop) == 1
    assert (await desk.state(issued))["flagged"] is True
