"""From a line of the ledger to a sentence that a volunteer understands, with the clauses of the policy behind it. Pure.

Nothing of what is said here is stored: the line says what service it is for, and the policies in force on that day say
the same for ever.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from services.points.earning.kinds import EVIDENCE, KINDS
from services.points.explain.known import NOTHING, Cause, Known, Line
from services.points.explain.policy_clauses import Ground, donate_only_ground, rate_grounds, tier_ground
from services.points.figures import figure
from services.points.ledger.clauses import REVERSED, TIME_BANK_SPENT, Clause
from services.points.ledger.holders import issuance_prefix
from services.points.policy.book import PolicyBook
from services.points.policy.terms import Price, Said, Terms
from services.points.units import SLOTS, Unit, policy_unit
from shared.clock import local_day
from shared.contracts import CorrectionReason
from shared.contracts.registry import NodeLevel

_OF_ANY_CLAUSE = frozenset(
    {"other", "goods", "goods_in_part", "supplies", "supplies_back", "supplies_return_withdrawn"}
)
_DONATED = SLOTS[Unit.DONATION_MINUTE]


_TOLD_ALIKE = frozenset({NOTHING, Clause.RATE, Clause.DAY_CAP})
"""Clauses of service as it was first told, and of what the cap of its day took then."""


class Sentence(NamedTuple):
    """A line in words."""

    reason: str
    """Code of the clause."""
    text: str
    grounds: Sequence[Ground] = ()


_KIND_CODES = {number: f"kind.{kind}" for number, kind in KINDS.items()}
_REASONS = frozenset(CorrectionReason)
"""Those there are words for; a newer registry may know others."""
_EVIDENCE_CODES = {number: f"evidence.{tier}" for number, tier in EVIDENCE.items()}

Say = Callable[[str, Mapping[str, Any]], str]
"""A sentence by code with its params, in the caller's language."""


class Narrator:
    """Tells lines of accounts of one unit in words."""

    def __init__(
        self, unit: str, say: Say, book: PolicyBook, known: Known, became: Callable[[Line], str] | None = None
    ) -> None:
        """`became` says from which lots a line was paid, or what became of the points that it brought."""
        self._unit = unit
        self._unit_code = f"unit.{unit.partition(':')[0]}"
        self._say = say
        self._book = book
        self._facts = known
        self._became = became
        self._known: dict[str, str] = {}
        """Words that were said before: a year's lines are made of a few dozen."""
        self._said_grounds: dict[int, str] = {}
        self._told: dict[tuple[Any, ...], tuple[Terms, Sentence]] = {}
        """What follows the day, of service that differs in nothing else; with the terms, which the key has by id."""

    def _word(self, code: str) -> str:
        """A word or sentence without params."""
        said = self._known.get(code)
        if said is None:
            said = self._known[code] = self._say(code, {})
        return said

    def tell(self, line: Line) -> Sentence:
        """One line in words."""
        sentence = self._alike(line) if line.clause in _TOLD_ALIKE else self._one_by_one(line)
        after = "".join(dict.fromkeys(self._because(cause) for cause in self._facts.causes.get(line.id, ())))
        if self._became is not None:
            after += self._became(line)
        return sentence._replace(text=sentence.text + after) if after else sentence

    def _because(self, cause: Cause) -> str:
        how = "released" if cause.clause == NOTHING else Clause(cause.clause).name.lower()
        return self._say(f"explain.because.{how}", {"day": local_day(cause.occurred_at).isoformat()})

    def _alike(self, line: Line) -> Sentence:
        """Service as it was told, and what it brought; a year of it differs in little but the days."""
        day = local_day(line.occurred_at)
        terms = self._book.terms(line.counterparty.removeprefix(issuance_prefix), day, line.recorded_at)
        key = (line.clause, line.kind, line.evidence, line.minutes, line.amount, id(terms))
        known = self._told.get(key)
        if known is None:
            reason, text, grounds = self._first(line, terms)
            assert text.startswith(day.isoformat()), "people look for the day first"
            known = self._told[key] = terms, Sentence(reason, text.removeprefix(day.isoformat()), grounds)
        reason, after_day, grounds = known[1]
        return Sentence(reason, day.isoformat() + after_day, grounds)

    def _first(self, line: Line, terms: Terms) -> Sentence:
        match line.clause:
            case Clause.RATE:
                return self._rate(line, terms)
            case Clause.DAY_CAP:
                return self._cap(line, terms)
            case _:
                return self._nothing(line, terms)

    def _one_by_one(self, line: Line) -> Sentence:
        match line.clause:
            case Clause.CORRECTION:
                return self._correction(line)
            case Clause.POLICY_RESTATED:
                return self._priced_anew(line)
            case Clause.RESTATEMENT:
                return self._cap(line, self._terms_of(line))
            case Clause.LONG_DAY:
                return self._long_day(line)
            case Clause.EXPIRY | Clause.EXPIRY_RESTATED:
                return self._expiry(line)
            case Clause.POOLED | Clause.POOLED_RESTATED:
                return self._pooled(line)
            case _ if line.record_id in self._facts.supplied:
                return self._supplies(line)
            case Clause.TAKEN_BACK:
                return self._goods_back(line)
            case clause if clause in TIME_BANK_SPENT:
                return self._spent(line)
            case clause if clause in REVERSED:
                return self._dealt_wrongly(line)
            case _:
                return self._other(line)

    def _rate(self, line: Line, terms: Terms) -> Sentence:
        price = self._price(line, terms)
        cap = self._activity_cap(line, terms, price)
        if self._unit != Unit.POINT.name:
            grounds = [tier_ground(line.evidence, terms)]
            if self._unit == Unit.DONATION_MINUTE.name:
                grounds.append(donate_only_ground(terms))
            return self._sentence(line, "rate", self._unit, grounds=grounds, cap=cap)
        part_dropped = cap is None and price.drops_part_of_a_point(line.minutes or 0)
        params = self._rate_words(price) | {"dropped": self._word("explain.dropped") if part_dropped else ""}
        return self._sentence(line, "rate", "POINT", params, rate_grounds(line.kind, terms), cap=cap)

    def _nothing(self, line: Line, terms: Terms) -> Sentence:
        """Service that brought nothing of this unit, and why."""
        price = self._price(line, terms)
        deposits = terms.time_bank.deposit_kinds
        if self._unit == Unit.MINUTE.name and deposits is not None and not price.deposits:
            ground = Ground(deposits.version, "/time_bank/deposit_kinds", sorted(deposits.value))
            return self._sentence(line, "nothing", "no_deposit", grounds=[ground])
        if self._unit == Unit.MINUTE.name and price.amounts(line.minutes or 0, EVIDENCE[line.evidence or 0])[_DONATED]:
            return self._sentence(line, "nothing", "donate_only", grounds=[donate_only_ground(terms)])
        counted = self._counted()
        if (cap := self._activity_cap(line, terms, price)) is not None:
            return self._sentence(line, "nothing", "activity_cap", counted, cap=cap)
        if not self._earns(line, price):
            form = "estimated" if EVIDENCE[line.evidence or 0] == "estimated" else "tier"
            return self._sentence(line, "nothing", form, counted, [tier_ground(line.evidence, terms)])
        why = "weight" if price.weight_percent == 0 else "short"
        return self._sentence(line, "nothing", why, self._rate_words(price), rate_grounds(line.kind, terms))

    def _correction(self, line: Line) -> Sentence:
        before = self._facts.before.get((line.event_id, line.record_id))
        params = {"corrected_on": local_day(line.recorded_at).isoformat(), "because": "", "so": ""}
        if before is not None:
            params |= {
                "minutes_before": str(before.minutes),
                "evidence_before": self._word(_EVIDENCE_CODES[before.evidence]),
            }
            if before.reason in _REASONS:
                params["because"] = self._word(f"correction_because.{before.reason}")
        terms = self._terms_of(line)
        price = self._price(line, terms)
        if not self._earns(line, price):
            # Why all is taken of what now has fewer minutes, and none is given for more.
            params["so"] = self._say("explain.so_not_counted", self._counted())
        form = "void" if line.minutes == 0 else "changed" if before is not None else "known"
        cap = self._activity_cap(line, terms, price)
        return self._sentence(line, "correction", form, params, self._unit_grounds(line, terms), cap=cap)

    def _activity_cap(self, line: Line, terms: Terms, price: Price) -> Said[int] | None:
        """The cap on one service record, where it took something from this one."""
        if not terms.caps_per_activity or line.minutes is None:
            return None
        return price.cap_reached(Unit[self._unit], line.minutes, EVIDENCE[line.evidence or 0])

    def _priced_anew(self, line: Line) -> Sentence:
        grounds = self._unit_grounds(line, self._terms_of(line))
        return self._sentence(line, "policy_restated", "known", grounds=grounds)

    def _cap(self, line: Line, terms: Terms) -> Sentence:
        reason = Clause(line.clause).name.lower()
        cap = terms.cap_per_day(Unit[self._unit])
        if cap is None:
            return self._sentence(line, reason, "lifted")
        ground = Ground(cap.version, f"/caps_per_day/{policy_unit(Unit[self._unit]).name}", cap.value)
        form = "given_back" if line.amount > 0 else "taken"
        return self._sentence(line, reason, form, {"cap": cap.value}, [ground])

    def _long_day(self, line: Line) -> Sentence:
        """What the cap of a day takes less, or again, because an office said so."""
        said = self._facts.long_days[line.event_id]
        part = "day_minutes_max" if said.level == NodeLevel.DISTRICT else "day_minutes_approval"
        ground = Ground(said.policy_version, f"/anomalies/{part}", said.limit_minutes)
        params = {
            "level": self._word(f"long_day_level.{said.level}"),
            "why": self._word(f"long_day_reason.{said.reason}"),
            "approved": said.minutes,
        }
        form = "withdrawn" if said.minutes is None else "given" if line.amount > 0 else "taken"
        return self._sentence(line, "long_day", form, params, [ground])

    def _expiry(self, line: Line) -> Sentence:
        """Points of one lot that lapsed, under the policy of the day on which they were earned."""
        assert line.policy_version is not None, "a rule of some policy let it lapse"
        said = self._book.expiry_said(line.policy_version)
        value = None if said is None else {"rule": said.kind.value} | ({"months": said.months} if said.months else {})
        ground = Ground(line.policy_version, "/expiry/POINT", value)
        form = "given_back" if line.amount > 0 else "taken"
        earned = {"earned_on": self._facts.earned_on.get(line.record_id, "")}
        return self._sentence(line, Clause(line.clause).name.lower(), form, earned, [ground])

    def _pooled(self, line: Line) -> Sentence:
        """Time above the cap that went to a pool, or came back; told to the person, or of the pool."""
        assert line.policy_version is not None, "some policy says the cap"
        cap = self._book.bank_cap_said(line.policy_version) or 0
        of_pool = ":" not in line.counterparty
        more, less = ("received", "returned") if of_pool else ("given_back", "taken")
        ground = Ground(line.policy_version, "/time_bank/cap_minutes", cap)
        form = more if line.amount > 0 else less
        return self._sentence(line, Clause(line.clause).name.lower(), form, {"hours": f"{cap / 60:g}"}, [ground])

    def _spent(self, line: Line) -> Sentence:
        """Minutes that somebody gave or was given, and what for."""
        service = self._facts.ordered.get(line.record_id)
        params = {"service": self._word(f"time_service.{service or 'other'}")}
        form = "gained" if line.amount > 0 else "given"
        return self._sentence(line, Clause(line.clause).name.lower(), form, params)

    def _dealt_wrongly(self, line: Line) -> Sentence:
        """What was wrong at the time bank; of an order, it can also have been too little."""
        reason, before, after = self._facts.dealt_wrongly[line.event_id]
        params = {
            "service": self._word(f"time_service.{self._facts.ordered.get(line.record_id, 'other')}"),
            "corrected_on": local_day(line.recorded_at).isoformat(),
            "because": self._word(f"minutes_because.{reason}"),
            "before": before,
            "after": after,
        }
        form = ("more_" if before is not None and after > before else "") + ("gained" if line.amount > 0 else "given")
        return self._sentence(line, Clause(line.clause).name.lower(), form, params)

    def _supplies(self, line: Line) -> Sentence:
        """What a team was given, brought back or used."""
        clause = Clause(line.clause)
        form, words = self._facts.supplied[line.record_id].told(clause, self._unit, self._say)
        return self._sentence(line, clause.name.lower(), form, words)

    def _goods_back(self, line: Line) -> Sentence:
        """What was entered wrongly, or brought back, and goes back."""
        said, goods = self._facts.reversals[line.event_id], self._facts.goods.get(line.record_id)
        params: dict[str, Any] = {
            "what": self._word(f"reversed.{said.event}"),
            "why": self._word(f"reversal_reason.{said.reason}"),
            "reversed_on": local_day(line.recorded_at).isoformat(),
        }
        if goods is None:
            return self._sentence(line, "taken_back", "plain", params)
        params |= {"item": goods.name, "quantity": str(goods.quantity)}
        return self._sentence(line, "taken_back", "item", params)

    def _other(self, line: Line) -> Sentence:
        """Everything that is not the price of service: goods, and what later rooms bring."""
        goods, reason = self._facts.goods.get(line.record_id), Clause(line.clause).name.lower()
        params = {"reason": self._say(f"clause.{reason}", {})}
        if goods is None:
            return self._sentence(line, reason, "other", params)
        params |= {"item": goods.name, "quantity": str(goods.quantity), "reserved": str(goods.reserved)}
        return self._sentence(line, reason, "goods" if goods.quantity == goods.reserved else "goods_in_part", params)

    def _sentence(
        self,
        line: Line,
        reason: str,
        form: str,
        params: Mapping[str, Any] = {},
        grounds: Sequence[Ground] = (),
        cap: Said[int] | None = None,
    ) -> Sentence:
        known = {
            "day": local_day(line.occurred_at).isoformat(),
            "amount": figure(self._unit, abs(line.amount)),
            "unit": self._word(self._unit_code),
            "minutes": line.minutes,
            "kind": "" if line.kind is None else self._word(_KIND_CODES[line.kind]),
            "evidence": "" if line.evidence is None else self._word(_EVIDENCE_CODES[line.evidence]),
            "direction": self._word("explain.gained" if line.amount > 0 else "explain.given"),
            **params,
        }
        # What has no sentence of its own is told by the name of its clause.
        text = self._say(f"explain.{form}" if form in _OF_ANY_CLAUSE else f"explain.{reason}.{form}", known)
        if cap is not None:
            place = f"/caps_per_activity/{policy_unit(Unit[self._unit]).name}"
            grounds = [*grounds, Ground(cap.version, place, cap.value)]
            text += self._say("explain.activity_cap", {"cap": cap.value, "unit": self._word(self._unit_code)})
        if grounds:
            # Of several clauses, the one of the latest policy is what makes this line differ from others.
            latest = max(grounds, key=lambda ground: ground.policy_version)
            text += self._named(latest.policy_version)
        return Sentence(reason, text, grounds)

    def _named(self, version: int) -> str:
        """The policy that a line rests on, by title and version."""
        said = self._said_grounds.get(version)
        if said is None:
            named = {"title": self._facts.titles.get(version, ""), "version": version}
            said = self._said_grounds[version] = self._say("explain.ground", named)
        return said

    def _terms_of(self, line: Line) -> Terms:
        """The terms that priced a line: those that were known when it was told."""
        community = line.counterparty.removeprefix(issuance_prefix)
        return self._book.terms(community, local_day(line.occurred_at), line.recorded_at)

    @staticmethod
    def _price(line: Line, terms: Terms) -> Price:
        assert line.kind is not None, "only service has a price"
        return terms.price(KINDS[line.kind])

    def _counted(self) -> Mapping[str, str]:
        return {"counted": self._word(f"counted.{self._unit}")}

    def _earns(self, line: Line, price: Price) -> bool:
        """Whether service recorded like this earns anything of the unit."""
        return policy_unit(Unit[self._unit]).name in price.earns[EVIDENCE[line.evidence or 0]]

    def _rate_words(self, price: Price) -> dict[str, Any]:
        factor = f"{price.weight_percent / 100:g}"  # as people write it: 150 is 1.5
        weighted = "" if price.weight_percent == 100 else self._say("explain.weighted", {"weight": factor})
        return {"minutes_per_point": price.minutes_per_point, "weighted": weighted}

    def _unit_grounds(self, line: Line, terms: Terms) -> list[Ground]:
        """What decides how much of the unit service brings: of points the rate, of time the tier of its evidence."""
        return rate_grounds(line.kind, terms) if self._unit == Unit.POINT.name else [tier_ground(line.evidence, terms)]
