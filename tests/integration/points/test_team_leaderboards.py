"""Leaderboards by team: membership as the registry tells it, in whatever order it comes."""

import itertools
import random
import uuid
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from services.points import teams
from services.points.app import build
from services.points.ledger.schema import REBUILT, copy_of_the_tables
from services.points.proof.rebuild import rebuild
from services.points.settings import PointsSettings
from shared.contracts import Event
from shared.contracts.registry import PersonForgotten, TeamFormed, TeamMemberJoined, TeamMemberLeft, TeamOrigin
from shared.deliveries import Delivery
from tests.conftest import COMMUNITY, FOREIGN, until
from tests.integration.points.producing import attendance, completed, registered
from tests.integration.points.serving import registration, serve
from tests.integration.points.test_leaderboards_over_http import died
from tests.integration.telling import envelope_of, tell
from tests.moments import now, today


def period() -> dict[str, str]:
    return {"since": (today() - timedelta(days=60)).isoformat(), "until": today().isoformat()}


def served_last() -> date:
    """The last day of what `serve` tells."""
    return now().date() - timedelta(days=1)


def long_ago() -> date:
    return today() - timedelta(days=200)


@pytest.fixture
async def points(start: Any) -> Any:
    return await start(build, working=False, settings=PointsSettings)


def formed(team: uuid.UUID, name: str = "环保队（演示）", community: str = COMMUNITY) -> TeamFormed:
    return TeamFormed(
        team_id=team, community=community, name=name, kind="environment", origin=TeamOrigin.SELF_FORMED,
        formed_on=long_ago(),
    )  # fmt: skip


def joined(team: uuid.UUID, person: uuid.UUID, on: date | None = None) -> TeamMemberJoined:
    return TeamMemberJoined(team_id=team, volunteer_id=person, joined_on=on or long_ago())


def left(team: uuid.UUID, person: uuid.UUID, on: date) -> TeamMemberLeft:
    return TeamMemberLeft(team_id=team, volunteer_id=person, left_on=on)


def stream(team: uuid.UUID, *events: Event) -> list[Delivery]:
    """Events of one team's stream, numbered as the registry numbers them."""
    return [
        Delivery(event, replace(envelope_of(event, f"team-{team}"), sequence=number))
        for number, event in enumerate(events, start=1)
    ]


async def hear(points: Any, deliveries: list[Delivery]) -> None:
    async with points.service.database.transaction() as connection:
        await points.service.handler.apply(connection, deliveries)


async def volunteer(points: Any, hours: int, community: str = COMMUNITY) -> uuid.UUID:
    person = uuid.uuid4()
    await tell(points.service, registration(person, now() - timedelta(days=400), community))
    await serve(points.service, person, hours, now(), community)
    return person


async def board(points: Any, **params: Any) -> list[tuple[str, int, int, int]]:
    answer = await points.client().get("/v1/leaderboards/teams", params={"community": COMMUNITY, **period(), **params})
    assert answer.status_code == 200, answer.text
    return [(p["name"], p["rank"], p["members"], p["minutes"]) for p in answer.json()["items"]]


async def within(points: Any, team: uuid.UUID, client: Any = None, **params: Any) -> list[tuple[str, int, int]]:
    answer = await (client or points.client()).get(f"/v1/leaderboards/teams/{team}", params={**period(), **params})
    assert answer.status_code == 200, answer.text
    return [(p["volunteer_id"], p["rank"], p["minutes"]) for p in answer.json()["items"]]


async def test_teams_are_ranked_by_what_their_members_served_while_they_belonged(points: Any) -> None:
    one, two, abroad = uuid.uuid4(), uuid.uuid4(), uuid.uuid4()
    steady, both, quitter, elsewhere = [await volunteer(points, hours) for hours in (8, 16, 24, 40)]
    # Eight hours on each of the last days: who left the day before yesterday had served one of three.
    gone_on = served_last() - timedelta(days=1)
    await hear(points, stream(one, formed(one), joined(one, steady), joined(one, both)))
    await hear(points, stream(two, formed(two, "二队（演示）"), joined(two, both), joined(two, quitter)))
    await hear(points, stream(two, formed(two), joined(two, both), joined(two, quitter), left(two, quitter, gone_on)))
    await hear(points, stream(abroad, formed(abroad, "外队", FOREIGN), joined(abroad, elsewhere)))
    places = await board(points)
    assert sorted(places) == [("二队（演示）", 1, 1, 1440), ("环保队（演示）", 1, 2, 1440)]
    assert await within(points, two) == [(str(both), 1, 960), (str(quitter), 2, 480)]
    assert await within(points, one, limit=1) == [(str(both), 1, 960)]
    own = points.client("volunteer", subject=str(steady))
    mine = (await own.get(f"/v1/leaderboards/teams/{one}", params={**period(), "limit": 1})).json()["mine"]
    assert (mine["rank"], mine["minutes"]) == (2, 480)
    last_year = {
        "since": (today() - timedelta(days=300)).isoformat(),
        "until": (today() - timedelta(days=250)).isoformat(),
    }
    assert await board(points, **last_year) == []
    assert len(await board(points, limit=1)) == 1


async def test_the_places_go_on_over_pages(points: Any) -> None:
    people = [await volunteer(points, hours) for hours in (8, 16, 16, 24, 40)]
    made = [uuid.uuid4() for _ in people]
    for number, (team, person) in enumerate(zip(made, people, strict=True)):
        await hear(points, stream(team, formed(team, f"{number} 队（演示）"), joined(team, person)))
    first = made[0]
    told = stream(first, formed(first, "0 队（演示）"), *(joined(first, person) for person in people))
    await hear(points, told)
    whole = {"/v1/leaderboards/teams": "team_id", f"/v1/leaderboards/teams/{first}": "volunteer_id"}
    for path, key in whole.items():
        params: dict[str, Any] = {**period(), "limit": 2} | ({"community": COMMUNITY} if key == "team_id" else {})
        places: list[Any] = []
        while True:
            answer = await points.client().get(path, params=params)
            assert answer.status_code == 200, answer.text
            places += answer.json()["items"]
            if answer.json()["next_cursor"] is None:
                break
            params["cursor"] = answer.json()["next_cursor"]
        assert len({place[key] for place in places}) == len(places) == 5
        assert [place["minutes"] for place in places] == sorted((p["minutes"] for p in places), reverse=True)
        assert [place["rank"] for place in places] == ([1, 2, 3, 4, 4] if key == "team_id" else [1, 2, 3, 3, 5])


async def test_whoever_opted_out_or_was_forgotten_or_died_is_neither_shown_nor_in_the_sum(points: Any) -> None:
    team = uuid.uuid4()
    shown, shy, gone, dead = [await volunteer(points, hours) for hours in (8, 16, 24, 8)]
    await hear(points, stream(team, formed(team), *(joined(team, person) for person in (shown, shy, gone, dead))))
    assert (await board(points))[0][2:] == (4, 480 + 960 + 1440 + 480)
    await died(points, str(dead))
    assert (await board(points))[0][2:] == (3, 480 + 960 + 1440)
    own = points.client("volunteer", subject=str(shy))
    assert (await own.post(f"/v1/leaderboards/{shy}/choice", json={"opted_out": True})).status_code == 200
    await tell(points.service, PersonForgotten(volunteer_id=gone, community=COMMUNITY))
    assert await within(points, team) == [(str(shown), 1, 480)]
    assert await board(points) == [("环保队（演示）", 1, 2, 480)]


async def test_a_foreign_team_is_hidden_and_an_unknown_one_is_not_there(points: Any) -> None:
    team = uuid.uuid4()
    await hear(points, stream(team, formed(team)))
    foreign = points.client(node=FOREIGN)
    assert (await foreign.get(f"/v1/leaderboards/teams/{team}", params=period())).status_code == 403
    assert (await foreign.get("/v1/leaderboards/teams", params={**period(), "community": COMMUNITY})).status_code == 403
    assert (await points.client().get(f"/v1/leaderboards/teams/{uuid.uuid4()}", params=period())).status_code == 404
    assert await within(points, team) == []
    backwards = await points.client().get(
        f"/v1/leaderboards/teams/{team}", params={"since": "2026-02-01", "until": "2026-01-01"}
    )
    assert backwards.json()["code"] == "leaderboard_period"


async def test_membership_is_a_function_of_the_set_of_what_was_told(points: Any) -> None:
    """Joined, left, joined again: in every order, in batches of any size, and each told twice."""
    team, person = uuid.uuid4(), await volunteer(points, 24)
    days = [served_last() - timedelta(days=n) for n in (60, 2, 0)]
    told = stream(
        team, formed(team), joined(team, person, days[0]), left(team, person, days[1]), joined(team, person, days[2])
    )
    database = points.service.database
    seen = set()
    for order in itertools.permutations(told):
        db = await database.dedicated()
        for statement in copy_of_the_tables(REBUILT):
            await db.execute(statement)
        twice = [*order, random.choice(order)]
        for begin in range(0, len(twice), 2):
            await teams.note(db, REBUILT, twice[begin : begin + 2])
        rows = await db.fetch(f"SELECT t::text FROM {REBUILT}.team_changes AS t ORDER BY 1")
        rows += await db.fetch(f"SELECT t::text FROM {REBUILT}.teams AS t")
        seen.add(tuple(row[0] for row in rows))
        await db.close()
    assert len(seen) == 1
    await hear(points, told[::-1])
    # Of the last three days with eight hours each, one lies before the leaving and one after the return: none between.
    assert await within(points, team) == [(str(person), 1, 480)]


async def test_teams_told_on_the_bus_are_there_and_again_after_a_rebuild(start: Any, producing: Any) -> None:
    points = await start(build, settings=PointsSettings)
    team, person = uuid.uuid4(), uuid.uuid4()
    yesterday = now() - timedelta(days=1)
    await producing.tell([registered(person), completed([attendance(person, 60, yesterday)])])
    await producing.tell([(uuid.uuid4(), formed(team)), (uuid.uuid4(), joined(team, person))], stream=f"team-{team}")

    async def ranked() -> bool:
        return await board(points) == [("环保队（演示）", 1, 1, 60)]

    await until(ranked)
    assert await rebuild(points.service, switch=True) == 0
    assert await ranked()
    assert await within(points, team) == [(str(person), 1, 60)]
