"""Pieces are followed through shelves and teams as if each were in a queue of its own."""

from collections import Counter, deque
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Generic, TypeVar

from hypothesis import given, settings
from hypothesis import strategies as st

from services.points.market.following import Move, follow

T = TypeVar("T")
SHELF, ONE, TWO = 1, 2, 3
PLACES = frozenset({SHELF, ONE, TWO})
SOURCE, GONE = -1, -2
WAYS = (
    (SOURCE, SHELF),
    (SHELF, GONE),
    (SHELF, ONE),
    (SHELF, TWO),
    (ONE, SHELF),
    (TWO, SHELF),
    (ONE, GONE),
    (TWO, GONE),
)

# More comes than each of the other ways goes, so that much happens, and much of that can be taken back in the end.
journeys = st.lists(
    st.tuples(st.sampled_from((WAYS[0], WAYS[0], *WAYS)), st.integers(1, 3), st.booleans()), min_size=8, max_size=40
)


@dataclass(eq=False)
class Piece(Generic[T]):
    """One piece, or the place in the row of one that was given before it came."""

    source: T | None = None
    put_at: int = 0
    is_really: "Piece[T] | None" = None


def one_by_one(moves: Sequence[Move[T]], places: AbstractSet[int]) -> Counter[tuple[T, T | None]]:
    """The plain way: each place has a queue of pieces, or of those that wait for pieces. By source and last move."""
    lying: dict[int, deque[tuple[Piece[T], T]]] = {place: deque() for place in places}
    waiting: dict[int, deque[Piece[T]]] = {place: deque() for place in places}
    gone: list[tuple[Piece[T], T]] = []
    for move in moves:
        for _ in range(move.pieces):
            if move.giver not in places:
                piece = Piece(move.about, move.receiver)
            elif lying[move.giver]:
                piece, _ = lying[move.giver].popleft()
            else:
                piece = Piece()
                waiting[move.giver].append(piece)
            if move.receiver not in places:
                gone.append((piece, move.about))
            elif waiting[move.receiver]:
                waiting[move.receiver].popleft().is_really = piece
            else:
                lying[move.receiver].append((piece, move.about))
    ends = [(0, *end) for end in gone] + [(place, *end) for place, queue in lying.items() for end in queue]
    found: Counter[tuple[T, T | None]] = Counter()
    for place, piece, last in ends:
        while piece.is_really is not None:
            piece = piece.is_really
        assert piece.source is not None, "in the end every place has what it gave"
        found[piece.source, None if place == piece.put_at else last] += 1
    return found


def possible(wanted: list[tuple[tuple[int, int], int, bool]]) -> list[Move[int]]:
    """The moves for which there were enough pieces, numbered, without those that could be taken back in the end."""
    there: Counter[int] = Counter()
    moves: dict[int, Move[int]] = {}
    mistaken = []
    for (giver, receiver), pieces, mistake in wanted:
        if giver == SOURCE or there[giver] >= pieces:
            there[giver] -= pieces
            there[receiver] += pieces
            number = len(moves) + 1
            moves[number] = Move(giver, receiver, pieces, number)
            mistaken += [number] if mistake else []
    for number in mistaken:
        giver, receiver, pieces, _ = moves[number]
        if receiver == GONE or there[receiver] >= pieces:
            there[receiver] -= pieces
            there[giver] += pieces
            del moves[number]
    return list(moves.values())


@settings(max_examples=300)
@given(wanted=journeys)
def test_every_piece_has_the_source_and_the_fate_that_a_queue_gives_it(
    wanted: list[tuple[tuple[int, int], int, bool]],
) -> None:
    moves = possible(wanted)
    found = follow(moves, PLACES)
    assert Counter({(p.source, p.fate): p.pieces for p in found}) == one_by_one(moves, PLACES)
    assert [(p.source_number, p.fate_number) for p in found] == sorted(
        {(p.source_number, p.fate_number) for p in found}
    )
    for number, move in enumerate(moves, start=1):
        if move.giver == SOURCE:
            assert sum(p.pieces for p in found if p.source_number == number) == move.pieces
        if move.receiver == GONE:
            assert sum(p.pieces for p in found if p.fate_number == number) == move.pieces


def test_what_left_a_shelf_that_was_counted_short_comes_of_what_is_found_later() -> None:
    moves = [Move(SOURCE, SHELF, 2, "bought"), Move(SHELF, GONE, 5, "collected"), Move(SOURCE, SHELF, 4, "found")]
    assert [(p.source, p.fate, p.pieces) for p in follow(moves, PLACES)] == [
        ("bought", "collected", 2),
        ("found", None, 1),
        ("found", "collected", 3),
    ]


def test_what_a_team_brought_back_of_pieces_that_never_came_is_of_those_that_come_next() -> None:
    moves = [Move(SHELF, ONE, 2, "issued"), Move(ONE, SHELF, 2, "returned"), Move(SOURCE, SHELF, 1, "found")]
    assert follow(moves, PLACES) == [(3, 0, 1, "found", None)]
    before = [Move(SOURCE, SHELF, 1, "bought"), Move(SHELF, ONE, 900, "issued"), Move(ONE, SHELF, 900, "returned")]
    assert follow(before, PLACES) == [(1, 0, 1, "bought", None)], "out and home again, as often as that"
    assert follow([*before, Move(SHELF, GONE, 1, "sold")], PLACES) == [(1, 4, 1, "bought", "sold")]
