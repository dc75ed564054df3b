"""Which office decides about which grade. Pure."""

from collections.abc import Mapping

from services.points.durations import grade_zh
from services.points.stars.refusals import StarAuthorityTooLow
from shared.contracts import refuse_unless
from shared.contracts.registry import NodeLevel

_DIGITS_MAX: Mapping[NodeLevel, int] = {
    NodeLevel.DISTRICT: 6,
    NodeLevel.CITY: 4,
    NodeLevel.PROVINCE: 2,
}
"""Length of the division code of an office of this level; higher offices have shorter ones."""

_LEVEL_WORDS: Mapping[NodeLevel, tuple[str, str]] = {
    NodeLevel.DISTRICT: ("县（区）级", "county or district"),
    NodeLevel.CITY: ("市级", "city"),
    NodeLevel.PROVINCE: ("省级", "province"),
}


def may_decide(level: NodeLevel, office: str) -> bool:
    """Whether an office, given by its division code, is high enough for a grade that this level grants."""
    return len(office) <= _DIGITS_MAX[level]


def require_authority(level: NodeLevel, grade: int, office: str) -> None:
    """Raises `StarAuthorityTooLow` where an office is too low for a grade that this level grants."""
    zh, en = _LEVEL_WORDS[level]
    refuse_unless(
        may_decide(level, office), StarAuthorityTooLow(grade=grade, grade_zh=grade_zh(grade), level_zh=zh, level_en=en)
    )
