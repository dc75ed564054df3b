"""The time bank as a whole, as people of two communities live with it for days: over HTTP and Kafka, no part alone.

Earned and given away, ordered across communities, helped from the pool, overflowed, inherited, corrected afterwards,
settled. In the middle and at the end the ledger is sound, and a rebuild gives the same one.
"""

import functools
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.points.app import build
from services.points.proof.rebuild import rebuild
from services.points.proof.verify import verify
from services.points.settings import PointsSettings
from shared.clock import local_day
from shared.contracts import Event
from shared.contracts.registry import ActivityCategory, ActivityCompleted
from tests.conftest import COMMUNITY, DISTRICT, FOREIGN, until
from tests.integration.points.producing import attendance, completed, corrected
from tests.integration.points.publishing import publish
from tests.integration.points.serving import registration
from tests.integration.points.test_explanations import booked, tell_at
from tests.integration.points.time_bank_scene import OLD, YOUNG, Bank, MovableClock, made, order_of, refused

CAP_MINUTES = 300
LOW_CAP = {"title": {"zh": "本区时间银行办法", "en": "Our time bank"}, "time_bank": {"cap_minutes": CAP_MINUTES}}
POOL = f"pool:{COMMUNITY}"
NOON = datetime(2026, 3, 3, 4, tzinfo=UTC)
"""Noon, in Shanghai."""


class Days(MovableClock):
    """Stands still until a test lets time pass."""

    def __call__(self) -> datetime:
        return NOON + self.ahead


@dataclass
class Town(Bank):
    """Two communities of a district, and what their registry tells."""

    async def tell(self, *events: Event) -> None:
        """Told now, and booked."""
        ids = [uuid.uuid4() for _ in events]
        for event_id, event in zip(ids, events, strict=True):
            await tell_at(self.producing, self.clock(), event_id, event)
        await booked(self.running, *ids)

    async def people_of(self, community: str, **ages: int) -> dict[str, str]:
        """Registered, with an age group each; by what they are here."""
        found = {name: uuid.uuid4() for name in ages}
        await self.tell(
            *[
                registration(person, self.clock(), community).model_copy(update={"age_group_from": ages[name]})
                for name, person in found.items()
            ]
        )
        return {name: str(person) for name, person in found.items()}

    async def serve(
        self, person: str, minutes: int, community: str = COMMUNITY, category: Any = ActivityCategory.GENERAL
    ) -> ActivityCompleted:
        """This morning; scanned."""
        one = attendance(uuid.UUID(person), minutes, self.clock() - timedelta(hours=3))
        _, activity = completed([one], community, category)
        assert isinstance(activity, ActivityCompleted)
        await self.tell(activity)
        return activity

    async def correct(self, activity: ActivityCompleted, minutes: int) -> None:
        """It was shorter."""
        (told,) = activity.attendances
        await self.tell(corrected(told, minutes, activity, corrected_at=self.clock()))

    async def is_sound(self) -> None:
        """Nothing made from nothing, no pool short, and a rebuild gives the same."""
        assert await self.sums() == {0}
        held = await self.running.rows(
            "SELECT holder, credits - debits FROM ledger.accounts WHERE holder LIKE 'clearing:%'"
        )
        assert sum(row[1] for row in held) == 0
        short = "SELECT holder FROM ledger.accounts WHERE holder LIKE 'pool:%' AND credits - debits < pending_debits"
        assert await self.running.rows(short) == []
        assert await verify(self.running.service) == 0
        assert await rebuild(self.running.service) == 0
        assert await rebuild(self.running.service, switch=True) == 0

    async def comes_to(self, minutes: int, holder: str) -> None:
        async def there() -> bool:
            return await self.minutes(holder) == (minutes, 0)

        await until(there)

    async def reasons(self, client: Any, holder: str, unit: str = "MINUTE") -> list[str]:
        """Why a balance is what it is, oldest first; each with a sentence, and a sum that is right."""
        answer = await client.get(f"/v1/accounts/{holder}/{unit}/explanation")
        assert answer.status_code == 200, answer.text
        told = answer.json()
        assert all(line["text"] and "{" not in line["text"] for line in told["items"])
        assert sum(line["amount"] for line in told["items"]) == told["balance"] == (await self.minutes(holder, unit))[0]
        span = {"from": "2026-03-01", "to": "2026-03-31"}
        sheet = await client.get(f"/v1/accounts/{holder}/{unit}/statement.xlsx", params=span)
        assert sheet.status_code == 200, sheet.text
        return [line["reason"] for line in reversed(told["items"])]


@pytest.fixture
async def town(start: Any, producing: Any) -> Town:
    clock = Days()
    running = await start(functools.partial(build, clock=clock), settings=PointsSettings, overflow_check_interval_s="1")
    await publish(running.client("district", node=DISTRICT), DISTRICT, "2026-03-04", LOW_CAP)
    clock.ahead += timedelta(days=1)
    return Town(running, producing, clock)


async def test_three_days_of_two_communities(town: Town) -> None:
    here = await town.people_of(COMMUNITY, elder=OLD, daughter=YOUNG, saver=YOUNG, artist=YOUNG, neighbour=YOUNG)
    there = await town.people_of(FOREIGN, helper=YOUNG)
    elder, daughter, saver, artist, helper = (
        *[here[n] for n in ("elder", "daughter", "saver", "artist")],
        there["helper"],
    )
    of_elder = await town.serve(elder, 200)
    await town.serve(daughter, 90)
    of_saver = await town.serve(saver, 480)
    await town.serve(artist, 40)
    await town.serve(artist, 90, category=ActivityCategory.CULTURE)
    assert await town.minutes(artist, "DONATION_MINUTE") == (90, 0)
    clerk, colleague = town.clerk(), town.colleague()

    # Somebody of the other community comes to the elder.
    person = await town.beneficiary(elder)
    order = await made(town.volunteer(elder), "/v1/time-orders", order_of(person, 90, place=FOREIGN))
    path = f"/v1/time-orders/{order['id']}"
    comes = town.volunteer(helper, FOREIGN)
    assert (await town.volunteer(saver).post(f"{path}/acceptance", json={"provider_id": helper})).status_code == 403
    await made(comes, f"{path}/acceptance", {"provider_id": helper})
    began = town.clock()
    town.clock.ahead += timedelta(minutes=61)
    await made(comes, f"{path}/service", {"started_at": began.isoformat(), "minutes": 60})
    assert (await comes.post(f"{path}/confirmation")).status_code == 403
    await made(town.volunteer(elder), f"{path}/confirmation")
    assert (await town.minutes(elder), await town.minutes(helper)) == ((140, 0), (60, 0))

    # A gift to a verified relative, and both kinds of minutes to the pool.
    await town.kin(daughter, person)
    gift = {"giver_id": daughter, "beneficiary_id": person, "minutes": 50}
    await made(town.volunteer(daughter), "/v1/minutes/gifts", gift)
    donation = {"volunteer_id": artist, "minutes": 30, "donation_minutes": 90}
    await made(town.volunteer(artist), "/v1/minutes/donations", donation)
    assert await town.minutes(POOL) == (120, 0)

    # The pool pays for somebody who has nothing.
    needy = await town.beneficiary()
    helped = await made(clerk, "/v1/time-orders", order_of(needy, 60, "pool"))
    await made(colleague, f"/v1/time-orders/{helped['id']}/approval")
    assert await town.minutes(POOL) == (120, 60)
    await town.served(helped["id"], here["neighbour"], 45)
    assert await town.minutes(POOL) == (120, 45)
    await town.is_sound()
    await made(colleague, f"/v1/time-orders/{helped['id']}/confirmation")
    assert (await town.minutes(POOL), await town.minutes(here["neighbour"])) == ((75, 0), (45, 0))

    # The day ends above the cap.
    town.clock.ahead += timedelta(days=1)
    await town.comes_to(CAP_MINUTES, saver)
    await town.comes_to(75 + 180, POOL)

    # A large part of it is used up, so that what comes back later is not there.
    more = await made(clerk, "/v1/time-orders", order_of(needy, 240, "pool"))
    await made(colleague, f"/v1/time-orders/{more['id']}/approval")
    await town.served(more["id"], helper, 240)
    await made(colleague, f"/v1/time-orders/{more['id']}/confirmation")
    assert (await town.minutes(POOL), await town.minutes(helper)) == ((15, 0), (300, 0))

    # The elder dies; the daughter inherits.
    death = {"volunteer_id": elder, "died_on": local_day(town.clock()).isoformat(), "heirs": [daughter]}
    recorded = await made(clerk, "/v1/deaths", death)
    await made(colleague, f"/v1/deaths/{recorded['id']}/confirmation")
    assert (await town.minutes(elder), await town.minutes(daughter)) == ((0, 0), (90 - 50 + 190, 0))

    # All of that stood on records that were wrong.
    town.clock.ahead += timedelta(minutes=1)
    await town.correct(of_saver, 310)
    assert (await town.minutes(saver), await town.minutes(POOL)) == ((CAP_MINUTES, 0), (0, 0))
    await town.correct(of_elder, 180)
    assert await town.minutes(elder) == (-20, 0)
    await town.is_sound()

    # The communities settle; what the dead lacks is made good, and the daughter keeps what she has.
    town.clock.ahead += timedelta(days=1)
    await town.comes_to(0, elder)
    anna, ben = [town.running.client("district", node=DISTRICT, subject=who) for who in ("anna", "ben")]
    through = (local_day(town.clock()) - timedelta(days=1)).isoformat()
    run = await made(anna, "/v1/settlements", {"node": DISTRICT, "through": through})
    await refused(anna, f"/v1/settlements/{run['id']}/confirmation", "settlement_own_proposal")
    assert (await town.minutes(f"clearing:{COMMUNITY}"))[0] == 60 + 240
    await made(ben, f"/v1/settlements/{run['id']}/confirmation")
    assert {(await town.minutes(f"clearing:{one}"))[0] for one in (COMMUNITY, FOREIGN)} == {0}

    told = {
        name: await town.reasons(town.volunteer(who, FOREIGN if who == helper else COMMUNITY), who)
        for name, who in (here | there).items()
        if name != "elder"
    }
    assert told["daughter"][-2:] == ["minutes_given", "inherited"]
    assert told["saver"][-1] == "pooled_restated"
    assert told["helper"] == ["order_paid_across", "order_paid_across"]
    assert told["neighbour"] == ["order_paid"]
    of_the_dead = await town.reasons(clerk, elder)
    assert {"order_paid_across", "minutes_given", "inherited"} <= set(of_the_dead)
    assert of_the_dead[-1] == "estate_made_good"
    assert await town.reasons(town.volunteer(artist), artist, "DONATION_MINUTE")
    assert "pool_made_good" in await town.reasons(clerk, POOL)

    solvency = await anna.get("/v1/solvency", params={"node": DISTRICT})
    assert solvency.status_code == 200, solvency.text
    found = solvency.json()
    assert found["clearing_minutes"] == 0
    await town.is_sound()
