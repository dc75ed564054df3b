"""The envelope against the CloudEvents 1.0 rules and their Kafka binding, and against whatever else arrives."""

import contextlib
import datetime as dt
import json
import re
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.contracts.envelope import CONTEXTS, Envelope, MalformedEnvelope, header_map
from shared.contracts.schema import published_types
from shared.deliveries import Unreadable, read
from tests.contract.records import GOLDEN, load, record_of

TYPES = published_types()
REQUIRED = ("ce_specversion", "ce_id", "ce_type", "ce_source", "ce_subject", "ce_time", "ce_sequence")
OPTIONAL = ("ce_community", "ce_correlationid", "ce_causationid", "traceparent", "ce_position")

OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda minutes: dt.timezone(dt.timedelta(minutes=minutes)))
VISIBLE = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1)
ASCII = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1)
ENVELOPES = st.builds(
    Envelope,
    event_id=st.uuids(),
    type=st.sampled_from(sorted(TYPES)),
    source=st.sampled_from(CONTEXTS).map(lambda context: f"/liuling/{context}"),
    subject=VISIBLE,
    time=st.datetimes(timezones=OFFSETS | st.just(dt.UTC)),
    community=st.from_regex(r"\A(\d{2}(\d{2}(\d{2}(\d{3}(\d{3})?)?)?)?)?\Z").filter(str.isascii),
    sequence=st.integers(1, 2**31 - 1),
    correlation_id=st.none() | ASCII,
    causation_id=st.none() | st.uuids().map(str),
    traceparent=st.none() | ASCII,
    position=st.none() | st.integers(1, 2**62),
)


def wire(headers: dict[str, str]) -> dict[str, bytes]:
    return {name: value.encode() for name, value in headers.items()}


@settings(max_examples=50)
@given(ENVELOPES)
def test_what_is_written_is_read_again(envelope: Envelope) -> None:
    assert Envelope.parse(wire(envelope.headers())) == envelope


@settings(max_examples=50)
@given(ENVELOPES)
def test_headers_keep_to_the_kafka_binding_of_cloudevents(envelope: Envelope) -> None:
    """CloudEvents 1.0.2, Kafka protocol binding 3.2: binary content mode; spec 3.1: attributes."""
    headers = envelope.headers()
    for name, value in headers.items():
        assert isinstance(value, str)
        if name not in ("content-type", "traceparent"):
            assert re.fullmatch(r"ce_[a-z0-9]{1,20}", name), "lower-case letters and digits, at most 20"
    assert headers["content-type"] == "application/json"
    assert not headers["content-type"].startswith("application/cloudevents"), "that would be structured mode"
    assert headers["ce_specversion"] == "1.0"
    for name in ("ce_id", "ce_source", "ce_type", "ce_subject", "ce_dataschema"):
        assert headers[name], "must not be empty"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", headers["ce_time"]), "RFC 3339, 5.6"
    assert urlsplit(headers["ce_dataschema"]).scheme == "urn", "an absolute URI"
    source = urlsplit(headers["ce_source"])
    assert source.path.startswith("/liuling/"), "a URI reference"
    assert not source.query
    assert int(headers["ce_sequence"]) >= 1


def malformed(headers: dict[str, Any]) -> str | None:
    """The header that is complained about; anything but `MalformedEnvelope` fails the test."""
    try:
        Envelope.parse(headers)
    except MalformedEnvelope as error:
        return str(error)
    return None


@given(
    st.dictionaries(
        st.sampled_from([*REQUIRED, *OPTIONAL, "content-type", "x"]),
        st.binary(max_size=40) | st.sampled_from([b"1.0", b"\xff", b"", b"9" * 5000, b"0001-01-01T00:00:00+14:00"]),
    )
)
def test_arbitrary_headers_are_malformed_and_nothing_worse(headers: dict[str, bytes]) -> None:
    assert malformed(headers) in (*REQUIRED, *OPTIONAL, None), "names the header and never repeats its value"


@settings(max_examples=50)
@given(ENVELOPES, st.sampled_from([*REQUIRED, *OPTIONAL]), st.binary(max_size=40))
def test_one_bad_header_is_named(envelope: Envelope, name: str, value: bytes) -> None:
    assert malformed(wire(envelope.headers()) | {name: value}) in (name, None)


@pytest.mark.parametrize("name", ["ce_id", "ce_source", "ce_subject", "ce_time", "ce_sequence", "ce_community"])
def test_a_record_with_a_null_header_is_readable_or_parked(name: str) -> None:
    """Kafka's headers may be null. Whatever `read` raises but `Unreadable` stops the consumer for all keys."""
    content = load(GOLDEN[0])
    headers = [(other, None if other == name else value.encode()) for other, value in content["headers"].items()]
    with contextlib.suppress(Unreadable):
        read(record_of(headers, json.dumps(content["body"]).encode()), frozenset(TYPES.values()))


@pytest.mark.parametrize("name", REQUIRED)
def test_a_missing_attribute_is_named(name: str) -> None:
    headers = wire(load(GOLDEN[0])["headers"])
    del headers[name]
    with pytest.raises(MalformedEnvelope, match=f"^{name}$"):
        Envelope.parse(headers)


@pytest.mark.parametrize("body", [None, b"", b"null", b"[]", b"{}", b"\xff\xfe", b"{" * 5000, b'{"a":' * 5000])
def test_a_body_that_is_no_such_event_is_unreadable_and_nothing_worse(body: bytes | None) -> None:
    for path in GOLDEN:
        headers = [(name, value.encode()) for name, value in load(path)["headers"].items()]
        with pytest.raises(Unreadable):
            read(record_of(headers, body), frozenset(TYPES.values()))


@settings(max_examples=50)
@given(st.lists(st.tuples(st.sampled_from([*REQUIRED, "x"]), st.binary(max_size=30)), max_size=12))
def test_a_record_of_unknown_making_is_ignored_or_unreadable(headers: Any) -> None:
    with contextlib.suppress(Unreadable):
        assert read(record_of(headers, b"{}"), frozenset(TYPES.values())) is None


@pytest.mark.parametrize("type_name", ["liuling.registry.ActivityCompleted.v2", "com.example.other", "", "\u5f02"])
def test_unknown_types_are_passed_over(type_name: str) -> None:
    headers = wire(load(GOLDEN[0])["headers"]) | {"ce_type": type_name.encode()}
    assert read(record_of(list(headers.items()), b"{}"), frozenset(TYPES.values())) is None


def test_of_a_repeated_header_the_last_counts() -> None:
    assert header_map([("ce_id", b"1"), ("ce_id", b"2")]) == {"ce_id": b"2"}
