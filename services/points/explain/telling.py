"""Lines of an account in words: gathers what they need from the tables and lets the narrator tell them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from services.points.expiry.lots import Course
from services.points.explain import facts
from services.points.explain.becoming import Becoming
from services.points.explain.causes import causes
from services.points.explain.words import Cause, Line, Narrator, Sentence
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
    titles = await facts.titles(read, language)
    goods, ordered = await facts.goods(read, lines), await facts.ordered(read, lines)
    before, earned_on = await facts.before(read, lines), await facts.earned_on(read, [account.id], lines)
    long_days, taken_back = await facts.long_days(read, lines), await facts.taken_back(read, lines)
    # What flowed over has its cause on the person's account, not on the pool's, which is long and has no service.
    of_person = account.record_id is not None
    caused = await causes(read, ((account.id, line) for line in lines if of_person or line.clause not in POOLED))
    became = None if course is None else Becoming(course, say).of
    supplied = await facts.supplied(read, lines)
    known = titles, goods, before, ordered, earned_on, long_days, became, caused
    narrator = Narrator(unit, say, book, *known, supplied=supplied, taken_back=taken_back)
    return Told([narrator.tell(line) for line in lines], kin, titles, caused)
