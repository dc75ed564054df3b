"""An aggregate as two pure functions and its beginning."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar
from uuid import UUID

from shared.contracts import Event


class State(Protocol):
    """What every aggregate's state tells about itself."""

    @property
    def community(self) -> str:
        """The organisation node its events are filed under; set by its first event."""
        ...


S = TypeVar("S", bound=State)


@dataclass(frozen=True, slots=True)
class Aggregate(Generic[S]):
    """Binds a model's `decide` and `evolve` to the streams they live in (``name-id``)."""

    name: str
    initial: S
    decide: Callable[[S, Any], list[Event]]
    evolve: Callable[[S, Any], S]

    def stream(self, key: UUID | str) -> str:
        """The stream of one aggregate."""
        return f"{self.name}-{key}"

    def fold(self, events: Iterable[Event], state: S | None = None) -> S:
        """The state after these events."""
        state = self.initial if state is None else state
        for event in events:
            state = self.evolve(state, event)
        return state
