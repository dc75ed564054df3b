"""Which price of an item holds on a day: a price for a time where there is one, the base price otherwise. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import ClassVar

from shared.contracts import Refusal, refuse_if, refuse_unless


@dataclass(frozen=True, slots=True)
class PeriodPrice:
    """A price from one day to another, both included, in Asia/Shanghai."""

    points: int
    first_day: date
    last_day: date

    def holds_on(self, day: date) -> bool:
        """Whether the day lies within."""
        return self.first_day <= day <= self.last_day


@dataclass(frozen=True, slots=True)
class Price:
    """The price on a day, and the period it comes from; none where it is the base price."""

    points: int
    period: PeriodPrice | None


class PricePeriodBackwards(Refusal):
    """The last day lies before the first."""

    code: ClassVar[str] = "price_period_backwards"
    status: ClassVar[int] = 422


class PriceInThePast(Refusal):
    """Prices are told before they hold. Params: `earliest`."""

    code: ClassVar[str] = "price_in_the_past"


class PricePeriodsOverlap(Refusal):
    """Two prices would hold on the same day. Params: `asked` and `existing`, each ``first–last: points``."""

    code: ClassVar[str] = "price_periods_overlap"


class NoSuchPrice(Refusal):
    """No price for a time begins on that day."""

    code: ClassVar[str] = "no_such_price"
    status: ClassVar[int] = 404


def price_on(day: date, base_points: int, periods: Iterable[PeriodPrice]) -> Price:
    """The price on a day (Asia/Shanghai). Periods do not overlap, so their order does not matter."""
    period = next((period for period in periods if period.holds_on(day)), None)
    return Price(base_points if period is None else period.points, period)


def require_plannable(asked: PeriodPrice, existing: Iterable[PeriodPrice], today: date) -> None:
    """Refuse a price that would hold in the past, backwards, or beside another one."""
    refuse_unless(asked.first_day <= asked.last_day, PricePeriodBackwards)
    refuse_if(asked.first_day < today, PriceInThePast(earliest=today.isoformat()))
    for period in existing:
        apart = asked.last_day < period.first_day or period.last_day < asked.first_day
        refuse_unless(apart, PricePeriodsOverlap(asked=_told(asked), existing=_told(period)))


def _told(period: PeriodPrice) -> str:
    return f"{period.first_day}–{period.last_day}: {period.points}"
