"""Binds the rules of a team to its streams."""

from services.registry.teams.model import Team, decide, evolve
from shared.aggregate import Aggregate

TEAMS = Aggregate("team", initial=Team(), decide=decide, evolve=evolve)
