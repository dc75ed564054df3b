"""given(...).when(...).then(...): the test of a rule reads as a sentence."""

from dataclasses import dataclass
from typing import Any

from shared.aggregate import Aggregate
from shared.contracts import Event, Refusal


@dataclass(frozen=True)
class Outcome:
    aggregate: Aggregate[Any]
    state: Any
    events: list[Event]
    refusal: Refusal | None

    def then(self, *expected: Event) -> None:
        """Exactly these events happen."""
        assert self.refusal is None, f"refused with {self.refusal!r}"
        assert self.events == list(expected)

    def then_nothing(self) -> None:
        """The command is accepted and changes nothing."""
        self.then()

    def then_refused(self, refusal: type[Refusal], **params: Any) -> None:
        """The command is refused for this reason."""
        assert isinstance(self.refusal, refusal), f"expected {refusal.__name__}, got {self.refusal!r}, {self.events}"
        for name, value in params.items():
            assert self.refusal.params[name] == value

    def then_state(self, **fields: Any) -> None:
        """The state after the events has these values."""
        assert self.refusal is None, f"refused with {self.refusal!r}"
        state = self.aggregate.fold(self.events, self.state)
        assert {name: getattr(state, name) for name in fields} == fields


@dataclass(frozen=True)
class Given:
    aggregate: Aggregate[Any]
    state: Any

    def when(self, command: Any) -> Outcome:
        try:
            events = self.aggregate.decide(self.state, command)
        except Refusal as refusal:
            return Outcome(self.aggregate, self.state, [], refusal)
        return Outcome(self.aggregate, self.state, events, None)


def given(aggregate: Aggregate[Any], *events: Event) -> Given:
    """These events have happened to the aggregate."""
    return Given(aggregate, aggregate.fold(events))
