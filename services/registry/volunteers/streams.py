"""Binds the rules of a volunteer to their streams."""

from services.registry.volunteers.model import Volunteer, decide, evolve
from shared.aggregate import Aggregate

VOLUNTEERS = Aggregate("volunteer", initial=Volunteer(), decide=decide, evolve=evolve)
