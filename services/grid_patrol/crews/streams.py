"""Binds the rules of a crew to its streams."""

from services.grid_patrol.crews.model import Crew, decide, evolve
from shared.aggregate import Aggregate

CREWS = Aggregate("crew", initial=Crew(), decide=decide, evolve=evolve)
