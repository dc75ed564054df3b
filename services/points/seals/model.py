"""The chain of a community's seals: one for each day with lines, and a further revision when a sealed day has changed.

A seal is over the *net effects* of a day (`lines`), not over transfers: how an effect came about differs between two
ledgers that know the same events. What a seal says, with the hash of the seal before it, is hashed again; so whoever
holds one seal holds all before it.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from shared.contracts import Event
from shared.contracts.points import LedgerSealed, SealedSum

FORMAT = 1
"""Version of the canonical texts: that of the lines, and that of the seal."""

BEFORE_ALL = "0" * 64
"""Stands for the seal before the first."""

NO_LINES = hashlib.sha256(b"").hexdigest()


@dataclass(frozen=True, slots=True)
class Sealed:
    """How a day was last sealed."""

    revision: int
    lines_sha256: str


@dataclass(frozen=True, slots=True)
class Chain:
    """All seals of one community."""

    community: str = ""
    sequence: int = 0
    """Number of the latest seal; 0 before the first."""
    head: str = BEFORE_ALL
    """Hash of the latest seal."""
    days: Mapping[date, Sealed] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SealDay:
    """Seal what the ledger holds of a day (in Asia/Shanghai); nothing happens when just that is sealed already."""

    community: str
    day: date
    lines: int
    sums: Sequence[SealedSum]
    """By unit, in byte order."""
    lines_sha256: str


def decide(chain: Chain, command: SealDay) -> list[Event]:
    """The next seal of the chain, or none."""
    before = chain.days.get(command.day, Sealed(0, NO_LINES))
    if before.lines_sha256 == command.lines_sha256:
        return []
    revision, sequence = before.revision + 1, chain.sequence + 1
    said = canonical_text(
        FORMAT,
        command.community,
        sequence,
        command.day,
        revision,
        command.lines,
        command.sums,
        command.lines_sha256,
        chain.head,
    )
    return [
        LedgerSealed(
            community=command.community,
            day=command.day,
            revision=revision,
            sequence=sequence,
            lines=command.lines,
            sums=tuple(command.sums),
            lines_sha256=command.lines_sha256,
            previous_sha256=chain.head,
            seal_sha256=sha256_of(said),
            format_version=FORMAT,
        )
    ]


def evolve(chain: Chain, event: Event) -> Chain:
    """The chain after an event."""
    match event:
        case LedgerSealed():
            days = {**chain.days, event.day: Sealed(event.revision, event.lines_sha256)}
            return Chain(event.community, event.sequence, event.seal_sha256, days)
        case _:
            return chain


def canonical_text(
    format_version: int,
    community: str,
    sequence: int,
    day: date,
    revision: int,
    lines: int,
    sums: Sequence[SealedSum],
    lines_sha256: str,
    previous_sha256: str,
) -> str:
    """What a seal says, as the one text that is hashed. ``docs/seals.md`` describes it for subscribers."""
    by_unit = ",".join(f"{entry.unit}={entry.gained}/{entry.given}" for entry in sums)
    return (
        f"{format_version}|{community}|{sequence}|{day.isoformat()}|{revision}|{lines}|{by_unit}"
        f"|{lines_sha256}|{previous_sha256}"
    )


def sha256_of(said: str) -> str:
    """Hash of a text, in hexadecimal."""
    return hashlib.sha256(said.encode()).hexdigest()
