"""A backlog as a district makes it: of its events 60 % are activities of eight people, 30 % patrol shifts of three and
10 % disputes of one mediator, of 100,000 volunteers in 31 communities over a year."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from aiokafka import AIOKafkaProducer

from shared.contracts import Event, wire_type
from shared.contracts.envelope import Envelope
from shared.contracts.grid_patrol import PatrolShiftLogged
from shared.contracts.mediation import DisputeResolved
from shared.contracts.registry import ActivityCompleted
from shared.ids import new_id

VOLUNTEERS = 100_000
COMMUNITIES = tuple(f"620201001{number:03d}" for number in range(1, 32))
CONTEXTS = ("registry", "grid_patrol", "mediation")
_CATEGORIES = ("general", "general", "care", "environment", "culture", "professional")
_KINDS = ("activity",) * 6 + ("patrol",) * 3 + ("dispute",)
_PEOPLE = {"activity": 8, "patrol": 3, "dispute": 1}

RECORDS_PER_EVENT = sum(_PEOPLE[kind] for kind in _KINDS) / len(_KINDS)
"""Service records, on the average."""
_BEGIN = datetime(2025, 1, 1, 1, tzinfo=UTC)

Headers = list[tuple[str, bytes]]


class Message(NamedTuple):
    """What goes onto a topic."""

    context: str
    key: bytes
    body: bytes
    headers: Headers


class Backlog:
    """An endless one; the same people go on serving however often it is asked for more."""

    def __init__(self) -> None:
        self._chance = random.Random(20151027)
        self._volunteers = [str(new_id()) for _ in range(VOLUNTEERS)]

    def messages(self, count: int) -> Iterator[Message]:
        """So many more events. The first of each kind is held against its contract."""
        checked: set[type[Event]] = set()
        for _ in range(count):
            event_type, message = self._message(self._chance.choice(_KINDS))
            if event_type not in checked:
                event_type.model_validate_json(message.body)
                checked.add(event_type)
            yield message

    async def produce(self, bootstrap: str, namespace: str, count: int) -> None:
        """Put so many more events onto the topics."""
        producer = AIOKafkaProducer(
            bootstrap_servers=bootstrap, compression_type="zstd", linger_ms=20, max_batch_size=256 * 1024
        )
        await producer.start()
        try:
            for message in self.messages(count):
                topic = f"{namespace}.{message.context}.v1"
                await producer.send(topic, message.body, key=message.key, headers=message.headers)
            await producer.flush()
        finally:
            await producer.stop()

    def _message(self, kind: str) -> tuple[type[Event], Message]:
        chance, community, about = self._chance, self._chance.choice(COMMUNITIES), new_id()
        started = _BEGIN + timedelta(days=chance.randrange(365), hours=chance.randrange(10))
        text = started.isoformat().replace("+00:00", "Z")
        records = self._records(text, _PEOPLE[kind], with_closing=kind == "activity")
        match kind:
            case "activity":
                body = (
                    f'{{"activity_id":"{about}","community":"{community}","category":"{chance.choice(_CATEGORIES)}",'
                    f'"completed_at":"{text}","attendances":[{records}]}}'
                )
                return ActivityCompleted, _told(ActivityCompleted, "registry", f"activity-{about}", community, body)
            case "patrol":
                night = str(chance.random() < 0.5).lower()
                body = (
                    f'{{"shift_id":"{about}","community":"{community}","crew_id":"{new_id()}",'
                    f'"crew_kind":"volunteer","started_at":"{text}","ended_at":"{text}","night":{night},'
                    f'"covered_cells":["{community}-G01","{community}-G02"],"planned_cells":["{community}-G01"],'
                    f'"findings_count":0,"members":[{records}]}}'
                )
                return PatrolShiftLogged, _told(PatrolShiftLogged, "grid_patrol", f"shift-{about}", community, body)
            case _:
                body = (
                    f'{{"case_id":"{about}","community":"{community}","kind":"neighbour","agreement":"oral",'
                    f'"resolved_at":"{text}","sessions_count":1,"mediators":[{records}]}}'
                )
                return DisputeResolved, _told(DisputeResolved, "mediation", f"case-{about}", community, body)

    def _records(self, started: str, people: int, *, with_closing: bool) -> str:
        minutes = self._chance.randrange(30, 241)
        closing = ',"closed_at_planned_end":false' if with_closing else ""
        return ",".join(
            f'{{"record_id":"{new_id()}","volunteer_id":"{self._chance.choice(self._volunteers)}",'
            f'"minutes":{minutes},"evidence":"scanned","started_at":"{started}"{closing}}}'
            for _ in range(people)
        )


def _told(event_type: type[Event], context: str, subject: str, community: str, body: str) -> Message:
    envelope = Envelope(
        event_id=new_id(),
        type=wire_type(event_type),
        source=f"/liuling/{context}",
        subject=subject,
        time=datetime.now(UTC),
        community=community,
        sequence=9,
    )
    headers = [(name, value.encode()) for name, value in envelope.headers().items()]
    return Message(context, subject.encode(), body.encode(), headers)
