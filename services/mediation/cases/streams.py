"""Binds the rules of a case to its streams."""

from services.mediation.cases.model import Case, decide, evolve
from shared.aggregate import Aggregate

CASES = Aggregate("case", initial=Case(), decide=decide, evolve=evolve)
