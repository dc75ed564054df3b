"""Pieces followed through the places where they lie, first in first out. Pure.

Pieces of an item are alike. At each place, a shelf or a team, they are numbered as they came, and leave in the order
of their numbers: what was the third to seventh piece that came is the third to seventh that leaves. Where they leave
for another place they are numbered there as they come, and so on, until they have gone for good; what has not left yet
lies where it is (docs/decisions/0021 and 0051). Moves are in the order in which the ledger came to know of them: what
was attributed once stays so, and a donor is not told one thing today and another tomorrow, unless somebody's mistake
was taken back meanwhile.

First in, first out on both sides: a place may give pieces before it has any, where those that it had turn out never to
have come (0053). What is given then waits for the next that come. No two pieces come to have the same number at a
place, so none that came from outside is lost, or ends in a circle.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")


class Move(NamedTuple, Generic[T]):
    """Pieces that went from one account to another."""

    giver: int
    receiver: int
    pieces: int
    about: T


class Piece(NamedTuple, Generic[T]):
    """Pieces with one source and one fate."""

    source_number: int
    """Of the move by which they came, among all moves."""
    fate_number: int
    """Of the last move that they made after it; 0 where they lie where their source put them."""
    pieces: int
    source: T
    fate: T | None
    """Of the last move, unless it took them back to where their source had put them."""


def follow(moves: Sequence[Move[T]], places: AbstractSet[int]) -> list[Piece[T]]:
    """Where the pieces that came from outside the places have gone, in the order of sources, then of fates.

    Costs the logarithm of the moves for every time that a lot of pieces is divided or moved: seldom more than twice,
    but once a piece at worst, of pieces that a team brought back while they still wait for what it was issued.
    """
    came: defaultdict[int, int] = defaultdict(int)
    began: dict[int, int] = {}
    """By move into a place, how many had come there before."""
    left: defaultdict[int, list[int]] = defaultdict(list)
    leaving: defaultdict[int, list[int]] = defaultdict(list)
    """By place, the moves out of it, and how many had left with each."""
    for number, move in enumerate(moves):
        if move.receiver in places:
            began[number] = came[move.receiver]
            came[move.receiver] += move.pieces
        if move.giver in places:
            left[move.giver].append((left[move.giver] or [0])[-1] + move.pieces)
            leaving[move.giver].append(number)
    found: list[Piece[T]] = []
    for source, move in enumerate(moves):
        if move.giver in places or move.receiver not in places:
            continue
        fates: defaultdict[int, int] = defaultdict(int)
        lots = [(source, began[source], began[source] + move.pieces)]
        while lots:
            last, first, end = lots.pop()
            place = moves[last].receiver
            nth = bisect_right(left[place], first)
            while first < end and nth < len(leaving[place]):
                out, upto = leaving[place][nth], min(end, left[place][nth])
                if moves[out].receiver not in places:
                    fates[out + 1] += upto - first
                else:
                    there = began[out] + first - (left[place][nth] - moves[out].pieces)
                    lots.append((out, there, there + upto - first))
                first, nth = upto, nth + 1
            if first < end:
                fates[0 if place == move.receiver else last + 1] += end - first
        for fate, pieces in sorted(fates.items()):
            about = moves[fate - 1].about if fate else None
            found.append(Piece(source + 1, fate, pieces, move.about, about))
    return found
