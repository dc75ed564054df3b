"""What time it is. Injected, so that a test or a replay decides; days are days in Asia/Shanghai."""

import calendar
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

SHANGHAI = ZoneInfo("Asia/Shanghai")

Clock = Callable[[], datetime]
"""Returns the current moment, aware, in UTC."""


def system_clock() -> datetime:
    """The machine's clock."""
    return datetime.now(UTC)


def local_day(moment: datetime) -> date:
    """The calendar day in Asia/Shanghai on which a moment falls."""
    return moment.astimezone(SHANGHAI).date()


def day_start(day: date) -> datetime:
    """The first moment of a day in Asia/Shanghai, in UTC."""
    return datetime.combine(day, time.min, SHANGHAI).astimezone(UTC)


def months_later(day: date, months: int) -> date:
    """The day of the same number so many months later, or the last of a shorter month; earlier when negative.

    So terms in months end (民法典 201, 202).
    """
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))
