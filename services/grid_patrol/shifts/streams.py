"""Binds the rules of a shift to its streams."""

from services.grid_patrol.shifts.model import Shift, decide, evolve
from shared.aggregate import Aggregate

SHIFTS = Aggregate("shift", initial=Shift(), decide=decide, evolve=evolve)
