"""Text that comes in over HTTP: what nobody sees does not stay in it."""

import pytest
from pydantic import TypeAdapter, ValidationError

from shared.web.fields import LongText, ShortText

SHORT, LONG = TypeAdapter(ShortText), TypeAdapter(LongText)


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("祁连\u200b队", "祁连队"),
        ("\ufeff祁连队 \u2060", "祁连队"),
        ("祁连\u00ad队", "祁连队"),
        ("\u202e队连祁\u202c", "队连祁"),
        ("\u2066a\u2069b", "ab"),
        ("a\U000e0041\U000e007fb", "ab"),
        ("e\u0301", "é"),
        ("两行\n\t文字", "两行\n\t文字"),
        ("𠀀 🏮", "𠀀 🏮"),
    ],
)
def test_invisible_characters_are_left_out(typed: str, kept: str) -> None:
    assert SHORT.validate_python(typed) == LONG.validate_python(typed) == kept


@pytest.mark.parametrize("typed", ["\u200b", "\u202e\u202c", "\u00ad \ufeff", "\u200d"])
def test_a_text_of_nothing_visible_is_empty(typed: str) -> None:
    with pytest.raises(ValidationError) as refused:
        SHORT.validate_python(typed)
    assert [error["type"] for error in refused.value.errors()] == ["string_too_short"]


@pytest.mark.parametrize("typed", ["a\x00b", "\x1b[2J", "a\rb", "\x85", "\x9b2J", "a\u2028b", "\x7f", "\ud800"])
def test_control_characters_are_refused(typed: str) -> None:
    with pytest.raises(ValidationError) as refused:
        SHORT.validate_python(typed)
    assert refused.value.errors()[0]["type"] in ("control_characters", "string_unicode")
