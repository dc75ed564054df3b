"""Pieces are followed through shelves and teams as if each were in a queue of its own."""

from collections import Counter, deque

from hypothesis import given, settings
from hypothesis import strategies as st

from services.points.market.following import Move, follow

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

journeys = st.lists(st.tuples(st.sampled_from(WAYS), st.integers(1, 6)), max_size=40)


def possible(wanted: list[tuple[tuple[int, int], int]]) -> list[Move[int]]:
    """The moves for which there are enough pieces, numbered."""
    there: Counter[int] = Counter()
    moves: list[Move[int]] = []
    for (giver, receiver), pieces in wanted:
        if giver == SOURCE or there[giver] >= pieces:
            there[giver] -= pieces
            there[receiver] += pieces
            moves.append(Move(giver, receiver, pieces, len(moves) + 1))
    return moves


def one_by_one(moves: list[Move[int]]) -> Counter[tuple[int, int]]:
    """The plain way: every piece in a queue, with its source and the last move that it made."""
    queues: dict[int, deque[tuple[int, int]]] = {place: deque() for place in (*PLACES, GONE)}
    for move in moves:
        for _ in range(move.pieces):
            source, _ = (move.about, 0) if move.giver == SOURCE else queues[move.giver].popleft()
            queues[move.receiver].append((source, 0 if move.receiver == SHELF else move.about))
    return Counter(piece for queue in queues.values() for piece in queue)


@settings(max_examples=300)
@given(wanted=journeys)
def test_every_piece_has_the_source_and_the_fate_that_a_queue_gives_it(
    wanted: list[tuple[tuple[int, int], int]],
) -> None:
    moves = possible(wanted)
    found = follow(moves, PLACES)
    assert Counter({(p.source, p.fate or 0): p.pieces for p in found}) == one_by_one(moves)
    assert [(p.source_number, p.fate_number) for p in found] == sorted({(p.source, p.fate or 0) for p in found})


def test_what_left_a_shelf_that_was_counted_short_comes_of_what_is_found_later() -> None:
    moves = [Move(SOURCE, SHELF, 2, "bought"), Move(SHELF, GONE, 5, "collected"), Move(SOURCE, SHELF, 4, "found")]
    assert [(p.source, p.fate, p.pieces) for p in follow(moves, PLACES)] == [
        ("bought", "collected", 2),
        ("found", None, 1),
        ("found", "collected", 3),
    ]


def test_pieces_that_seem_to_have_come_back_before_they_went_are_not_followed_for_ever() -> None:
    moves = [Move(SHELF, ONE, 2, "issued"), Move(ONE, SHELF, 2, "returned"), Move(SOURCE, SHELF, 1, "found")]
    assert follow(moves, PLACES) == [(3, 0, 1, "found", None)]
    moves = [Move(ONE, SHELF, 1, "returned"), Move(SOURCE, SHELF, 1, "bought"), Move(SHELF, ONE, 2, "issued")]
    assert sum(p.pieces for p in follow(moves, PLACES)) <= 1
