"""Minutes that pass from one holder to another, who may be at home in different communities.

Within a community they go straight. Between communities each side stays within its own: the payer pays into what their
community has over (`holders.clearing`), and the other community's account pays, so that every community's own accounts
can be reconciled by themselves and communities settle the difference.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from services.points.ledger import holders
from services.points.ledger.clauses import Clause
from services.points.ledger.holds import Leg
from services.points.ledger.writing import AccountKey, Connection, LedgerWriter
from services.points.units import Unit


class Party(NamedTuple):
    """A holder, and the community they are at home in."""

    holder: str
    community: str


class Passage(NamedTuple):
    """An amount of minutes from one party to another."""

    source: Party
    target: Party
    amount: int
    clause: Clause
    clause_across: Clause
    """Instead, where the parties' communities differ."""
    unit: Unit = Unit.MINUTE


async def legs_of(db: Connection, writer: LedgerWriter, passages: Iterable[Passage]) -> list[Leg]:
    """The legs of passages of more than nothing; accounts are opened where they do not exist."""
    steps: list[tuple[Party, Party, Unit, int, Clause]] = []
    for source, target, amount, clause, across, unit in passages:
        if amount == 0:
            continue
        if source.community == target.community:
            steps.append((source, target, unit, amount, clause))
        else:
            ours, theirs = clearing(source.community), clearing(target.community)
            steps += [(source, ours, unit, amount, across), (theirs, target, unit, amount, across)]
    parties = [(party, step[2]) for step in steps for party in step[:2]]
    numbers = await open_parties(db, writer, parties)
    return [
        Leg(
            numbers[AccountKey(source.holder, unit)], numbers[AccountKey(target.holder, unit)], int(unit), amount,
            int(clause),
        )
        for source, target, unit, amount, clause in steps
    ]  # fmt: skip


def clearing(community: str) -> Party:
    """What a community has over from dealings with others."""
    return Party(holders.clearing(community), community)


async def open_parties(
    db: Connection, writer: LedgerWriter, parties: Iterable[tuple[Party, Unit]]
) -> Mapping[AccountKey, int]:
    """Numbers of the parties' accounts, each opened in its own community."""
    communities: dict[Unit, dict[str, str]] = {}
    for party, unit in parties:
        communities.setdefault(unit, {})[party.holder] = party.community
    numbers: dict[AccountKey, int] = {}
    for unit, of_unit in sorted(communities.items()):
        numbers |= await writer.open_accounts(db, of_unit, (int(unit),))
    return numbers


async def lock(db: Connection, writer: LedgerWriter, legs: Iterable[Leg]) -> None:
    """Take the accounts of legs in the order of their numbers, where more than one statement follows on them."""
    await writer.lock(db, {number for leg in legs for number in leg[:2]})
