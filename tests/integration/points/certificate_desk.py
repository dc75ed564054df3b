"""Where certificates are issued: a points service, a clerk, and somebody with service."""

import uuid
from datetime import timedelta
from typing import Any

from services.points.app import build
from services.points.settings import PointsSettings
from tests.conftest import COMMUNITY
from tests.integration.office import StandingClock
from tests.integration.points.serving import registration, serve
from tests.integration.telling import tell

NAME, ID_NUMBER = "张演示", "62029819800101001X"


class Desk:
    """A points service, a clerk, and somebody with twelve hours of service."""

    def __init__(self, points: Any, clock: StandingClock) -> None:
        self.points, self.clock, self.clerk = points, clock, points.client()
        self.colleague = points.client(subject="colleague")
        self.person = uuid.uuid4()
        self.today = (clock.now + timedelta(hours=8)).date()

    async def open(self) -> "Desk":
        await tell(self.points.service, registration(self.person, self.clock.now - timedelta(days=400)))
        self.attended = await serve(self.points.service, self.person, 12, self.clock.now)
        return self

    def body(self, **changed: Any) -> dict[str, Any]:
        return {
            "volunteer_id": str(self.person),
            "since": (self.today - timedelta(days=300)).isoformat(),
            "until": self.today.isoformat(),
            "name": NAME,
            "id_kind": "居民身份证",
            "id_number": ID_NUMBER,
            "issuer": "祁连社区居民委员会（演示）",
            "responsible_person": "负责人（演示）",
            "handler": "经办人（演示）",
            "contact": "0937-0000000",
            "content": "社区关爱服务（演示）",
            "overlap_reason": "another_use",
            **changed,
        }

    async def issue(self, **changed: Any) -> dict[str, Any]:
        answer = await self.clerk.post("/v1/certificates", json=self.body(**changed))
        assert answer.status_code == 201, answer.text
        issued: dict[str, Any] = answer.json()
        return issued

    async def verify(self, issued: dict[str, Any], code: str | None = None) -> Any:
        path = f"/verify/{issued['certificate_number']}"
        return await self.clerk.get(path, params={"code": code or issued["check_code"]}, headers={"authorization": ""})

    async def publicity(self, **asked: Any) -> Any:
        return await self.clerk.get(f"/publicity/{COMMUNITY}", params=asked, headers={"authorization": ""})

    async def state(self, issued: dict[str, Any]) -> Any:
        return (await self.clerk.get(f"/v1/certificates/{issued['certificate_id']}")).json()

    async def effects(self, cause: dict[str, Any], **params: Any) -> Any:
        return (await self.clerk.get(f"/v1/events/{cause['event_id']}/effects", params=params)).json()

    async def explained(self, issued: dict[str, Any], **asked: Any) -> Any:
        """The explanation, with the lines of all its pages."""
        path = f"/v1/certificates/{issued['certificate_id']}/explanation"
        whole = page = (await self.clerk.get(path, params=asked | {"limit": 2})).json()
        while cursor := page["next_cursor"]:
            page = (await self.clerk.get(path, params=asked | {"limit": 2, "cursor": cursor})).json()
            whole["items"] += page["items"]
        assert sum(line["amount"] for line in whole["items"]) == whole["minutes_now"]
        balances = [sum(line["amount"] for line in whole["items"][n:]) for n in range(len(whole["items"]))]
        assert [line["balance_after"] for line in whole["items"]] == balances
        return whole

    async def do(self, issued: dict[str, Any], what: str, who: Any = None, **body: Any) -> Any:
        return await (who or self.clerk).post(f"/v1/certificates/{issued['certificate_id']}/{what}", json=body)


async def opened(start: Any) -> Desk:
    """A desk at a clock that stands."""
    clock = StandingClock()
    points = await start(lambda settings: build(settings, clock), working=False, settings=PointsSettings)
    return await Desk(points, clock).open()
