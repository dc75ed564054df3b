"""Leaderboards: ranks of a period, without whoever opted out or was forgotten."""

import uuid
from datetime import timedelta
from typing import Any

import pytest

from services.points.app import build, read_views
from services.points.leaderboards.model import Choose
from services.points.leaderboards.views import APPEARANCES
from services.points.settings import PointsSettings
from shared.contracts.honours import LeaderboardOptedIn, LeaderboardOptedOut
from shared.contracts.registry import PersonForgotten
from shared.views import differing_read_tables
from tests.conftest import COMMUNITY, FOREIGN
from tests.integration.points.serving import correct, registration, serve
from tests.integration.telling import tell
from tests.moments import now, today
from tests.specification import given


def period() -> dict[str, Any]:
    return {"community": COMMUNITY, "since": (today() - timedelta(days=60)).isoformat(), "until": today().isoformat()}


@pytest.fixture
async def points(start: Any) -> Any:
    return await start(build, working=False, settings=PointsSettings)


async def served(points: Any, hours: int, community: str = COMMUNITY) -> tuple[str, Any]:
    person = uuid.uuid4()
    await tell(points.service, registration(person, now() - timedelta(days=400), community))
    return str(person), await serve(points.service, person, hours, now(), community)


async def ranks(points: Any, **params: Any) -> list[tuple[str, int, int]]:
    answer = await points.client().get("/v1/leaderboards", params={**period(), **params})
    assert answer.status_code == 200, answer.text
    return [(place["volunteer_id"], place["rank"], place["minutes"]) for place in answer.json()["items"]]


async def opt(points: Any, person: str, out: bool) -> Any:
    own = points.client("volunteer", subject=person)
    return await own.post(f"/v1/leaderboards/{person}/choice", json={"opted_out": out})


async def died(points: Any, person: str) -> None:
    """Somebody's death is recorded; it counts from then on, as at the time bank."""
    answer = await points.client().post("/v1/deaths", json={"volunteer_id": person, "died_on": today().isoformat()})
    assert answer.status_code == 201, answer.text


async def test_a_leaderboard_ranks_the_minutes_of_the_period_as_they_stand_now(points: Any) -> None:
    (first, attended), (second, _), (third, _) = [await served(points, hours) for hours in (24, 16, 16)]
    await served(points, 40, FOREIGN)
    tied = sorted([second, third], reverse=True)
    assert await ranks(points) == [(first, 1, 1440), (tied[0], 2, 960), (tied[1], 2, 960)]
    assert await ranks(points, limit=1) == [(first, 1, 1440)]
    await correct(points.service, attended[0], 0)
    assert {rank for _, rank, _ in await ranks(points)} == {1}
    last = period() | {
        "since": (today() - timedelta(days=300)).isoformat(),
        "until": (today() - timedelta(days=200)).isoformat(),
    }
    assert await ranks(points, **last) == []


async def test_whoever_opted_out_or_died_is_not_shown_and_takes_no_rank(points: Any) -> None:
    (first, _), (second, _), (gone, _), (dead, _) = [await served(points, hours) for hours in (24, 16, 32, 24)]
    await died(points, dead)
    await tell(points.service, PersonForgotten(volunteer_id=uuid.UUID(gone), community=COMMUNITY))
    assert (await opt(points, first, True)).json() == {"volunteer_id": first, "opted_out": True}
    assert (await opt(points, first, True)).status_code == 200
    assert await ranks(points) == [(second, 1, 960)]
    async with points.service.database.reading() as connection:
        assert (await differing_read_tables(connection, read_views))[1] == []
    await opt(points, first, False)
    assert [person for person, _, _ in await ranks(points)] == [first, second]
    stranger = points.client("volunteer", subject=str(uuid.uuid4()))
    assert (await stranger.post(f"/v1/leaderboards/{first}/choice", json={"opted_out": True})).status_code == 403


async def test_a_volunteer_sees_their_own_place_wherever_it_is(points: Any) -> None:
    people = [(await served(points, hours))[0] for hours in (24, 16, 8)]
    answer = await points.client("volunteer", subject=people[2]).get(
        "/v1/leaderboards", params={**period(), "limit": 1}
    )
    assert [place["volunteer_id"] for place in answer.json()["items"]] == [people[0]]
    assert (answer.json()["mine"]["rank"], answer.json()["mine"]["minutes"]) == (3, 480)
    rest = {**period(), "limit": 2, "cursor": answer.json()["next_cursor"]}
    answer = await points.client().get("/v1/leaderboards", params=rest)
    assert [(place["volunteer_id"], place["rank"]) for place in answer.json()["items"]] == [
        (people[1], 2), (people[2], 3),
    ]  # fmt: skip
    assert (answer.json()["next_cursor"], answer.json()["mine"]) == (None, None)
    assert (await points.client(node=FOREIGN).get("/v1/leaderboards", params=period())).status_code == 403
    backwards = {**period(), "until": "2020-01-01"}
    refused = await points.client().get("/v1/leaderboards", params=backwards)
    assert (refused.status_code, refused.json()["code"]) == (422, "leaderboard_period")


def test_a_wish_is_kept_once() -> None:
    person, day = uuid.uuid4(), today()
    out = LeaderboardOptedOut(volunteer_id=person, community=COMMUNITY, opted_out_on=day)
    back = LeaderboardOptedIn(volunteer_id=person, community=COMMUNITY, opted_in_on=day)
    off, on = Choose(person, COMMUNITY, True, day), Choose(person, COMMUNITY, False, day)
    given(APPEARANCES).when(off).then(out)
    given(APPEARANCES).when(on).then_nothing()
    given(APPEARANCES, out).when(off).then_nothing()
    given(APPEARANCES, out).when(on).then(back)
    given(APPEARANCES, out, back).when(off).then(out)
