"""Bodies and answers, and field types for what comes in: bounded, and free of characters that only harm."""

import re
import unicodedata
from datetime import UTC, date, datetime
from typing import Annotated, Any, Final
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

_FIELDS_MAX: Final = 64
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


class Body(BaseModel):
    """Base of every request body: unknown fields are mistakes, and are told."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)

    @model_validator(mode="before")
    @classmethod
    def _few_fields(cls, value: Any) -> Any:
        # Each unknown field is a mistake of its own, and takes a kilobyte to tell: a million of them, all memory.
        if isinstance(value, dict) and len(value) > _FIELDS_MAX:
            raise PydanticCustomError("too_many_fields", "must not have so many fields")
        return value


class Out(BaseModel):
    """Base of answers: made of anything that has their fields, such as a row."""

    model_config = ConfigDict(from_attributes=True)


def _clean(value: str) -> str:
    if _CONTROL.search(value):
        raise PydanticCustomError("control_characters", "must not contain control characters")
    # Characters of format: of no width, or turning the direction of writing. Two names that look the same would be two,
    # and a name could look like another one. They come with what is pasted, so they are left out and not refused.
    kept = "".join(character for character in value if unicodedata.category(character) != "Cf").strip()
    if value and not kept:
        raise PydanticCustomError("string_too_short", "must not be empty")
    return unicodedata.normalize("NFC", kept)


def _years(value: datetime) -> datetime:
    if not 1900 <= value.year <= 2200:
        raise PydanticCustomError("year_out_of_range", "the year must lie between 1900 and 2200")
    return value.astimezone(UTC)


def _text_only(value: Any) -> Any:
    # A number, also as text, would be taken as seconds since 1970; a clerk's 2015 is not half past midnight.
    if not isinstance(value, (str, datetime)) or (isinstance(value, str) and "T" not in value.upper()):
        raise PydanticCustomError("datetime_type", "must be an RFC 3339 date and time with offset")
    return value


def _day_as_text(value: Any) -> Any:
    # A number would be taken as seconds since 1970.
    if not isinstance(value, (str, date)) or isinstance(value, datetime):
        raise PydanticCustomError("date_type", "must be a date like 2026-03-01")
    return value


def _distinct(values: list[UUID]) -> list[UUID]:
    if len(set(values)) != len(values):
        raise PydanticCustomError("repeated", "must not name anybody twice")
    return values


Clean = AfterValidator(_clean)
ShortText = Annotated[str, Field(min_length=1, max_length=100), Clean]
LongText = Annotated[str, Field(min_length=1, max_length=4000), Clean]
Code = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_.:-]+$")]
Moment = Annotated[AwareDatetime, BeforeValidator(_text_only), AfterValidator(_years)]
"""An aware moment in a sane year, in UTC."""
Day = Annotated[date, BeforeValidator(_day_as_text), Field(ge=date(1900, 1, 1), le=date(2200, 1, 1))]
"""A calendar day in Asia/Shanghai, in a sane year."""
Month = Annotated[str, Field(pattern=r"^(19|20|21)\d{2}-(0[1-9]|1[0-2])$")]
"""A calendar month in Asia/Shanghai, like 2026-03."""
EachOnce = AfterValidator(_distinct)
"""For a list of people: nobody is named twice."""
