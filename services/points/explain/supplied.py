"""What happened to supplies of a team, in words. Pure."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from services.points.ledger.clauses import Clause


class Supplied(NamedTuple):
    """What a team was issued, brought back, used or lost."""

    team: str
    """Its name."""
    items: Mapping[str, str]
    """Names of the items, by unit."""
    reached: int
    """How many people a use reached."""
    brought_back: bool
    """Whether it is a return."""

    def told(
        self, clause: Clause, unit: str, say: Callable[[str, Mapping[str, Any]], str]
    ) -> tuple[str, dict[str, str]]:
        """The form of a line's sentence, and its params. The line is on the team's account, or on the other side's."""
        params = {"team": self.team, "item": self.items.get(unit, "")}
        if clause is Clause.TAKEN_BACK:
            return "supplies_return_withdrawn" if self.brought_back else "supplies_back", params
        what = "explain.supplies_lost" if clause is Clause.STOCK_COUNTED else f"clause.{clause.name.lower()}"
        handed_out = clause is Clause.SUPPLIES_HANDED_OUT
        reached = say("explain.supplies_reached", {"reached": self.reached}) if handed_out else ""
        return "supplies", params | {"reason": say(what, {}), "reached": reached}
