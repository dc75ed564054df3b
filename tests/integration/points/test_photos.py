"""Photos of items over HTTP: uploaded, shown, cached, replaced, taken off; and what a rebuild does to them."""

import asyncio
import uuid
from typing import Any

import pytest

from services.points.app import build, read_views
from services.points.proof.verify import verify
from services.points.settings import PointsSettings
from tests.conftest import COMMUNITY, FOREIGN
from tests.pictures import SECRET, jpeg, png, webp


@pytest.fixture
async def points(start: Any) -> Any:
    return await start(build, working=False, settings=PointsSettings, item_photo_bytes_max="20000")


async def listed(points: Any) -> str:
    body = {"community": COMMUNITY, "name": "大米 5 kg（演示）", "price_points": 10}
    return str((await points.client().post("/v1/items", json=body)).json()["id"])


async def upload(points: Any, item: str, content: bytes, kind: str = "text/html", name: str = "../../x.html") -> Any:
    files = {"photo": (name, content, kind)}
    return await points.client().post(f"/v1/items/{item}/photo", files=files)


async def test_a_photo_is_shown_in_the_catalogue_and_cached(points: Any) -> None:
    item = await listed(points)
    assert (await points.client().get(f"/v1/items/{item}")).json()["photo"] is None
    set_ = await upload(points, item, jpeg())
    assert set_.status_code == 200, set_.text
    assert (set_.json()["media_type"], set_.json()["width_px"]) == ("image/jpeg", 48)
    link = (await points.client().get("/v1/items")).json()["items"][0]["photo"]
    assert link == set_.json()["photo"]
    reader = points.client("volunteer", subject=str(uuid.uuid4()))
    shown = await reader.get(link)
    assert (shown.status_code, shown.headers["content-type"]) == (200, "image/jpeg")
    assert SECRET not in shown.content
    assert shown.headers["x-content-type-options"] == "nosniff"
    assert "immutable" in shown.headers["cache-control"]
    again = await reader.get(link, headers={"if-none-match": shown.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    plain = await reader.get(f"/v1/items/{item}/photo")
    assert plain.headers["cache-control"] == "private, no-cache", "under this address there may be another one soon"
    stored = await points.value("SELECT string_agg(data::text, '') FROM events WHERE type LIKE '%.ItemPhoto%'")
    assert set_.json()["sha256"] in stored
    assert len(stored) < 2000


async def test_a_photo_is_replaced_and_taken_off_for_good(points: Any) -> None:
    item = await listed(points)
    first = (await upload(points, item, png())).json()
    second = (await upload(points, item, webp())).json()
    assert first["photo"] != second["photo"]
    old = await points.client().get(first["photo"])
    assert (old.headers["content-type"], old.headers["cache-control"]) == ("image/webp", "private, no-cache")
    events = await points.value("SELECT count(*) FROM events WHERE type LIKE '%ItemPhotoSet%'")
    assert (await upload(points, item, webp())).status_code == 200
    assert await points.value("SELECT count(*) FROM events WHERE type LIKE '%ItemPhotoSet%'") == events
    client = points.client()
    assert (await client.post(f"/v1/items/{item}/photo/removal")).status_code == 200
    assert (await client.get(second["photo"])).status_code == 404
    assert await points.value("SELECT count(*) FROM item_photos") == 0
    gone = await client.post(f"/v1/items/{item}/photo/removal")
    assert (gone.status_code, gone.json()["code"]) == (409, "item_without_photo")


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"<script>alert(1)</script>", 422, "photo_unreadable"),
        (b"", 422, "photo_unreadable"),
        (b"<html>" + jpeg(), 422, "photo_unreadable"),
        (png(pixels=bytes(10**6)), 422, "photo_unreadable"),
        (png(8, 8), 422, "photo_sides"),
        (jpeg(60_000, 60_000), 422, "photo_sides"),
        (jpeg(after=bytes(20_000)), 413, "photo_too_large"),
    ],
)
async def test_what_is_no_photo_is_refused_whatever_it_calls_itself(
    points: Any, content: bytes, status: int, code: str
) -> None:
    item = await listed(points)
    answer = await upload(points, item, content, "image/png", "rice.png")
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert await points.value("SELECT count(*) FROM item_photos") == 0
    assert (await points.client().post(f"/v1/items/{item}/photo", json={})).status_code == 422


async def test_the_key_makes_it_happen_once_and_two_at_once_leave_one(points: Any) -> None:
    item, client, key = await listed(points), points.client(), {"idempotency-key": uuid.uuid4().hex}
    files = {"photo": ("a.png", png(), "image/png")}
    answers = [await client.post(f"/v1/items/{item}/photo", files=files, headers=key) for _ in range(2)]
    assert answers[1].headers["idempotency-replayed"] == "true"
    assert answers[0].json() == answers[1].json()
    pictures = [png(64, 16 + n) for n in range(6)]
    both = await asyncio.gather(*[upload(points, item, content) for content in pictures])
    assert {answer.status_code for answer in both} == {200}
    link = (await client.get(f"/v1/items/{item}")).json()["photo"]
    assert (await client.get(link)).headers["cache-control"].endswith("immutable"), "picture and event are the same one"


async def test_foreign_and_unknown_items_have_no_photo_for_the_caller(points: Any) -> None:
    item = await listed(points)
    await upload(points, item, png())
    foreign = points.client(node=FOREIGN)
    files = {"photo": ("a.png", png(), "image/png")}
    assert (await foreign.post(f"/v1/items/{item}/photo", files=files)).status_code == 403
    assert (await foreign.get(f"/v1/items/{item}/photo")).status_code == 403
    assert (await foreign.post(f"/v1/items/{item}/photo/removal")).status_code == 403
    assert (await foreign.get(f"/v1/items/{uuid.uuid4()}/photo")).status_code == 404
    assert (await points.client("volunteer").post(f"/v1/items/{item}/photo", files=files)).status_code == 403


async def test_a_rebuild_of_the_read_tables_leaves_pictures_alone_and_a_lost_one_is_not_linked(points: Any) -> None:
    item = await listed(points)
    link = (await upload(points, item, png())).json()["photo"]
    assert await verify(points.service) == 0
    async with points.service.database.transaction() as connection:
        await read_views.rebuild(connection)
    assert (await points.client().get(link)).status_code == 200
    async with points.service.database.transaction() as connection:
        await connection.exec_driver_sql("DELETE FROM item_photos")
    assert await verify(points.service) == 0, "the pictures follow from no event"
    assert (await points.client().get(f"/v1/items/{item}")).json()["photo"] is None
    assert (await points.client().get(link)).status_code == 404
    assert (await upload(points, item, png())).status_code == 200, "the same picture once more puts it back"
    assert (await points.client().get(link)).status_code == 200
