"""Days priced anew: the ledger is what it would be had everything been booked after the restatement was told."""

import asyncio
import random
import uuid
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.points.app import build
from services.points.grounds.corrections import RESTATED, Decision
from services.points.ledger import holders
from services.points.policy.book import PolicyBook, Restatement
from services.points.policy.document import PolicyDocument
from services.points.policy.terms import PolicyVersion
from services.points.proof.rebuild import rebuild
from services.points.proof.verify import verify
from services.points.restatements.rounds import RestatementRounds
from services.points.settings import PointsSettings
from shared.clock import local_day
from tests.conftest import COMMUNITY, until
from tests.integration.points.ledger_database import NOW, LedgerUnderTest, Told, book, connected, migrate, run, told_at
from tests.integration.points.producing import attendance, completed, registered
from tests.integration.points.publishing import publish, restate
from tests.integration.points.test_ledger_is_a_function_of_the_events import (
    COMMUNITIES,
    LAPSES,
    VOLUNTEERS,
    histories,
)
from tests.integration.telling import tell
from tests.moments import morning

POLICIES = (
    PolicyVersion(2, "620201", date(2026, 2, 2), PolicyDocument(caps_per_day={"POINT": 60})),
    PolicyVersion(
        3,
        "620201",
        date(2030, 1, 1),
        PolicyDocument(
            minutes_per_point=4,
            weights_percent={"activity.meeting": 50},
            evidence={
                "backfilled": frozenset({"POINT", "SERVICE_MINUTE"}),
                "estimated": frozenset({"SERVICE_MINUTE"}),
            },
            caps_per_day={"POINT": 90, "SERVICE_MINUTE": 400},
        ),
    ),
    PolicyVersion(
        4, COMMUNITIES[1], date(2030, 1, 1), PolicyDocument(evidence={"scanned": frozenset({"SERVICE_MINUTE"})})
    ),
    PolicyVersion(5, "620201", date(2030, 1, 2), PolicyDocument(minutes_per_point=12, caps_per_day={"MINUTE": 200})),
)
"""The third and later ones are in force only where days are priced anew."""

RESTATEMENTS = tuple(
    Restatement(
        number,
        node,
        version,
        date(2026, 2, 1),
        until,
        uuid.UUID(int=8000 + number),
        NOW - before + timedelta(seconds=1),
    )
    for number, node, version, until, before in (
        (1, "620201", 3, date(2026, 2, 2), timedelta(hours=35)),
        (2, COMMUNITIES[1], 4, date(2026, 2, 1), timedelta(hours=20)),
        (3, "620201", 5, date(2026, 2, 3), timedelta(hours=8)),
    )
)
BOOKS: tuple[PolicyBook, ...] = tuple(book(*POLICIES, restatements=RESTATEMENTS[:known]) for known in range(4))
PARTS = [person.int for person in VOLUNTEERS]


@pytest.fixture(scope="module")
def database_url(stack: Any) -> str:
    url: str = stack.create_database(f"t{uuid.uuid4().hex[:12]}")
    run(migrate(url))
    return url


async def _live(ledger: LedgerUnderTest, told: list[Told], chance: random.Random, url: str) -> None:
    """Told while one restatement after the other becomes known; some of each is posted long after."""
    left, to_post = list(told), list[tuple[int, int]]()
    chance.shuffle(left)
    lapses = list(LAPSES.items())
    for known in range(4):
        current = BOOKS[known]
        # What is told later than the next restatement cannot have arrived before it.
        until = RESTATEMENTS[known].at if known < 3 else NOW + timedelta(days=1)
        ready = [one for one in left if told_at(one[0]) < until]
        if known < 3:
            ready = ready[: chance.randint(0, len(ready))]
        left = [one for one in left if one not in ready]
        while ready:
            size = chance.randint(1, len(ready))
            batch, ready = ready[:size], ready[size:]
            middle = chance.randint(0, len(batch))
            await ledger.tell_abreast(current, [batch[:middle], batch[middle:]], url)
            if to_post and chance.random() < 0.5:
                number, part = to_post.pop(chance.randrange(len(to_post)))
                await ledger.restate(current, RESTATEMENTS[number - 1], part)
        if lapses and chance.random() < 0.5:
            await ledger.lapse(current, *lapses.pop())
        if known < 3:
            to_post += [(known + 1, part) for part in PARTS]
    for lapse in lapses:
        await ledger.lapse(BOOKS[3], *lapse)
    for number, part in to_post:
        await ledger.restate(BOOKS[3], RESTATEMENTS[number - 1], part)


async def _compare(url: str, told: list[Told], seed: int) -> None:
    async with connected(url) as db:
        plain = await LedgerUnderTest(db, "plain").fresh()
        if told:
            await plain.tell(BOOKS[3], told)
        for part, lapse in LAPSES.items():
            await plain.lapse(BOOKS[3], part, lapse)
        live = await LedgerUnderTest(db, "other").fresh()
        await _live(live, told, random.Random(seed), url)
        assert await plain.breaks() == []
        assert await live.breaks() == []
        assert await live.balances() == await plain.balances()
        assert await live.effects() == await plain.effects()
        decided = {one.at: Decision(one.event_id, RESTATED) for one in RESTATEMENTS}
        assert await live.causes(decided) == await plain.causes(decided)
        assert await live.sealed_lines() == await plain.sealed_lines()
        for ledger in (plain, live):
            for restatement in RESTATEMENTS:
                assert [await ledger.restate(BOOKS[3], restatement, part) for part in PARTS] == [0] * len(PARTS)


@settings(max_examples=28, deadline=None, suppress_health_check=list(HealthCheck))
@given(history=histories, seed=st.integers(0, 2**32))
def test_what_is_restated_while_events_come_is_what_a_rebuild_would_make_of_all(
    database_url: str, history: list[list[Told]], seed: int
) -> None:
    run(_compare(database_url, [told for part in history for told in part], seed))


# ── over HTTP ────────────────────────────────────────────────────────────────────────────────────────────────────

# Ten in the morning in Shanghai, so that two hours later are the same day.


async def test_a_restatement_posts_the_differences_and_says_why(start: Any, producing: Any) -> None:
    points = await start(build, settings=PointsSettings, restatement_check_interval_s=1)
    client, (person, neighbour, at_the_cap) = points.client("district", node="620201"), (uuid.uuid4() for _ in range(3))
    await producing.tell([registered(person), registered(neighbour)])
    await producing.tell([completed([attendance(person, 120, morning()), attendance(at_the_cap, 600, morning())])])
    await producing.tell([completed([attendance(neighbour, 60, morning())], community="620201001005")])

    async def has(whose: uuid.UUID, posted: int) -> bool:
        account = await client.get(f"/v1/accounts/{whose}/POINT")
        return account.status_code == 200 and account.json()["posted"] == posted

    await until(lambda: has(person, 20))
    await until(lambda: has(neighbour, 10))
    assert await has(at_the_cap, 100)
    document = {"title": {"zh": "修订办法", "en": "Revised"}, "points": {"minutes_per_point": 4}}
    version = await publish(client, COMMUNITY, "2199-01-01", document)
    day = local_day(morning()).isoformat()
    order = {
        "node": COMMUNITY,
        "policy_version": version,
        "since": day,
        "until": day,
        "reference": "嘉民发〔2026〕12号（演示）",
    }
    days = {key: value for key, value in order.items() if key != "reference"}
    dry_run = (await client.post("/v1/policy-restatements/dry-run", json=days)).json()
    assert dry_run["people"] == 2, "the neighbour served elsewhere"
    predicted = {one["unit"]: one for one in dry_run["units"] if one["people_more"] or one["people_less"]}
    assert sorted(predicted) == ["POINT"]
    unseen = await client.post("/v1/policy-restatements", json=order)
    assert (unseen.status_code, unseen.json()["code"]) == (422, "restatement_not_tried")
    other_days = {**order, "until": local_day(morning() - timedelta(days=1)).isoformat()} | {"since": "2026-01-01"}
    unseen = await client.post("/v1/policy-restatements", json={**other_days, "receipt": dry_run["receipt"]})
    assert unseen.json()["code"] == "restatement_not_tried"
    ordered = await client.post("/v1/policy-restatements", json={**order, "receipt": dry_run["receipt"]})
    assert ordered.status_code == 201, ordered.text
    there = f"/v1/policy-restatements/{ordered.json()['restatement']}"

    async def posted() -> bool:
        found = (await client.get(there)).json()
        return bool(found["parts_done"] == found["parts"])

    await until(posted)
    restatement = (await client.get(there)).json()
    moments = [datetime.fromisoformat(restatement[key]) for key in ("tried_at", "restated_at")]
    assert moments == sorted(moments)
    assert await has(person, 30)
    assert await has(at_the_cap, 100)
    assert await has(neighbour, 10), "it is at home elsewhere"
    (came_to,) = restatement["units"]
    assert came_to == {
        "unit": "POINT",
        "given": predicted["POINT"]["after"] - predicted["POINT"]["before"],
        "people_more": predicted["POINT"]["people_more"],
        "taken": 0,
        "people_less": 0,
    }
    again = (await client.post("/v1/policy-restatements/dry-run", json=days)).json()
    assert {(one["people_more"], one["people_less"]) for one in again["units"]} == {(0, 0)}
    # What comes late for the day is priced by it as well.
    await producing.tell([completed([attendance(person, 40, morning() + timedelta(hours=2))])])
    await until(lambda: has(person, 40))
    told = (await client.get(f"/v1/accounts/{person}/POINT/explanation")).json()
    anew = [line for line in told["items"] if line["source"]["event_id"] == restatement["event_id"]]
    assert [line["amount"] for line in anew] == [10]
    assert "修订" in anew[0]["text"]
    assert {ground["policy_version"] for ground in anew[0]["grounds"]} == {1, version}
    effects = (await client.get(f"/v1/events/{restatement['event_id']}/effects")).json()
    assert {(e["receiver"], e["unit"], e["amount"], e["reason"]) for e in effects["items"]} == {
        (str(person), "POINT", 10, "policy_restated"),
        (str(at_the_cap), "POINT", 50, "policy_restated"),
        (holders.issuance(COMMUNITY), "POINT", 50, "day_cap"),
    }
    assert [r["restatement"] for r in (await client.get("/v1/policy-restatements")).json()["items"]] == [1]
    assert await verify(points.service) == 0
    assert await rebuild(points.service) == 0


async def _order_after_a_revision(client: Any) -> dict[str, Any]:
    """A revised policy is published for the district; the order to restate January by it."""
    document = {"title": {"zh": "修订办法", "en": "Revised"}, "points": {"minutes_per_point": 4}}
    version = await publish(client, "620201", "2199-01-01", document)
    return {
        "node": "620201",
        "policy_version": version,
        "since": "2026-01-01",
        "until": "2026-01-31",
        "reference": "x",
    }


async def test_each_part_is_posted_once_and_what_a_process_that_died_left_is_posted_by_the_next(start: Any) -> None:
    points = await start(build, settings=PointsSettings, working=False)
    client = points.client("district", node="620201")
    person = uuid.UUID(int=uuid.uuid4().int // 256 * 256 + 7)
    await tell(points.service, completed([attendance(person, 120, datetime(2026, 1, 15, 2, tzinfo=UTC))])[1])
    order = await _order_after_a_revision(client)
    assert (await restate(client, order))["restatement"] == 1
    rounds = RestatementRounds(points.service.database, interval_s=1)
    # The process that is elected, and a rebuild that has everything posted before it begins.
    await asyncio.gather(*(rounds.post(1, 7) for _ in range(4)))
    assert (await client.get(f"/v1/accounts/{person}/POINT")).json()["posted"] == 30
    found = (await client.get("/v1/policy-restatements/1")).json()
    assert (found["parts_done"], found["parts"]) == (1, 256)
    assert await rounds.finish() == 255
    assert await rounds.finish() == 0
    found = (await client.get("/v1/policy-restatements/1")).json()
    assert found["parts_done"] == found["parts"]


async def test_only_what_is_over_and_only_a_policy_of_the_node_can_be_restated(start: Any) -> None:
    points = await start(build, settings=PointsSettings, working=False)
    client = points.client("district", node="620201")
    order = await _order_after_a_revision(client)
    today = local_day(datetime.now(UTC)).isoformat()
    for changed, code in (
        ({"until": today}, "restatement_not_over"),
        ({"since": "2026-02-01"}, "restatement_not_over"),
        ({"policy_version": 1}, "policy_not_of_node"),
        ({"node": COMMUNITY}, "policy_not_of_node"),
    ):
        refused = await client.post("/v1/policy-restatements", json={**order, **changed})
        assert (refused.status_code, refused.json()["code"]) == (422, code), changed
        days = {key: value for key, value in {**order, **changed}.items() if key != "reference"}
        tried = await client.post("/v1/policy-restatements/dry-run", json=days)
        assert (tried.status_code, tried.json()["code"]) == (422, code), changed
    elsewhere = points.client("district", node="620102")
    assert (await elsewhere.post("/v1/policy-restatements", json=order)).status_code in (403, 404)
    assert (await client.get("/v1/policy-restatements/1")).status_code == 404
