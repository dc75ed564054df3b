"""How a model says no: a named error with a stable code, beside the rule that raises it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, NamedTuple
from zoneinfo import ZoneInfo

_SHANGHAI = ZoneInfo("Asia/Shanghai")


class Place(NamedTuple):
    """Where in what was sent a mistake is, and the code of the words for it, with what they tell."""

    where: str
    code: str
    params: Mapping[str, Any]


class Refusal(Exception):
    """A command that the rules do not allow.

    ``code`` is stable and public, ``status`` the HTTP status it maps to; the sentences people read are kept under
    the code in ``locales/`` and may use the ``params`` given here. Params never hold personal data.
    """

    code: ClassVar[str] = "refused"
    status: ClassVar[int] = 409
    places: Sequence[Place] = ()
    """Where each mistake is, for refusals that find several."""

    def __init__(self, **params: Any) -> None:
        super().__init__(self.code)
        self.params = params


def refuse_if(condition: bool, refusal: type[Refusal] | Refusal) -> None:
    """Raise the refusal when the condition holds."""
    if condition:
        raise refusal


def refuse_unless(condition: bool, refusal: type[Refusal] | Refusal) -> None:
    """Raise the refusal unless the condition holds."""
    if not condition:
        raise refusal


def local_time(moment: datetime) -> str:
    """A moment as people read it in a refusal: Asia/Shanghai, to the minute."""
    return f"{moment.astimezone(_SHANGHAI):%Y-%m-%d %H:%M}"
