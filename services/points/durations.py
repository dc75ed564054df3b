"""Minutes as people say them."""


def in_words(language: str, minutes: int) -> str:
    """Hours and minutes in Chinese or English, without the part that is zero."""
    hours, rest = divmod(minutes, 60)
    hour_word, minute_word = ("小时", "分钟") if language == "zh" else ("h", "min")
    parts = [f"{hours} {hour_word}"] * bool(hours) + [f"{rest} {minute_word}"] * bool(rest or not hours)
    return " ".join(parts)
