"""From events to flags, decisions and held points: over Kafka and HTTP, with watches that die, meet, and are late."""

import asyncio
import random
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.points.anomalies.watch import AnomalyWatch
from services.points.app import build, read_views
from services.points.earning.backlog import Backlog
from services.points.proof.rebuild import rebuild
from services.points.proof.verify import verify
from services.points.settings import PointsSettings
from shared.auth.actors import actor_id
from shared.contracts import CorrectionReason
from shared.contracts.grid_patrol import CrewKind, PatrolShiftLogged
from shared.contracts.registry import (
    AssessmentSide,
    ServiceAssessed,
    ServiceQuality,
)
from shared.privacy import Vault
from shared.views import differing_read_tables
from tests.conftest import ACTOR_KEY, COMMUNITY, FOREIGN, until
from tests.integration.points.producing import Told, attendance, completed, corrected, registered
from tests.integration.points.test_from_events_to_goods import has_balance, item_on_the_shelf
from tests.integration.points.test_goods_come_and_go import made
from tests.moments import morning

HOUR = timedelta(hours=1)
CLERK_SIGNS_IN_AS = "li.xiu"
CLERK = actor_id(Vault(b"r" * 32, ACTOR_KEY), CLERK_SIGNS_IN_AS)
"""As the registry tells it, whose vault has another key."""


@pytest.fixture
async def points(start: Any) -> Any:
    return await start(build, settings=PointsSettings, anomalies_check_interval_s=3600)


def watch_of(points: Any, **options: int) -> AnomalyWatch:
    return AnomalyWatch(points.service.workshop, 1, Backlog(), **options)


def confirmed(told: Told, by: uuid.UUID = CLERK) -> Told:
    event_id, event = told
    return event_id, event.model_copy(update={"confirmed_by": by})


def day_of(person: uuid.UUID, hours: int = 8, record_id: uuid.UUID | None = None) -> Told:
    return confirmed(completed([attendance(person, hours * 60, morning(3), record_id=record_id)]))


def shift_of(person: uuid.UUID, begins: float = 9, hours: int = 5) -> Told:
    began = morning(3) + begins * HOUR
    return uuid.uuid4(), PatrolShiftLogged(
        shift_id=uuid.uuid4(),
        community=COMMUNITY,
        crew_id=uuid.uuid4(),
        crew_kind=CrewKind.VOLUNTEER,
        started_at=began,
        ended_at=began + hours * HOUR,
        night=False,
        covered_cells=(),
        planned_cells=(),
        findings_count=0,
        members=(attendance(person, hours * 60, began),),
    )


def correction(told: Told, minutes: int, revision: int = 1) -> Told:
    event: Any = told[1]
    (one,) = event.attendances
    return uuid.uuid4(), corrected(one, minutes, event, revision=revision, reason=CorrectionReason.NOT_PRESENT)


async def hold_at_once(points: Any, *signs: str) -> None:
    """A policy that is in force today; through the API the first day is tomorrow."""
    listed = ", ".join(f'"{sign}"' for sign in signs)
    async with points.service.database.transaction() as connection:
        await connection.exec_driver_sql(
            f"UPDATE policies SET document = jsonb_set(document, '{{anomalies,hold_signs}}', '[{listed}]'),"
            " policy_version = policy_version + 1"
        )


async def policies_as_published(points: Any) -> None:
    async with points.service.database.transaction() as connection:
        await connection.exec_driver_sql(
            "UPDATE policies SET policy_version = 1,"
            " document = (SELECT data->'document' FROM events WHERE type = 'liuling.points.PolicyPublished.v1')"
        )


async def flags(client: Any, **query: str) -> list[Any]:
    answer = await client.get("/v1/anomalies", params=query)
    assert answer.status_code == 200, answer.text
    found: list[Any] = answer.json()["items"]
    return found


async def thirteen_hours(points: Any, producing: Any, person: uuid.UUID) -> Told:
    """A day of eight hours with a shift of five after it; a hundred points a day at most."""
    told = day_of(person)
    await producing.tell([registered(person), told, shift_of(person)])
    await has_balance(points, person, 100)
    await until(lambda: booked(points, 2))
    return told


async def has_points(points: Any, person: uuid.UUID, posted: int, held: int) -> None:
    async def there() -> bool:
        answer = (await points.client().get(f"/v1/accounts/{person}/POINT/balance")).json()
        return (answer["posted"], answer["pending"]) == (posted, held)

    await until(there)


async def booked(points: Any, events: int) -> bool:
    return bool(await points.value("SELECT count(*) FROM ledger.tellings") == events)


async def test_a_flag_shows_its_evidence_and_is_dismissed_by_somebody_who_had_no_part(
    points: Any, producing: Any
) -> None:
    person = uuid.uuid4()
    await thirteen_hours(points, producing, person)
    assert await watch_of(points).look_at_everything() == 2
    client = points.client()
    (flag,) = await flags(client)
    assert (flag["sign"], flag["stage"], flag["measured"], flag["limit"]) == ("impossible_day", "raised", 780, 720)
    assert "780 分钟" in flag["text"]
    number = await points.value("SELECT number FROM ledger.members")
    assert f"志愿者 {number} 于" in flag["text"], "nobody knows a person by an id"
    path = f"/v1/anomalies/{flag['id']}"
    detail = (await client.get(path, headers={"accept-language": "en"})).json()
    assert [one["minutes"] for one in detail["records"]] == [480, 300]
    assert detail["confirmed_by"] == [str(CLERK)]
    assert "780 minutes" in detail["text"]
    assert await flags(client, stage="upheld") == await flags(client, sign="ring") == []
    assert await flags(points.client("community", FOREIGN)) == []
    assert (await client.get("/v1/anomalies", params={"limit": 101})).status_code == 422
    assert (await points.client("community", FOREIGN).get(path)).status_code == 403
    assert (await points.client("volunteer", subject=str(person)).get(path)).status_code == 403

    for involved in (str(person), CLERK_SIGNS_IN_AS):
        own = points.client("community", subject=involved)
        assert (await own.post(f"{path}/review")).json()["code"] == "anomaly_own_hours"
    early = await client.post(f"{path}/dismissal", json={"reason": "approved"})
    assert early.json()["code"] == "anomaly_not_taken_up"
    assert (await made(client, f"{path}/review"))["stage"] == "under_review"
    assert (await made(client, f"{path}/hold"))["points_held"] is True
    await has_points(points, person, 100, held=100)

    volunteer = points.client("volunteer", subject=str(person))
    (held,) = (await volunteer.get(f"/v1/accounts/{person}/POINT/holds")).json()["items"]
    assert (held["amount"], held["reason"]) == (100, "suspected")
    assert "核查" in held["text"]
    stranger = points.client("volunteer", subject=str(uuid.uuid4()))
    assert (await stranger.get(f"/v1/accounts/{person}/POINT/holds")).status_code == 403
    item = await item_on_the_shelf(points)
    spend = await volunteer.post("/v1/redemptions", json={"volunteer_id": str(person), "item_id": item})
    assert spend.json()["code"] == "not_enough_points"

    assert (await made(client, f"{path}/dismissal", {"reason": "approved"}))["points_held"] is False
    await has_points(points, person, 100, held=0)
    assert await watch_of(points).look_at_everything() == 0
    await made(volunteer, "/v1/redemptions", {"volunteer_id": str(person), "item_id": item})
    assert await verify(points.service) == 0
    assert await rebuild(points.service) == 0
    same = await points.value("SELECT count(*) FROM ledger.tellings WHERE confirmed_by = :clerk", clerk=CLERK)
    assert same == 1


def said(told: Told, quality: ServiceQuality) -> Told:
    event: Any = told[1]
    (one,) = event.attendances
    return uuid.uuid4(), ServiceAssessed(
        activity_id=event.activity_id,
        community=COMMUNITY,
        record_id=one.record_id,
        volunteer_id=one.volunteer_id,
        side=AssessmentSide.ORGANISER,
        quality=quality,
        assessed_by=CLERK,
        assessed_at=datetime.now(UTC),
    )


async def said_to_be(points: Any, quality: str) -> bool:
    return [row[0] for row in await points.rows("SELECT quality FROM ledger.assessments")] == [quality]


async def test_upheld_points_are_held_until_the_correction_takes_them_back(points: Any, producing: Any) -> None:
    person = uuid.uuid4()
    told = await thirteen_hours(points, producing, person)
    await watch_of(points).look_at_everything()
    client = points.client()
    (flag,) = await flags(client)
    path = f"/v1/anomalies/{flag['id']}"
    for command, body in (("review", None), ("hold", None), ("upholding", {"reason": "not_present"})):
        await made(client, f"{path}/{command}", body)
    await has_points(points, person, 100, held=100)
    await producing.tell([correction(told, 0)])
    await has_points(points, person, 50, held=100)
    await watch_of(points).look_at_everything()
    await has_points(points, person, 50, held=0)
    assert await points.value("SELECT sum(owed) FROM ledger.accounts") == 0
    (flag,) = await flags(client)
    assert (flag["stage"], flag["points_held"], flag["held"][0]["points"]) == ("upheld", False, 100)
    await producing.tell([said(told, ServiceQuality.FAIR), said(told, ServiceQuality.GOOD)], stream="in-order")
    await until(lambda: said_to_be(points, "good"))
    assert await rebuild(points.service, switch=True) == 0
    # Everything is looked at again after a switch, where it was not before; what was decided stays decided.
    await watch_of(points).look_at_everything()
    assert [one["stage"] for one in await flags(client)] == ["upheld"]
    assert await said_to_be(points, "good")


async def test_a_correction_closes_a_flag_and_more_opens_it_again(points: Any, producing: Any) -> None:
    person = uuid.uuid4()
    told = await thirteen_hours(points, producing, person)
    await watch_of(points).look_at_everything()
    await producing.tell([correction(told, 120)])
    await until(lambda: booked(points, 3))
    await watch_of(points).look_at_everything()
    (flag,) = await flags(points.client())
    assert (flag["stage"], flag["reason"]) == ("dismissed", "records_corrected")
    await producing.tell([shift_of(person, begins=4, hours=4)])
    await until(lambda: booked(points, 4))
    await watch_of(points).look_at_everything()
    (flag,) = await flags(points.client())
    assert (flag["stage"], flag["measured"], flag["reason"]) == ("raised", 660, None)
    assert await rebuild(points.service) == 0


async def test_a_policy_holds_at_once_whatever_is_left_while_the_person_spends(points: Any, producing: Any) -> None:
    people = [uuid.uuid4() for _ in range(4)]
    await hold_at_once(points, "impossible_day")
    await producing.tell([told for one in people for told in (registered(one), day_of(one), shift_of(one))])
    for person in people:
        await has_balance(points, person, 100)
    await until(lambda: booked(points, 8))
    item, client = await item_on_the_shelf(points, price=30, pieces=50), points.client()
    orders = [{"volunteer_id": str(person), "item_id": item} for person in people for _ in range(4)]
    looking = asyncio.create_task(watch_of(points).look_at_everything())
    answers = await asyncio.gather(*[client.post("/v1/redemptions", json=order) for order in orders])
    await looking
    assert {answer.status_code for answer in answers} <= {201, 409}
    found = await flags(client)
    assert len(found) == 4
    for person in people:
        spent = sum(30 for a in answers if a.status_code == 201 and a.json()["volunteer_id"] == str(person))
        held = sum(one["points"] for flag in found for one in flag["held"] if one["volunteer_id"] == str(person))
        worth = sum(one["worth"] for flag in found for one in flag["held"] if one["volunteer_id"] == str(person))
        assert (held, worth) == (100 - spent, 100)  # all that was left, whenever the watch came
    assert await points.value("SELECT sum(owed) FROM ledger.accounts") == 0
    await policies_as_published(points)
    assert await verify(points.service) == 0
    assert await rebuild(points.service) == 0


async def test_a_record_on_two_flags_is_held_once(points: Any, producing: Any) -> None:
    person = uuid.uuid4()
    await hold_at_once(points, "impossible_day", "overlap")
    other = confirmed(completed([attendance(person, 60, morning(3) - timedelta(days=3))]))
    await producing.tell([registered(person), other, day_of(person), shift_of(person, begins=7)])
    await has_balance(points, person, 110)
    await until(lambda: booked(points, 3))
    await watch_of(points).look_at_everything()
    assert sorted(flag["sign"] for flag in await flags(points.client())) == ["impossible_day", "overlap"]
    await has_points(points, person, 110, held=100)


@pytest.mark.parametrize("first", ["impossible_day", "overlap"])
async def test_a_record_stays_held_for_as_long_as_any_flag_holds_it(points: Any, producing: Any, first: str) -> None:
    person = uuid.uuid4()
    await hold_at_once(points, "impossible_day", "overlap")
    await producing.tell([registered(person), day_of(person), shift_of(person, begins=7)])
    await has_balance(points, person, 100)
    await until(lambda: booked(points, 2))
    await watch_of(points).look_at_everything()
    client = points.client()
    paths = {flag["sign"]: f"/v1/anomalies/{flag['id']}" for flag in await flags(client)}
    second = next(sign for sign in paths if sign != first)
    assert {flag["points_held"] for flag in await flags(client)} == {True}
    assert (await made(client, f"{paths[first]}/release"))["points_held"] is False
    await has_points(points, person, 100, held=100)
    (held,) = (await client.get(paths[second])).json()["held"]
    assert held == {"volunteer_id": str(person), "worth": 100, "points": 100}
    again = await client.post(f"{paths[second]}/hold")
    assert again.json()["code"] == "anomaly_points_held"
    # Held once more it is behind the other one; whoever lets go last lets the points go.
    assert (await made(client, f"{paths[first]}/hold"))["points_held"] is True
    await has_points(points, person, 100, held=100)
    for sign in (second, first):
        await made(client, f"{paths[sign]}/review")
        await made(client, f"{paths[sign]}/dismissal", {"reason": "approved"})
        await has_points(points, person, 100, held=100 if sign == second else 0)
    await policies_as_published(points)
    assert await points.value("SELECT sum(owed) FROM ledger.accounts") == 0
    assert await verify(points.service) == 0
    assert await rebuild(points.service) == 0


async def test_many_who_hold_and_let_go_at_once_leave_points_held_while_a_flag_holds(
    points: Any, producing: Any
) -> None:
    person = uuid.uuid4()
    await producing.tell([registered(person), day_of(person), shift_of(person, begins=7)])
    await has_balance(points, person, 100)
    await until(lambda: booked(points, 2))
    await watch_of(points).look_at_everything()
    client = points.client()
    paths = [f"/v1/anomalies/{flag['id']}" for flag in await flags(client)]
    assert len(paths) == 2
    for seed in range(4):
        commands = [f"{path}/{command}" for path in paths for command in ("hold", "release", "hold")]
        random.Random(seed).shuffle(commands)
        answers = await asyncio.gather(*(client.post(command) for command in commands))
        assert {answer.status_code for answer in answers} <= {200, 409}
        anybody = any(flag["points_held"] for flag in await flags(client))
        await has_points(points, person, 100, held=100 if anybody else 0)
    assert await rebuild(points.service) == 0


async def test_what_comes_to_a_flag_is_held_too_where_the_policy_holds_and_what_was_let_go_is_not(
    points: Any, producing: Any
) -> None:
    person = uuid.uuid4()
    await hold_at_once(points, "impossible_day")
    told = [confirmed(completed([attendance(person, 130, morning(3) + n * 3 * HOUR)])) for n in range(5)]
    await producing.tell([registered(person), *told[:4]])
    await until(lambda: booked(points, 4))
    await watch_of(points).look_at_everything()
    client = points.client()
    (flag,) = await flags(client)
    before = (await client.get(f"/v1/accounts/{person}/POINT/balance")).json()
    assert before["pending"] == before["posted"] > 0
    await producing.tell([told[4]])
    await until(lambda: booked(points, 5))
    await watch_of(points).look_at_everything()
    after = (await client.get(f"/v1/accounts/{person}/POINT/balance")).json()
    assert after["pending"] == after["posted"] >= before["posted"]
    held = (await client.get(f"/v1/accounts/{person}/POINT/holds")).json()["items"]
    assert sum(one["amount"] for one in held) == after["pending"]
    assert ["一日时长过多" in one["text"] for one in held] == [True, True]
    await made(client, f"/v1/anomalies/{flag['id']}/release")
    await has_points(points, person, after["posted"], held=0)
    assert await watch_of(points).look_at_everything() == 0
    await policies_as_published(points)
    assert await rebuild(points.service) == 0


async def test_a_flag_over_very_many_records_holds_the_points_of_all_and_shows_them_by_page(
    points: Any, producing: Any
) -> None:
    await hold_at_once(points, "burst")
    people = [uuid.uuid4() for _ in range(620)]
    served = confirmed(completed([attendance(person, 60, morning(3)) for person in people]))
    await producing.tell([registered(CLERK), served])
    await until(lambda: booked(points, 1))
    await watch_of(points).look_at_everything()
    clerk = points.client()
    (flag,) = await flags(clerk)
    assert (flag["sign"], flag["records_count"], flag["measured"]) == ("burst", 620, 620)
    number = await points.value("SELECT number FROM ledger.members WHERE volunteer_id = :clerk", clerk=CLERK)
    assert f"同一人（{number}）" in flag["text"], "nobody knows a person by an id"
    assert {one["volunteer_id"] for one in flag["held"]} == {str(person) for person in people}
    assert sum(one["points"] for one in flag["held"]) == 620 * 10
    path, shown, cursor = f"/v1/anomalies/{flag['id']}", [], ""
    while cursor is not None:
        page = (await clerk.get(f"{path}/records?limit=300{cursor and '&cursor=' + cursor}")).json()
        shown += page["items"]
        cursor = page["next_cursor"]
    assert len(shown) == 620
    assert {one["volunteer_id"] for one in shown} == {str(person) for person in people}
    first = (await clerk.get(path)).json()
    assert (first["records_count"], first["records"], first["text"]) == (620, shown[:500], flag["text"])
    assert (await points.client(node=FOREIGN).get(f"{path}/records")).status_code == 403
    assert (await clerk.get(f"/v1/anomalies/{uuid.uuid4()}/records")).status_code == 404
    await made(clerk, f"{path}/release")
    assert await points.value("SELECT sum(pending_debits) FROM ledger.accounts") == 0
    await made(clerk, f"{path}/hold")
    assert await points.value("SELECT sum(pending_debits) FROM ledger.accounts") == 6200
    await policies_as_published(points)
    async with points.service.database.reading() as connection:
        assert (await differing_read_tables(connection, read_views))[1] == []
    assert await verify(points.service) == 0
