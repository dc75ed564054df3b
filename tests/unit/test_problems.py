"""Problems as people read them: which field, which bound it missed, and where a thing stands, in one language."""

from enum import StrEnum
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI
from pydantic import BaseModel, Field
from structlog.testing import capture_logs

from deploy.local.stack import ROOT
from shared.contracts import Refusal
from shared.web.problems import HANDLERS, Texts, TooManyConflicts


class Kind(StrEnum):
    FIRM = "firm"
    PERSON = "person"
    ORGANISATION = "organisation"


class Body(BaseModel):
    kind: Kind = Kind.FIRM
    quantity: int = Field(default=1, ge=1, le=99)
    note: str = Field(default="x", min_length=1, max_length=5)
    reference: str = Field(default="A-1", pattern="^[A-Z]-[0-9]$")
    lines: list[int] = Field(default=[1], min_length=1, max_length=2)


class Missing(Refusal):
    code = "not_found"
    status = 404


class OrderEnded(Refusal):
    code = "time_order_ended"


class Often(Refusal):
    code = "too_many_requests"
    status = 429


@pytest.fixture
async def client() -> Any:
    app = FastAPI(exception_handlers=dict(HANDLERS))
    folder = ROOT / "services" / "points" / "locales"
    app.state.texts = Texts([ROOT / "shared" / "locales", folder])

    @app.post("/body")
    async def take(body: Body) -> None: ...

    @app.post("/ended")
    async def ended() -> None:
        raise OrderEnded(stage="timed_out")

    @app.post("/often")
    async def often() -> None:
        raise Often

    @app.post("/busy")
    async def busy() -> None:
        raise TooManyConflicts

    @app.post("/away")
    async def away() -> None:
        raise ConnectionRefusedError

    @app.post("/broken")
    async def broken() -> None:
        raise ZeroDivisionError

    @app.post("/missing/{what}")
    async def missing(what: str) -> None:
        raise Missing(what=what)

    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://here") as connected:
        yield connected


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"kind": "company"}, "应为其中之一：firm、person、organisation"),
        ({"quantity": 0}, "不能小于 1"),
        ({"quantity": 100}, "不能大于 99"),
        ({"note": ""}, "太短或为空，至少 1 个字"),
        ({"note": "六个字太长了"}, "太长，最多 5 个字"),
        ({"reference": "发票 1 号"}, "格式不正确，应符合 ^[A-Z]-[0-9]$"),
        ({"lines": []}, "条数太少，至少 1 条"),
        ({"lines": [1, 2, 3]}, "条数太多，最多 2 条"),
    ],
)
async def test_a_wrong_field_says_in_chinese_what_would_be_right(client, wrong: dict[str, Any], said: str) -> None:
    answer = await client.post("/body", json=wrong)
    assert [error["problem"] for error in answer.json()["errors"]] == [said]


@pytest.mark.parametrize(("language", "said"), [("zh", "超时"), ("en", "timed out")])
async def test_where_a_thing_stands_is_said_in_the_language_of_the_sentence(client, language: str, said: str) -> None:
    answer = await client.post("/ended", headers={"Accept-Language": language})
    assert said in answer.json()["detail"]
    assert "timed_out" not in answer.json()["detail"]


async def test_what_is_not_there_says_why_it_may_not_be_there_yet(client) -> None:
    account = (await client.post("/missing/account")).json()
    item = (await client.post("/missing/item")).json()
    assert account["code"] == item["code"] == "not_found"
    assert "第一次服务入账之后才有账户" in account["detail"]
    assert item["detail"] == "没有找到这个物品，请核对编号。"


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("/nowhere", 404, None),
        ("/missing/item", 404, None),
        ("/ended", 409, None),
        ("/body", 422, None),
        ("/often", 429, None),
        ("/busy", 503, "request_refused"),
        ("/away", 503, "request_unavailable"),
        ("/broken", 500, "request_failed"),
    ],
)
async def test_every_problem_can_be_found_in_the_log(client, path: str, status: int, said: str | None) -> None:
    with capture_logs() as lines:
        for given in (str(uuid4()), "not of ours", None):
            answer = await client.post(path, headers={} if given is None else {"X-Correlation-Id": given})
            told = answer.headers["x-correlation-id"]
            assert answer.status_code == status
            assert str(UUID(told)) == told
            assert (told == given) == (given not in ("not of ours", None))
            assert [(line["event"], line["correlation_id"]) for line in lines] == (
                [] if said is None else [(said, told)]
            )
            lines.clear()
