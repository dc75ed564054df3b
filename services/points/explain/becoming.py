"""From which lots something was paid, and what became of points since they were earned: in words. Pure."""

from services.points.expiry.lots import Course, Lot
from services.points.explain.known import Line
from services.points.explain.words import Say
from services.points.ledger.clauses import CUTS, EARNED, EXPIRED
from shared.clock import local_day

_DAYS_NAMED_MAX = 3
"""Days of earning that are told one by one; of more, how many and how much."""

_CHANGED = CUTS | EXPIRED


class Becoming:
    """Tells of the lines of one account of points what the lots say."""

    def __init__(self, course: Course, say: Say) -> None:
        self._paid = course.paid
        self._returned = course.returned
        self._lots = {lot.record_id: lot for lot in course.lots}
        self._say = say
        self._known: dict[tuple[object, ...], str] = {}
        """Of service of the same length and year, mostly the same has become."""

    def of(self, line: Line) -> str:
        """What follows a line's own sentence; nothing where there is nothing to say."""
        if line.clause in _CHANGED:
            return ""
        if line.amount > 0:
            lot = self._lots.get(line.record_id)
            return "" if lot is None or not lot.amount else self._became(lot, lot.amount != line.amount)
        if line.amount == 0 or line.clause in EARNED or line.record_id in self._returned:
            return ""
        return self._paid_from(line)

    def _became(self, lot: Lot, changed: bool) -> str:
        last_day = lot.term.last_day
        key = (changed, lot.amount, lot.left, lot.held, lot.lapsed, lot.lapsed_at, last_day)
        said = self._known.get(key)
        if said is None:
            lapsed_on = "" if lot.lapsed_at is None else local_day(lot.lapsed_at).isoformat()
            parts = [
                (what, {"points": points, "day": day})
                for what, points, day in (
                    ("used", lot.spent - lot.held, ""),
                    ("held", lot.held, ""),
                    ("lapsed", lot.lapsed, lapsed_on),
                    ("kept" if last_day is None else "left", lot.left, str(last_day)),
                )
                if points
            ]
            note = self._say("explain.lot.changed", {}) if changed else ""
            if len(parts) == 1:
                what, params = parts[0]
                said = self._say(f"explain.lot.all_{what}", params | {"changed": note})
            else:
                joined = self._joined([self._say(f"explain.lot.{what}", params) for what, params in parts])
                said = self._say("explain.lot.parts", {"points": lot.amount, "changed": note, "parts": joined})
            self._known[key] = said
        return said

    def _paid_from(self, line: Line) -> str:
        by_day: dict[tuple[str, str], int] = {}
        for lot, amount, late in self._paid.get(line.record_id, ()):
            place = ("late" if late else "day", local_day(lot.earned_at).isoformat())
            by_day[place] = by_day.get(place, 0) + amount
        days = list(by_day.items())
        parts = [
            self._say(f"explain.paid.{form}", {"day": day, "points": points})
            for (form, day), points in days[:_DAYS_NAMED_MAX]
        ]
        more = [points for _, points in days[_DAYS_NAMED_MAX:]]
        if more:
            parts.append(self._say("explain.paid.more", {"days": len(more), "points": sum(more)}))
        text = self._say("explain.paid", {"parts": self._joined(parts)}) if parts else ""
        owed = -line.amount - sum(by_day.values())
        return text + (self._say("explain.paid.owed", {"points": owed}) if owed else "")

    def _joined(self, parts: list[str]) -> str:
        return self._say("explain.and", {}).join(parts)
