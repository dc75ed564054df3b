"""The base of every event type, and the one register in which all of them are found by their wire name."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

_REGISTER: dict[str, type["Event"]] = {}


class Event(BaseModel):
    """A fact of the past, in the domain's words. Frozen; unknown fields are ignored, so producers may be newer.

    Subclasses name their context and version: ``class CaseFiled(Event, context="mediation")``. A change that is
    not just an optional field more or less is a new class with the next version and an upcaster (`upcast`).
    """

    # Made ready when it is first used: every service knows all types, and uses few.
    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True, ser_json_timedelta="iso8601")

    CONTEXT: ClassVar[str] = ""
    NAME: ClassVar[str] = ""
    VERSION: ClassVar[int] = 1

    @classmethod
    def __pydantic_init_subclass__(  # type: ignore[override]
        cls, *, context: str, version: int = 1, **kwargs: Any
    ) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        cls.CONTEXT = context
        cls.NAME = cls.__name__.removesuffix(f"V{version}")
        cls.VERSION = version
        name = wire_type(cls)
        if name in _REGISTER:
            raise TypeError(f"two event types are called {name}")
        _REGISTER[name] = cls

    def __init_subclass__(cls, *, context: str, version: int = 1, **kwargs: Any) -> None:
        # pydantic passes class keywords on to this hook too; they are used in the hook above, once fields exist.
        super().__init_subclass__(**kwargs)

    def upcast(self) -> "Event":
        """The same fact as the newest version of its type tells it. The newest version returns itself."""
        return self


def wire_type(event_type: type[Event]) -> str:
    """The CloudEvents ``type`` of an event class, e.g. ``liuling.registry.ActivityCompleted.v1``."""
    return f"liuling.{event_type.CONTEXT}.{event_type.NAME}.v{event_type.VERSION}"


def resolve(name: str) -> type[Event] | None:
    """The event class of a wire type, or None where this build does not know it."""
    return _REGISTER.get(name)


def event_types() -> Mapping[str, type[Event]]:
    """Every known event class by wire type."""
    return MappingProxyType(_REGISTER)
