"""Moments of a test, taken when it runs: when its module was loaded, it may have been another day."""

from datetime import date, datetime, timedelta

from shared.clock import day_start, local_day, system_clock

now = system_clock


def today() -> date:
    """The day in Asia/Shanghai, as the services take it."""
    return local_day(now())


def morning(days_ago: int = 1) -> datetime:
    """Nine o'clock in Shanghai, some days ago."""
    return day_start(today() - timedelta(days=days_ago)) + timedelta(hours=9)
