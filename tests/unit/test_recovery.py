"""The order of a store, from what its topic holds of it."""

import uuid
from datetime import UTC, datetime, timedelta
from random import Random

from aiokafka import TopicPartition
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.envelope import Envelope
from shared.read_until import beginning
from shared.recovery import Told, sort_out

_BEGAN = datetime(2026, 3, 1, tzinfo=UTC)


def told(number: int, stream: str, version: int, published_ms: int, position: int | None = None) -> Told:
    envelope = Envelope(
        event_id=uuid.UUID(int=number),
        type="liuling.counting.Counted.v1",
        source="/liuling/counting",
        subject=stream,
        time=_BEGAN + timedelta(seconds=number),
        community="",
        sequence=version,
        position=position,
    )
    return Told(envelope, "{}", TopicPartition("t", 0), number, published_ms)


def history(streams: list[int], per_ms: int) -> list[Told]:
    versions: dict[int, int] = {}
    events = []
    for number, stream in enumerate(streams):
        versions[stream] = versions.get(stream, 0) + 1
        events.append(told(number, str(stream), versions[stream], number // per_ms))
    return events


def partitioned(events: list[Told]) -> list[list[Told]]:
    return [[event for event in events if int(event.envelope.subject) % 3 == n] for n in range(3)]


@given(st.lists(st.integers(0, 8), max_size=60), st.integers(1, 4), st.integers(0, 60))
def test_what_is_missing_comes_back_in_the_order_of_the_store(streams: list[int], per_ms: int, backed_up: int) -> None:
    events = history(streams, per_ms)
    versions: dict[str, int] = {}
    for event in events[:backed_up]:
        versions[event.envelope.subject] = event.envelope.sequence
    found = sort_out(partitioned(events[backed_up:]), versions)
    assert found.fitting == events[backed_up:]
    assert not found.conflicting


@given(st.lists(st.integers(0, 8), min_size=1, max_size=60), st.lists(st.integers(0, 50), min_size=60, max_size=60))
def test_a_clock_that_went_back_turns_no_stream_around(streams: list[int], clock: list[int]) -> None:
    events = [
        told(number, event.envelope.subject, event.envelope.sequence, clock[number])
        for number, event in enumerate(history(streams, 1))
    ]
    found = sort_out(partitioned(events), {})
    assert sorted(e.offset for e in found.fitting) == list(range(len(events)))
    assert not found.conflicting


@given(st.lists(st.integers(0, 8), max_size=60), st.randoms(use_true_random=False))
def test_the_place_in_the_store_decides_whatever_was_published_when(streams: list[int], random: Random) -> None:
    """As where the broker refused a partition, and the batch was published again."""
    events = [
        told(number, event.envelope.subject, event.envelope.sequence, random.randrange(60), number + 1)
        for number, event in enumerate(history(streams, 1))
    ]
    partitions = partitioned(events)
    for partition in partitions:
        random.shuffle(partition)
    assert sort_out(partitions, {}).fitting == events


@given(st.lists(st.tuples(st.integers(0, 8), st.booleans()), max_size=60), st.integers(0, 60))
def test_an_older_program_told_no_places(lives: list[tuple[int, bool]], upgraded: int) -> None:
    events = [
        told(n, event.envelope.subject, event.envelope.sequence, n, n + 1 if n >= upgraded else None)
        for n, event in enumerate(history([stream for stream, _ in lives], 1))
    ]
    assert sort_out(partitioned(events), {}).fitting == events
    by_turns = [
        told(n, event.envelope.subject, event.envelope.sequence, n, n + 1 if lives[n][1] else None)
        for n, event in enumerate(events)
    ]
    assert not sort_out(partitioned(by_turns), {}).conflicting


@given(st.lists(st.integers(0, 8), min_size=1, max_size=60), st.integers(0, 8))
def test_a_stream_that_went_on_otherwise_is_left_alone_from_there(streams: list[int], went_on: int) -> None:
    events = history(streams, 1)
    found = sort_out(partitioned(events), {str(went_on): 1})
    assert found.conflicting == [event for event in events if event.envelope.subject == str(went_on)]
    assert found.fitting == [event for event in events if event.envelope.subject != str(went_on)]


def test_a_partition_is_read_from_the_lower_of_both_places_and_as_a_whole_where_one_is_unknown() -> None:
    assert beginning(5, 9) == 5  # a restored database
    assert beginning(9, 5) == 5  # a topic that was made anew
    assert beginning(None, 9) == 0  # before the database noted anything
    assert beginning(9, None) == 0
