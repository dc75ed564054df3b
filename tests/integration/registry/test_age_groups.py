"""Five-year age groups, told month by month from the birth dates in the vault, which are told to nobody."""

from datetime import UTC, date, datetime

from sqlalchemy import text

from services.registry.volunteers.ages import look_at_everybody
from tests.integration.registry.conftest import Registry, id_number

BORN = date(1966, 4, 14)
"""60 in the month after the tests' today."""


async def _pass_by_until(registry: Registry, day: datetime) -> int:
    registry.clock.now = day
    service = registry.running.service
    return await service.timers.fire_due(service.workshop, registry.clock)


async def _told(registry: Registry) -> list[tuple[int, str]]:
    return [(event["age_group_from"], event["on"]) for event in await registry.events("VolunteerAgeGroupChanged")]


async def test_whoever_turned_sixty_is_told_so_when_the_next_month_begins(registry: Registry) -> None:
    await registry.volunteer(id_number=id_number(1, BORN))
    assert [e["age_group_from"] for e in await registry.events("VolunteerRegistered")] == [55]
    assert await _pass_by_until(registry, datetime(2026, 4, 30, 15, 59, tzinfo=UTC)) == 0
    assert await _pass_by_until(registry, datetime(2026, 4, 30, 16, tzinfo=UTC)) == 1
    assert await _told(registry) == [(60, "2026-05-01")]
    assert await _pass_by_until(registry, datetime(2026, 5, 1, 16, tzinfo=UTC)) == 0
    # Switched off for ten years: the group of today, once, and the day on which it was told.
    assert await _pass_by_until(registry, datetime(2037, 6, 2, 16, tzinfo=UTC)) == 1
    assert await _told(registry) == [(60, "2026-05-01"), (70, "2037-06-03")]


async def test_a_corrected_id_number_corrects_the_age_group(registry: Registry) -> None:
    person = await registry.volunteer(id_number=id_number(1, BORN))
    path = f"/v1/volunteers/{person['id']}"
    await registry.ok(registry.clerk.patch(path, json={"id_number": id_number(1, date(1976, 4, 14))}))
    assert await _told(registry) == [(45, "2026-03-20")]
    await registry.ok(registry.clerk.patch(path, json={"id_number": id_number(2, date(1976, 4, 14))}))
    assert len(await _told(registry)) == 1
    assert await _pass_by_until(registry, datetime(2026, 5, 2, tzinfo=UTC)) == 1
    assert await _told(registry) == [(45, "2026-03-20"), (50, "2026-05-02")]


async def test_nothing_is_told_while_consent_is_withdrawn_and_the_group_of_then_when_it_is_back(
    registry: Registry,
) -> None:
    person = await registry.volunteer(id_number=id_number(1, BORN))
    path = f"/v1/volunteers/{person['id']}"
    await registry.post(f"{path}/consent-withdrawal")
    assert await _pass_by_until(registry, datetime(2026, 6, 2, tzinfo=UTC)) == 0
    assert await _told(registry) == []
    await registry.post(f"{path}/consent")
    assert await _told(registry) == [(60, "2026-06-02")]
    assert await registry.running.value("SELECT count(*) FROM timers WHERE kind = 'volunteers.age_group'") == 1


async def test_nothing_is_told_of_the_forgotten(registry: Registry) -> None:
    person = await registry.volunteer(id_number=id_number(1, BORN))
    await registry.post(f"/v1/volunteers/{person['id']}/forgetting")
    await look_at_everybody(registry.running.service)
    assert await registry.running.value("SELECT count(*) FROM timers WHERE kind = 'volunteers.age_group'") == 0
    assert await _pass_by_until(registry, datetime(2026, 6, 2, tzinfo=UTC)) == 0
    assert await _told(registry) == []


async def test_whoever_has_no_timer_is_looked_at_after_the_next_migration(registry: Registry) -> None:
    await registry.volunteer(id_number=id_number(1, BORN))
    await registry.volunteer(sequence=2)
    # As after the release before this one, and four weeks later: the timer is missing, and the birthday is over.
    async with registry.running.service.database.transaction() as connection:
        await connection.execute(text("DELETE FROM timers WHERE kind = 'volunteers.age_group'"))
    registry.clock.now = datetime(2026, 5, 3, tzinfo=UTC)
    for _ in range(2):
        await look_at_everybody(registry.running.service)
    assert await _pass_by_until(registry, datetime(2026, 5, 3, tzinfo=UTC)) == 2
    assert await _told(registry) == [(60, "2026-05-03")]
    assert await registry.running.value("SELECT count(*) FROM timers WHERE kind = 'volunteers.age_group'") == 2
