"""What the registry tells on its topic: facts about opaque ids, in order, and nothing that says who somebody is."""

from typing import Any

from aiokafka import AIOKafkaConsumer

from services.registry.app import build
from services.registry.settings import RegistrySettings
from tests.conftest import COMMUNITY, DISTRICT, Start, until
from tests.integration.registry.conftest import DIVISIONS, id_number


async def test_a_registration_is_told_without_saying_who_it_is(start: Start, stack: Any) -> None:
    running = await start(build, settings=RegistrySettings)
    district = running.client("district", DISTRICT)
    await district.post("/v1/organisation/imports", files={"file": ("d.csv", DIVISIONS)}, data={"source": "x"})
    person = {
        "community": COMMUNITY,
        "name": "独特姓名",
        "id_number": id_number(1),
        "phone": "13900000001",
        "consent": True,
    }
    registered = (await district.post("/v1/volunteers", json=person)).json()
    await district.post(f"/v1/volunteers/{registered['id']}/forgetting")
    consumer = AIOKafkaConsumer(
        f"{running.service.settings.kafka_namespace}.registry.v1",
        bootstrap_servers=stack.kafka_bootstrap,
        auto_offset_reset="earliest",
    )
    await consumer.start()
    records: list[Any] = []

    async def all_told() -> bool:
        for batch in (await consumer.getmany(timeout_ms=200)).values():
            records.extend(batch)
        return len(records) >= 56 + 2

    try:
        await until(all_told, 30)
    finally:
        await consumer.stop()
    about = [record for record in records if record.key == f"volunteer-{registered['id']}".encode()]
    types = [dict(record.headers)["ce_type"].decode() for record in about]
    assert types == ["liuling.registry.VolunteerRegistered.v1", "liuling.registry.PersonForgotten.v1"]
    everything = b"".join(record.value + b"".join(value for _, value in record.headers) for record in records)
    for secret in ("独特姓名", id_number(1), "13900000001"):
        assert secret.encode() not in everything
