"""The streams of gifts and donations. They need no table: the statements of accounts say everything."""

from services.points.time_gifts.model import Given, decide, evolve
from shared.aggregate import Aggregate

GIFTS = Aggregate("time_gift", initial=Given(), decide=decide, evolve=evolve)
DONATIONS = Aggregate("time_donation", initial=Given(), decide=decide, evolve=evolve)
