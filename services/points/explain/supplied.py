"""What happened to supplies of a team, in words. Pure."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from services.points.ledger.clauses import Clause
from services.points.ledger.holders import team_prefix

_USED = frozenset({Clause.SUPPLIES_USED_UP, Clause.SUPPLIES_HANDED_OUT, Clause.STOCK_COUNTED})


class Supplied(NamedTuple):
    """What a team was issued, brought back, used or lost."""

    team: str
    """Its name."""
    items: Mapping[str, str]
    """Names of the items, by unit."""
    reached: int
    """How many people a use reached."""

    def told(
        self, clause: Clause, amount: int, counterparty: str, unit: str, say: Callable[[str, Mapping[str, Any]], str]
    ) -> tuple[str, dict[str, str]]:
        """The form of a line's sentence, and its params. The line is on the team's account, or on the other side's."""
        what = "explain.supplies_lost" if clause is Clause.STOCK_COUNTED else f"clause.{clause.name.lower()}"
        handed_out = clause is Clause.SUPPLIES_HANDED_OUT
        reached = say("explain.supplies_reached", {"reached": self.reached}) if handed_out else ""
        params = {"team": self.team, "item": self.items.get(unit, ""), "reason": say(what, {}), "reached": reached}
        # What was used went from the team; what was entered by mistake went to it.
        from_team = counterparty.startswith(team_prefix) == (amount > 0)
        return "supplies_back" if clause in _USED and not from_team else "supplies", params
