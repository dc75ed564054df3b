"""Terms in months, minutes and grades as people say them. Standard library only."""

import calendar
from datetime import date


def in_words(language: str, minutes: int) -> str:
    """Hours and minutes in Chinese or English, without the part that is zero."""
    hours, rest = divmod(minutes, 60)
    hour_word, minute_word = ("小时", "分钟") if language == "zh" else ("h", "min")
    parts = [f"{hours} {hour_word}"] * bool(hours) + [f"{rest} {minute_word}"] * bool(rest or not hours)
    return " ".join(parts)


def grade_zh(grade: int) -> str:
    """A grade of stars as it is written before 星: 一星, not 1星."""
    return "零一二三四五"[grade]


def months_later(day: date, months: int) -> date:
    """The day of the same number so many months later, or the last of a shorter month; earlier when negative.

    So terms in months end (民法典 201, 202).
    """
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))
