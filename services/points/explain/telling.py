"""Lines of an account in words: gathers what they need from the tables and lets the narrator tell them."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from services.points.expiry.lots import Course
from services.points.explain import facts
from services.points.explain.becoming import Becoming
from services.points.explain.causes import causes
from services.points.explain.known import Cause, Known, Line
from services.points.explain.words import Narrator, Sentence
from services.points.ledger.clauses import POOLED
from services.points.ledger.reading import Sight
from services.points.policy.book import PolicyBook
from shared.web.problems import Texts


@dataclass(frozen=True, slots=True)
class Told:
    """Lines with their sentences, in the same order."""

    sentences: Sequence[Sentence]
    kin: facts.Kin
    titles: Mapping[int, str]
    causes: Mapping[int, Sequence[Cause]]
    """By line, what caused it where that is not its own event."""


async def tell(
    read: AsyncConnection,
    account: facts.Account,
    unit: str,
    lines: Sequence[Line],
    sight: Sight,
    book: PolicyBook,
    texts: Texts,
    language: str,
    course: Course | None = None,
) -> Told:
    """Tell lines of one account, newest first, in a language (`zh`, `en`); of points, with how they came and went."""

    def say(code: str, params: Mapping[str, Any]) -> str:
        return texts.get(language, code, params)

    kin = await facts.kin(read, account, lines, sight)
    # What flowed over has its cause on the person's account, not on the pool's, which is long and has no service.
    of_person = account.record_id is not None
    caused = [(account.id, line) for line in lines if of_person or line.clause not in POOLED]
    known = await what_is_known(read, lines, [account.id], caused, language)
    narrator = Narrator(unit, say, book, known, None if course is None else Becoming(course, say).of)
    return Told([narrator.tell(line) for line in lines], kin, known.titles, known.causes)


async def what_is_known(
    read: AsyncConnection,
    lines: Sequence[Line],
    people: Collection[int],
    caused: Iterable[tuple[int, Line]],
    language: str,
) -> Known:
    """What lines need to be told. `people` are the accounts they are of; `caused` those that may have causes there."""
    return Known(
        titles=await facts.titles(read, language),
        goods=await facts.goods(read, lines),
        before=await facts.before(read, lines),
        ordered=await facts.ordered(read, lines),
        earned_on=await facts.earned_on(read, people, lines),
        long_days=await facts.long_days(read, lines),
        supplied=await facts.supplied(read, lines),
        reversals=await facts.reversals(read, lines),
        dealt_wrongly=await facts.dealt_wrongly(read, lines),
        causes=await causes(read, caused),
    )
