"""Other contexts' events, handed to a service as its consumer would, or published for it to hear."""

from typing import Any
from uuid import UUID, uuid4

from aiokafka import AIOKafkaProducer

from shared.clock import system_clock
from shared.contracts import Event, wire_type
from shared.contracts.envelope import Envelope
from shared.contracts.registry import VolunteerRegistered
from shared.deliveries import Delivery
from shared.service import Service
from tests.conftest import COMMUNITY


def envelope_of(event: Event, subject: str, event_id: UUID | None = None, **known: Any) -> Envelope:
    name = wire_type(type(event))
    source = f"/liuling/{type(event).CONTEXT}"
    return Envelope(event_id or uuid4(), name, source, subject, system_clock(), COMMUNITY, 1, **known)


async def tell(service: Service, *events: Event) -> None:
    """Let the service react to events as to one batch from the bus."""
    deliveries = [Delivery(event, envelope_of(event, "somebody")) for event in events]
    async with service.database.transaction() as connection:
        await service.handler.apply(connection, deliveries)


async def publish(service: Service, *events: tuple[Event, Envelope]) -> None:
    """Publish events of another context on the real broker."""
    producer = AIOKafkaProducer(bootstrap_servers=service.settings.kafka_bootstrap_servers)
    await producer.start()
    try:
        for event, envelope in events:
            await producer.send_and_wait(
                service.settings.topic(type(event).CONTEXT),
                event.model_dump_json().encode(),
                key=envelope.subject.encode(),
                headers=[(name, value.encode()) for name, value in envelope.headers().items()],
            )
    finally:
        await producer.stop()


def registered(volunteer_id: UUID) -> VolunteerRegistered:
    return VolunteerRegistered(
        volunteer_id=volunteer_id,
        volunteer_number=f"{COMMUNITY}-{volunteer_id.int % 1_000_000:06d}",
        community=COMMUNITY,
        party_member=False,
        registered_on=system_clock().date(),
    )
