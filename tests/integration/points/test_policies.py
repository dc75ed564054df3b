"""Policies through the API: what is ready to publish, what is in force and who said it, and what follows them."""

import asyncio
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from services.points.app import build
from services.points.proof.rebuild import rebuild
from services.points.settings import PointsSettings
from shared.clock import SHANGHAI
from shared.contracts import Evidence
from shared.contracts.registry import ActivityCategory, ActivityCompleted
from tests.conftest import COMMUNITY, until
from tests.integration.points.producing import Told, attendance, completed, corrected, registered
from tests.integration.points.publishing import publish, tried

TITLE = {"zh": "试行办法", "en": "Trial"}
EASIER = {"title": TITLE, "points": {"minutes_per_point": 5}}


async def test_a_shipped_document_is_published_for_a_node_and_in_force_there(start: Any) -> None:
    points = await start(build, settings=PointsSettings, working=False)
    client = points.client("district", node="620201")
    shipped = {policy["name"]: policy for policy in (await client.get("/v1/policies/shipped")).json()["items"]}
    assert set(shipped) == {"national", "beijing_stars", "small_community_stars", "time_bank_by_service"}
    chosen = shipped["small_community_stars"]
    assert set(chosen["title"]) == {"zh", "en"}
    assert await publish(client, COMMUNITY, "2199-01-01", chosen["document"]) == 2
    terms = (await client.get(f"/v1/policies/in-force?community={COMMUNITY}&day=2199-01-01")).json()
    assert terms["stars"] == {
        "minutes": {"value": [600, 1200, 1800, 2400, 3000], "policy_version": 2},
        "granted_by": {"value": ["district", "district", "city", "city", "province"], "policy_version": 1},
        "membership_months_min": {"value": 3, "policy_version": 2},
        "review_months": {"value": 12, "policy_version": 1},
    }
    assert terms["expiry"] == {
        "POINT": {"rule": "end_of_next_year", "months": None, "policy_version": 1},
        "announce_days": {"value": 30, "policy_version": 1},
    }
    assert terms["time_bank"]["on_death"] == {"value": "kin", "policy_version": 1}
    assert terms["time_bank"]["cap_minutes"] == {"value": 90_000, "policy_version": 1}
    assert terms["market"]["pieces_per_household_per_month"]["value"] == 0
    assert terms["certificates"]["publicity_days"]["value"] == 7


async def test_a_bad_rule_is_refused_in_words_and_with_its_place(start: Any) -> None:
    points = await start(build, settings=PointsSettings, working=False)
    document = {"title": TITLE, "stars": {"minutes": [1, 2, 3, 3, 9]}, "evidence": {"estimated": ["POINT"]}}
    body = {"node": "620201", "in_force_from": "2199-01-01", "document": document}
    bad = await points.client("district", node="620201").post("/v1/policies", json=body)
    assert (bad.status_code, bad.json()["code"]) == (422, "bad_policy")
    assert bad.json()["errors"] == [
        {"field": "/evidence/estimated", "problem": "估计的时长不计入任何账户"},
        {"field": "/stars/minutes/3", "problem": "应大于前一星级"},
    ]
    assert "/evidence/estimated" in bad.json()["detail"]


async def test_goods_wait_as_long_as_the_policy_of_the_day_says(start: Any, producing: Any) -> None:
    now = datetime.now(UTC)
    points = await start(lambda settings: build(settings, clock=lambda: now), settings=PointsSettings)
    client, person = points.client("district", node="620201"), uuid.uuid4()
    await producing.tell([completed([attendance(person, 300, now - timedelta(days=1))])])

    async def credited() -> bool:
        account = await client.get(f"/v1/accounts/{person}/POINT")
        return account.status_code == 200 and account.json()["posted"] == 50

    await until(credited)
    item = (
        await client.post("/v1/items", json={"community": COMMUNITY, "name": "香皂（演示）", "price_points": 10})
    ).json()["id"]
    await client.post(f"/v1/items/{item}/receipts", json={"quantity": 5})

    reserved = []

    async def waits() -> timedelta:
        made = await client.post("/v1/redemptions", json={"volunteer_id": str(person), "item_id": item})
        assert made.status_code == 201, made.text
        reserved.append(made.json()["id"])
        return datetime.fromisoformat(made.json()["collect_by"]) - now

    assert await waits() == timedelta(hours=72)
    starts = (now.astimezone(SHANGHAI) + timedelta(days=2)).date()
    document = {"title": TITLE, "redemption": {"collect_within_hours": 5}}
    await publish(client, "620201", starts.isoformat(), document)
    assert await waits() == timedelta(hours=72)
    now += timedelta(days=2)
    assert await waits() == timedelta(hours=5)
    await client.post(f"/v1/redemptions/{reserved[0]}/collection", json={"identified_by": "card"})
    document = {"title": TITLE, "market": {"pieces_per_household_per_month": 1}, "stars": {"review_months": 6}}
    question = {"node": "6202", "document": document, "months": 1}
    province = points.client("district", node="62")
    tried = (await province.post("/v1/policies/dry-run", json=question, headers={"accept-language": "en"})).json()
    same_month = len({(now - timedelta(days=days)).astimezone(SHANGHAI).month for days in (2, 0)}) == 1
    assert tried["market"] == {
        "redemptions": 3,
        "over_limit_households": {"before": 0, "after": 1},
        "over_limit_pieces": {"before": 0, "after": 2 if same_month else 1},
        "late": {"before": 1, "after": 1},  # five hours of the district's policy, which the document does not touch
    }
    why = "says when stars are reviewed from then on"
    assert tried["not_tried"] == [{"place": "/stars/review_months", "why": why}]


async def test_a_policy_withdrawn_in_time_never_prices_anything(start: Any, producing: Any) -> None:
    now = datetime.now(UTC).replace(hour=2) - timedelta(days=5)
    points = await start(lambda settings: build(settings, clock=lambda: now), settings=PointsSettings)
    client, person = points.client("district", node="620201"), uuid.uuid4()
    day = (now + timedelta(days=1)).astimezone(SHANGHAI).date().isoformat()

    async def published(minutes_per_point: int) -> Any:
        document = {"title": TITLE, "points": {"minutes_per_point": minutes_per_point}}
        body = await tried(client, {"node": COMMUNITY, "in_force_from": day, "document": document})
        return (await client.post("/v1/policies", json=body)).json()

    async def withdraw(version: int) -> tuple[int, str | None]:
        answer = await client.post(f"/v1/policies/{version}/withdrawal")
        return answer.status_code, answer.json().get("code")

    assert (await published(60))["policy_version"] == 2
    assert (await published(3))["code"] == "policy_overlaps"
    await producing.tell([registered(person)])
    told = [completed([attendance(person, 60, now - timedelta(hours=2))])]  # the book with the mistake is at hand now
    await producing.tell(told)
    await booked(points, told)
    clerk = points.client("community", node=COMMUNITY)
    assert (await clerk.post("/v1/policies/2/withdrawal")).status_code == 403
    neighbours = points.client("district", node="620202")
    assert (await neighbours.post("/v1/policies/2/withdrawal")).status_code == 403
    assert await withdraw(2) == (200, None)
    assert await withdraw(2) == (409, "policy_withdrawn")
    assert await withdraw(9) == (404, "unknown_policy")
    assert await withdraw(1) == (403, "outside_your_node"), "the default is of everywhere"
    assert (await client.get("/v1/policies/2")).json()["withdrawn_at"] is not None
    named = {"node": COMMUNITY, "policy_version": 2, "since": "2026-01-01", "until": "2026-01-02"}
    assert (await client.post("/v1/policy-restatements/dry-run", json=named)).json()["code"] == "policy_not_of_node"
    in_force = f"/v1/policies/in-force?community={COMMUNITY}&day={day}"
    assert (await client.get(in_force)).json()["minutes_per_point"] == {"value": 6, "policy_version": 1}
    assert (await published(3))["policy_version"] == 3
    assert (await client.get(in_force)).json()["minutes_per_point"] == {"value": 3, "policy_version": 3}
    now += timedelta(days=1)
    assert await withdraw(3) == (409, "policy_begun")
    told = [completed([attendance(person, 60, now)])]
    await producing.tell(told)
    await booked(points, told)
    assert await earned(points, [person]) == {str(person): 10 + 20}
    assert await rebuild(points.service) == 0


# ── dry runs ─────────────────────────────────────────────────────────────────────────────────────────────────────

NEIGHBOUR = "620201001005"
LATER = timedelta(days=40)


def correction(told: Told, place: int, minutes: int, evidence: Evidence = Evidence.SCANNED) -> Told:
    """A correction of one attendance of an activity."""
    activity = told[1]
    assert isinstance(activity, ActivityCompleted)
    return uuid.uuid4(), corrected(activity.attendances[place], minutes, activity, evidence=evidence)


def some_weeks(people: list[uuid.UUID], first: datetime) -> list[Told]:
    """Activities in two communities, some of the days over a cap, some records backfilled, some corrected later."""
    told: list[Told] = []
    for week in range(4):
        day = first + timedelta(days=7 * week)
        care = completed(
            [attendance(p, 90 + 10 * n, day) for n, p in enumerate(people)], category=ActivityCategory.CARE
        )
        clean_up = completed(
            [attendance(p, 300, day + timedelta(hours=4)) for p in people[::2]],
            community=NEIGHBOUR,
            category=ActivityCategory.ENVIRONMENT,
        )
        late = completed([attendance(people[1], 240, day + timedelta(days=1), Evidence.BACKFILLED)])
        told += [care, clean_up, late, correction(care, week, 20), correction(clean_up, 0, 300, Evidence.ESTIMATED)]
        told.append(correction(late, 0, 200))
    return told


async def booked(points: Any, told: list[Told]) -> None:
    """Wait until all of them are."""

    async def all_of_them() -> bool:
        known = await points.rows(
            "SELECT count(*) FROM consumed WHERE event_id = ANY(:ids)", ids=[event_id for event_id, _ in told]
        )
        return bool(known[0][0] == len(told))

    await until(all_of_them)


async def earned(points: Any, people: list[uuid.UUID]) -> dict[str, int]:
    rows = await points.rows(
        "SELECT holder, credits - debits FROM ledger.accounts WHERE unit = 1 AND holder = ANY(:people)",
        people=[str(person) for person in people],
    )
    return {row[0]: row[1] for row in rows}


async def test_what_a_dry_run_predicts_is_what_the_published_document_then_gives(start: Any, producing: Any) -> None:
    now = datetime.now(UTC) - timedelta(days=60)
    points = await start(lambda settings: build(settings, clock=lambda: now), settings=PointsSettings)
    client = points.client("district", node="620201")
    people = [uuid.uuid4() for _ in range(6)]
    first = (now - timedelta(days=31)).replace(hour=0, minute=0, second=0, microsecond=0)
    past = some_weeks(people, first)
    await producing.tell([registered(person, COMMUNITY) for person in people])
    await producing.tell(past)
    await booked(points, past)
    before = await earned(points, people)
    document = {
        "title": TITLE,
        "points": {"minutes_per_point": 5, "weights_percent": {"activity.environment": 50}},
        "caps_per_day": {"POINT": 40},
    }
    question = {"node": COMMUNITY, "document": document, "months": 2}
    answer = await client.post("/v1/policies/dry-run", json=question, headers={"Idempotency-Key": ""})
    assert answer.status_code == 200, answer.text
    predicted = answer.json()
    assert predicted["people"] == 6
    (point,) = [unit for unit in predicted["units"] if unit["unit"] == "POINT"]
    shown = {p["volunteer_id"]: (p["before"], p["after"]) for p in point["largest_gains"] + point["largest_losses"]}
    assert point["people_more"] + point["people_less"] == len(shown) > 0
    assert point["people_more"] + point["people_less"] + point["people_same"] == 6
    assert sum(step["people"] for step in point["distribution"]) == len(shown)
    assert {c["community"] for c in predicted["communities"]} == {COMMUNITY, None}
    assert {k["kind"] for k in predicted["kinds"]} == {"activity.care", "activity.environment", "activity.general"}
    for parts in (predicted["communities"], predicted["kinds"]):
        assert sum(part["units"]["POINT"]["before"] for part in parts) == point["before"]
        assert sum(part["units"]["POINT"]["after"] for part in parts) == point["after"]
    assert {person: before[person] for person in shown} == {person: was for person, (was, _) in shown.items()}
    assert await points.value("SELECT count(*) FROM policies") == 1
    assert await points.value("SELECT count(*) FROM idempotency") == 0

    starts = (now.astimezone(SHANGHAI) + timedelta(days=2)).date().isoformat()
    await publish(client, COMMUNITY, starts, document)
    again = some_weeks(people, first + LATER)
    await producing.tell(again)
    await booked(points, again)
    after = await earned(points, people)
    gained = {person: after[person] - before[person] for person in before}
    assert gained == {person: shown.get(person, (before[person],) * 2)[1] for person in before}

    now += timedelta(days=44)
    same = (await client.post("/v1/policies/dry-run", json={**question, "months": 1})).json()
    assert same["records"] > 0
    for unit in same["units"]:
        assert unit["before"] == unit["after"]
        assert unit["people_same"] == same["people"] == 6
        assert unit["largest_gains"] == unit["largest_losses"] == []


async def test_a_dry_run_that_is_too_much_says_what_to_do(start: Any, producing: Any) -> None:
    points = await start(build, settings=PointsSettings, dry_run_records_max=3)
    client, yesterday = points.client("district", node="620201"), datetime.now(UTC) - timedelta(days=1)
    told = [completed([attendance(uuid.uuid4(), 60, yesterday) for _ in range(4)])]
    await producing.tell(told)
    await booked(points, told)
    question = {"node": "620201", "document": EASIER, "months": 1}
    answer = await client.post("/v1/policies/dry-run", json=question, headers={"accept-language": "en"})
    assert (answer.status_code, answer.json()["code"]) == (422, "dry_run_too_much")
    assert "fewer months" in answer.json()["detail"]
    elsewhere = await client.post("/v1/policies/dry-run", json={**question, "node": "620201999"})
    assert (elsewhere.status_code, elsewhere.json()["people"]) == (200, 0)


async def test_a_dry_run_is_for_those_who_publish_there_and_for_good_documents(start: Any) -> None:
    points = await start(build, settings=PointsSettings, working=False)
    client = points.client("district", node="620201")
    question = {"node": "620201", "document": EASIER, "months": 1}
    assert (await client.post("/v1/policies/dry-run", json=question)).status_code == 200
    assert (await client.post("/v1/policies/dry-run", json={**question, "node": "11"})).status_code == 403
    clerk = points.client("community", node=COMMUNITY)
    assert (await clerk.post("/v1/policies/dry-run", json={**question, "node": COMMUNITY})).status_code == 403
    bad = await client.post(
        "/v1/policies/dry-run", json={**question, "document": {"title": TITLE, "market": {"discount": 1}}}
    )
    assert (bad.status_code, bad.json()["code"]) == (422, "bad_policy")
    assert "/market/discount" in bad.json()["detail"]
    for months in (0, 25, "x"):
        assert (await client.post("/v1/policies/dry-run", json={**question, "months": months})).status_code == 422


async def test_what_is_published_was_tried_as_it_stands_beside_what_holds_and_not_long_ago(start: Any) -> None:
    now = datetime(2026, 3, 10, 4, tzinfo=UTC)
    points = await start(lambda settings: build(settings, clock=lambda: now), settings=PointsSettings, working=False)
    client = points.client("district", node="620201")
    policy = {"node": "620201", "in_force_from": "2026-06-01", "document": EASIER}
    answer = (await client.post("/v1/policies/dry-run", json={**policy, "months": 2})).json()
    assert answer["in_force_from"] == "2026-06-01"
    assert answer["receipt_holds_until"] == "2026-03-24T04:00:00Z"
    receipt = answer["receipt"]

    async def refused(code: str, status: int = 422, **changed: Any) -> Any:
        answer = await client.post("/v1/policies", json={**policy, "receipt": receipt, **changed})
        assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
        assert "{" not in answer.json()["detail"]
        return answer.json()

    said = await refused("policy_not_tried", receipt=None)
    assert "POST /v1/policies/dry-run" in said["detail"]
    for changed in (
        {"node": COMMUNITY},
        {"in_force_from": "2026-06-02"},
        {"document": {"title": TITLE, "points": {"minutes_per_point": 4}}},
        {"receipt": "2" + receipt[1:]},
        {"receipt": receipt.replace("-2-", "-9-", 1)},
        {"receipt": receipt[:-1]},
        {"receipt": "x"},
    ):
        await refused("policy_not_tried", **changed)
    now += timedelta(days=14, seconds=1)
    said = await refused("dry_run_too_old", 409)
    assert "2026-03-10 12:00" in said["detail"]
    now -= timedelta(seconds=1)
    # Somewhere else something is published, which does not concern it; and then below.
    elsewhere = points.client("district", node="11")
    assert await publish(elsewhere, "110101", "2026-06-01", EASIER) == 2
    assert await publish(client, COMMUNITY, "2026-07-01", EASIER) == 3
    await refused("dry_run_overtaken", 409)
    body = await tried(client, policy)
    once = {"Idempotency-Key": "published-once"}
    for _ in range(2):  # the answer was lost, and it is sent again
        made = await client.post("/v1/policies", json=body, headers=once)
        assert (made.status_code, made.json()["policy_version"]) == (201, 4)
    shown = (await client.get("/v1/policies/4")).json()
    assert (shown["tried_at"], shown["tried_months"]) == ("2026-03-24T04:00:00Z", 1)
    assert (await client.get("/v1/policies/1")).json()["tried_at"] is None
    await refused("dry_run_overtaken", 409, receipt=body["receipt"])


async def test_what_contradicts_what_is_inherited_or_said_below_is_refused_before_and_at_publishing(start: Any) -> None:
    points = await start(build, settings=PointsSettings, working=False)
    client = points.client("district", node="620201")
    longer = {"title": TITLE, "anomalies": {"day_minutes_max": 900}}
    assert await publish(client, "620201", "2199-01-01", longer) == 2
    leaning = {"title": TITLE, "anomalies": {"day_minutes_approval": 800}}
    assert await publish(client, COMMUNITY, "2199-01-01", leaning) == 3
    shorter = {"title": TITLE, "anomalies": {"day_minutes_max": 700}}
    body = {"node": "620201", "in_force_from": "2199-02-01", "document": shorter}
    for path in ("/v1/policies/dry-run", "/v1/policies"):
        answer = await client.post(path, json=body)
        assert (answer.status_code, answer.json()["code"]) == (422, "bad_policy"), answer.text
        problem = "不应少于 /anomalies/day_minutes_approval（620201001004 自 2199-02-01 起为 800）"
        assert answer.json()["errors"] == [{"field": "/anomalies/day_minutes_max", "problem": problem}]
    answer = await client.post("/v1/policies/2/withdrawal")
    assert (answer.status_code, answer.json()["code"]) == (409, "policy_needed")
    assert "620201001004" in answer.json()["detail"]
    assert (await client.post("/v1/policies/3/withdrawal")).status_code == 200
    assert (await client.post("/v1/policies/2/withdrawal")).status_code == 200
    # Each agrees with what holds, and both together do not: whoever comes second is refused, at the same moment, too.
    leaning = {"title": TITLE, "anomalies": {"day_minutes_approval": 710}}
    one, other = [await tried(client, said) for said in (body, {**body, "node": COMMUNITY, "document": leaning})]
    answers = await asyncio.gather(*(client.post("/v1/policies", json=said) for said in (one, other)))
    assert sorted(answer.status_code == 201 for answer in answers) == [False, True]
    (second,) = [answer.json()["code"] for answer in answers if answer.status_code != 201]
    assert second in ("bad_policy", "dry_run_overtaken")
    late = await client.post("/v1/policies/dry-run", json={**body, "in_force_from": "2020-01-01"})
    assert late.json()["code"] == "policy_retroactive"


async def test_two_dry_runs_at_once_are_one_after_the_other(start: Any) -> None:
    points = await start(build, settings=PointsSettings, working=False)
    client = points.client("district", node="620201")
    question = {"node": "620201", "document": EASIER, "months": 1}
    answers = await asyncio.gather(*(client.post("/v1/policies/dry-run", json=question) for _ in range(3)))
    codes = sorted(answer.status_code for answer in answers)
    assert codes[0] == 200
    assert set(codes) <= {200, 409}
    assert {a.json()["code"] for a in answers if a.status_code == 409} <= {"dry_run_under_way"}
