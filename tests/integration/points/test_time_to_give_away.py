"""Minutes of group activities: on the time bank to be given away, told in words, and under the day's one cap."""

import uuid
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from services.points.app import build
from services.points.ledger.writing import UnknownAccounts
from services.points.proof.rebuild import rebuild
from services.points.proof.verify import verify
from services.points.settings import PointsSettings
from shared.contracts import Evidence
from shared.contracts.registry import ActivityCategory
from tests.integration.points.ledger_database import LedgerUnderTest, book, migrate
from tests.integration.points.producing import attendance, completed, corrected
from tests.integration.points.test_explanations import DAY, booked, tell_at


@pytest.fixture
async def points(start: Any) -> Any:
    return await start(build, settings=PointsSettings)


async def balances(points: Any, person: uuid.UUID) -> dict[str, int]:
    found = (await points.client().get(f"/v1/accounts/{person}")).json()
    return {account["unit"]: account["posted"] for account in found}


async def test_time_of_group_activities_is_kept_apart_and_shares_the_cap_of_the_day(
    points: Any, producing: Any
) -> None:
    person, other, record = uuid.uuid4(), uuid.uuid4(), uuid.uuid4()
    care_id, care = completed(
        [attendance(person, 400, DAY), attendance(other, 60, DAY)], category=ActivityCategory.CARE
    )
    clean_up = [attendance(person, 300, DAY + timedelta(hours=8), record_id=record)]
    culture_id, culture = completed(clean_up, category=ActivityCategory.ENVIRONMENT)
    await tell_at(producing, DAY + timedelta(hours=12), care_id, care)
    await booked(points, care_id)
    assert await balances(points, person) == {"POINT": 66, "MINUTE": 400, "SERVICE_MINUTE": 400}
    await tell_at(producing, DAY + timedelta(hours=14), culture_id, culture)
    await booked(points, culture_id)
    assert await balances(points, person) == {
        "POINT": 100, "MINUTE": 400, "SERVICE_MINUTE": 480, "DONATION_MINUTE": 80,
    }  # fmt: skip
    assert "DONATION_MINUTE" not in await balances(points, other)  # nobody has an account that they do not need

    shorter = corrected(culture.attendances[0], 60, culture)
    shorter_id = uuid.uuid4()
    await tell_at(producing, DAY + timedelta(days=4), shorter_id, shorter)
    await booked(points, shorter_id)
    assert (await balances(points, person))["DONATION_MINUTE"] == 60

    assert await verify(points.service) == 0
    assert await rebuild(points.service) == 0


async def test_an_account_says_in_words_what_can_only_be_given_away(points: Any, producing: Any) -> None:
    person = uuid.uuid4()
    event_id, event = completed([attendance(person, 90, DAY)], category=ActivityCategory.CULTURE)
    await tell_at(producing, DAY + timedelta(hours=2), event_id, event)
    await booked(points, event_id)
    client = points.client("volunteer", subject=str(person))
    given = (await client.get(f"/v1/accounts/{person}/DONATION_MINUTE/explanation")).json()
    assert given["balance"] == 90
    assert "只能捐给别人，不能自己用：存入 90 分钟" in given["items"][0]["text"]
    places = [ground["place"] for ground in given["items"][0]["grounds"]]
    assert places == ["/evidence/scanned", "/time_bank/donate_only_kinds"]
    own = (await client.get(f"/v1/accounts/{person}/MINUTE/explanation")).json()["items"]
    assert "“只能捐赠的时间”账户" in own[0]["text"]
    assert [ground["place"] for ground in own[0]["grounds"]] == ["/time_bank/donate_only_kinds"]
    english = await client.get(f"/v1/accounts/{person}/DONATION_MINUTE/explanation", headers={"accept-language": "en"})
    assert "can only be given to others" in english.json()["items"][0]["text"]
    sheet = await client.get(
        f"/v1/accounts/{person}/DONATION_MINUTE/statement.xlsx", params={"from": "2026-03-01", "to": "2026-03-31"}
    )
    assert sheet.status_code == 200, sheet.text


async def test_numbers_remembered_from_tables_that_are_gone_are_noticed_whatever_is_booked(stack: Any) -> None:
    """On a full day, and where nothing is earned: a note without an account would be lost to its person."""
    url = stack.create_database(f"t{uuid.uuid4().hex[:12]}")
    await migrate(url)
    db = await asyncpg.connect(url)
    try:
        ledger, person, policy = await LedgerUnderTest(db, "plain").fresh(), uuid.uuid4(), book()
        await ledger.tell(policy, [completed([attendance(person, 60, DAY)])])
        await ledger.fresh()
        for minutes, evidence in ((600, Evidence.SCANNED), (60, Evidence.ESTIMATED)):
            with pytest.raises(UnknownAccounts):
                await ledger.tell(policy, [completed([attendance(person, minutes, DAY, evidence)])])
        ledger.ingest.directory.forget()
        await ledger.tell(policy, [completed([attendance(person, 600, DAY)])])
        assert (await ledger.balances())[str(person), "MINUTE"] == (480, 0)
    finally:
        await db.close()
