"""Golden files as the Kafka client would hand them over."""

import json
from pathlib import Path
from typing import Any

from aiokafka import ConsumerRecord

from shared.contracts.schema import FOLDER

GOLDEN = sorted((FOLDER / "golden").glob("*/*.json"))


def name_of(path: Path) -> str:
    return f"{path.parent.name}.{path.stem}"


def load(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return content


def record(golden: dict[str, Any]) -> Any:
    return record_of(
        [(name, value.encode()) for name, value in golden["headers"].items()],
        json.dumps(golden["body"]).encode(),
        golden["topic"],
        golden["key"].encode(),
    )


def record_of(headers: Any, value: bytes | None, topic: str = "liuling.registry.v1", key: bytes = b"k") -> Any:
    return ConsumerRecord(
        topic=topic,
        partition=0,
        offset=0,
        timestamp=0,
        timestamp_type=0,
        key=key,
        value=value,
        checksum=None,
        serialized_key_size=len(key),
        serialized_value_size=len(value or b""),
        headers=headers,
    )
