"""Binds the rules of an activity to its streams."""

from services.registry.activities.model import Activity, decide, evolve
from shared.aggregate import Aggregate

ACTIVITIES = Aggregate("activity", initial=Activity(), decide=decide, evolve=evolve)
