"""What the explanations of stars and certificates share: a moment, what was counted then, and what came after."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from operator import attrgetter
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field
from sqlalchemy.ext.asyncio import AsyncConnection

from services.points.durations import in_words
from services.points.explain import facts
from services.points.explain.known import Known, Line, LongDay
from services.points.explain.lines import ExplainedOut, GroundOut, explained, ground_out
from services.points.explain.words import Narrator
from services.points.grounds.record import Record
from services.points.grounds.telling import CorrectionOut, told
from services.points.ledger.reading import Sight
from services.points.policy.book import PolicyBook
from services.points.tables import transfers
from services.points.units import Unit
from shared.clock import SHANGHAI, system_clock
from shared.web import Page
from shared.web.problems import Texts


class CountedOut(BaseModel):
    """Minutes that were counted, or taken, for one reason under the same clauses of policies."""

    reason: str = Field(examples=["rate"])
    minutes: int
    lines: int
    grounds: list[GroundOut]
    text: str = Field(description="说明 in words")


class GroundedOut(BaseModel):
    """What something rested on at a moment."""

    at: datetime
    known_at: datetime | None
    counted: list[CountedOut] = Field(description="计入的时长，按办法条款 the minutes counted, by clause of the policy")
    corrections_after: list[CorrectionOut] = Field(
        description="该时刻之后得知的更正 corrections that became known after the moment"
    )
    served_after_minutes: int = Field(
        description="该时刻之后得知的服务 service that became known after it, corrections left out"
    )
    items: list[ExplainedOut] = Field(
        description="记录逐笔说明，最近的在前，合计为该时刻的时长"
        " the record line by line, newest first, as the explanation of the account tells it; the lines of all pages add"
        " up to the minutes that count at the moment; of a certificate those of its days, and `balance_after` from the"
        " first of them on"
    )
    next_cursor: str | None = Field(
        default=None, description="`items` 的下一页 for the next page of `items`; null at the end."
    )


async def grounded(
    read: AsyncConnection, record: Record, sight: Sight, book: PolicyBook, texts: Texts, language: str
) -> dict[str, Any]:
    """The fields of `GroundedOut`. The record is all there is, whatever the sight."""
    titles = await facts.titles(read, language)
    seen = [line for line in record.lines if sight.shows(line.occurred_at, line.recorded_at)]
    later = [] if sight.until is None else [c for c in record.corrections() if c.told_at > sight.until]
    gained = 0 if sight.until is None else sum(line.amount for line in record.lines if line.recorded_at > sight.until)
    return {
        "at": sight.until or system_clock(),
        "known_at": sight.known_at,
        "counted": _counted(seen, await facts.long_days(read, seen), book, titles, texts, language),
        "corrections_after": told(later, texts, language),
        "served_after_minutes": gained - sum(correction.minutes for correction in later),
    }


async def line_by_line(
    read: AsyncConnection,
    record: Record,
    seen: Sight,
    page: Any,
    book: PolicyBook,
    texts: Texts,
    language: str,
    without: Collection[UUID] = (),
) -> dict[str, Any]:
    """A page of the record as far as it is seen, `without` the lines of some service records: the last two fields of
    `GroundedOut`. It stands in the explanation itself, as an account's does. All of the record has been read for what
    else is said of it, so the page is cut from that: lines and minutes are of one moment.
    """
    after = page.after([transfers.c.occurred_at, transfers.c.id])
    if record.account is None:
        return {"items": []}
    every = [*record.lines, *await facts.uncounted(read, record.account, seen)]
    mine = [one for one in every if seen.shows(one.occurred_at, one.recorded_at) and one.record_id not in without]
    rest = sorted((line for line in mine if after is None or _place(line) < after), key=_place, reverse=True)
    found: Page[Line] = page.cut(rest[: page.limit + 1], _place, lambda line: line)
    account, minutes = facts.Account(record.account, record.account), sum(line.amount for line in rest)
    unit = Unit.SERVICE_MINUTE.name
    items = await explained(read, account, unit, found.items, minutes, seen, book, texts, language)
    return {"items": items, "next_cursor": found.next_cursor}


def _place(line: Line) -> tuple[datetime, int]:
    """Where a line stands: as in a statement, when it happened, then the number."""
    return line.occurred_at, line.id


def in_sight(sight: Sight, texts: Texts, language: str) -> dict[str, str]:
    """Params of a sentence about a moment: when it was, and as known when."""
    moment = (sight.until or system_clock()).astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M")
    return {"moment": moment, "known": texts.word(language, "known.now" if sight.known_at is None else "known.then")}


def _counted(
    lines: Iterable[Line],
    long_days: Mapping[UUID, LongDay],
    book: PolicyBook,
    titles: Mapping[int, str],
    texts: Texts,
    language: str,
) -> list[CountedOut]:
    """The lines by what they rest on, which is what an account's explanation says of each."""

    def say(code: str, params: Mapping[str, Any]) -> str:
        return texts.get(language, code, params)

    narrator = Narrator(Unit.SERVICE_MINUTE.name, say, book, Known(titles=titles, long_days=long_days))
    counted: dict[tuple[str, tuple[tuple[int, str], ...]], CountedOut] = {}
    known: dict[tuple[str, int], CountedOut] = {}
    in_order = sorted(lines, key=lambda line: (line.clause, line.policy_version or 0))
    # All are told before one is counted: thousands share their grounds, which go by their id as long as they are there.
    for line, sentence in [(line, narrator.tell(line)) for line in in_order]:
        one = known.get((sentence.reason, id(sentence.grounds)))
        if one is None:
            key = sentence.reason, tuple((ground.policy_version, ground.place) for ground in sentence.grounds)
            if key not in counted:
                grounds = [ground_out(ground, titles) for ground in sentence.grounds]
                counted[key] = CountedOut(reason=sentence.reason, minutes=0, lines=0, grounds=grounds, text="")
            one = known[sentence.reason, id(sentence.grounds)] = counted[key]
        one.minutes += line.amount
        one.lines += 1
    for one in counted.values():
        one.text = _in_words(one, texts, language)
    return list(counted.values())


def _in_words(counted: CountedOut, texts: Texts, language: str) -> str:
    amount = f"{'-' if counted.minutes < 0 else '+'}{in_words(language, abs(counted.minutes))}"
    reason = texts.word(language, f"clause.{counted.reason}")
    text = texts.get(language, "ground.counted", {"reason": reason, "amount": amount})
    if not counted.grounds:
        return text
    latest = max(counted.grounds, key=attrgetter("policy_version"))
    return text + texts.get(language, "explain.ground", {"title": latest.title, "version": latest.policy_version})
