"""What anybody sees of certificates: whether the one they hold is good, and those that are in publicity."""

from collections.abc import Iterable, Mapping
from html import escape
from typing import Any, Final

from services.points.certificates.identity import masked_name
from services.points.certificates.model import Stage
from services.points.durations import in_words
from services.points.public_page import listed

_STATES: Final[Mapping[Stage, tuple[str, str, str]]] = {
    Stage.PUBLIC: ("公示中", "In publicity, not valid yet", "wait"),
    Stage.OBJECTED: ("有异议，处理中", "Objected to, being looked into", "wait"),
    Stage.EFFECTIVE: ("有效", "Valid", "good"),
    Stage.REFUSED: ("未生效", "Never took effect", "bad"),
    Stage.VOIDED: ("已作废", "VOID", "bad"),
}
_UNDER_REVIEW: Final = ("复核中", "Under review: the record was corrected", "wait")


def state_of(row: Any) -> tuple[str, str, str]:
    """How a certificate stands: in Chinese, in English, and in which tone that is said."""
    stage = Stage(row.stage)
    standing = stage in (Stage.PUBLIC, Stage.OBJECTED, Stage.EFFECTIVE)
    return _UNDER_REVIEW if row.flagged and standing else _STATES[stage]


def in_order(row: Any) -> bool:
    """Whether nothing is to be said of a certificate in publicity: nobody objects, and the record bears it."""
    return row.stage == Stage.PUBLIC and not row.flagged


def verification(row: Any, identity: Mapping[str, str], community: str) -> str:
    """The content for one certificate: its row, what its community is called, and what the vault still has of its
    subject.
    """
    zh, en, tone = state_of(row)
    fields = [
        ("证明编号 Number", row.number),
        ("志愿者 Volunteer", masked_name(identity) or "个人信息已删除 erased"),
        *_what_it_says(row, identity, community),
        ("出具日期 Issued on", row.issued_on),
    ]
    if row.stage == Stage.PUBLIC:
        fields.append(("公示至 In publicity until", row.public_until))
    if row.ended_on is not None:
        fields.append(("终止日期 Ended on", row.ended_on))
    return f'<p class="state {tone}">{zh}<small>{en}</small></p>{listed(fields)}'


def publicity(
    rows: Iterable[Any], identities: Mapping[Any, Mapping[str, str]], community: str, next_cursor: str | None
) -> str:
    """The content for a community's certificates in publicity. Of whom the vault has no name, nothing is shown."""
    shown = []
    for row in rows:
        identity = identities.get(row.id, {})
        if (name := masked_name(identity)) is not None:
            shown.append(_in_publicity(name, row, identity, community))
    if not shown and next_cursor is None:
        shown = ['<p>目前没有公示中的证明。<br><span lang="en">No certificate is in publicity now.</span></p>']
    more = f'<p><a class="next" href="?cursor={next_cursor}">下一页 Next page</a></p>' if next_cursor else ""
    return f"<p>{escape(community)}</p>{_HOW_TO_OBJECT}{''.join(shown)}{more}"


_HOW_TO_OBJECT: Final = (
    "<p>下列志愿服务记录证明正在公示，期满没有异议的方生效。认为时长或人员有误的，请在公示期内（含最后一日）向该证明的"
    "出具单位提出，说明证明编号即可；由登记异议以外的工作人员核实，异议成立的，证明不生效。</p>"
    '<p lang="en">These certificates of volunteer service are in publicity, and take effect when it ends without an'
    " objection. If hours or person are wrong, tell the issuer by the last day, with the number of the certificate."
    " Somebody else than who enters your objection looks into it; where it is right, the certificate never takes"
    " effect.</p>"
)


def _in_publicity(name: str, row: Any, identity: Mapping[str, str], community: str) -> str:
    zh, en, tone = state_of(row)
    marked = "" if in_order(row) else f'<p class="{tone}">{zh} {en}</p>'
    fields = [
        *_what_it_says(row, identity, community),
        ("公示至 In publicity until", row.public_until),
        ("证明编号 Number", row.number),
    ]
    return f"<section><h2>{escape(name)}</h2>{marked}{listed(fields)}</section>"


def _what_it_says(row: Any, identity: Mapping[str, str], community: str) -> list[tuple[str, Any]]:
    return [
        ("服务时长 Hours", f"{in_words('zh', row.minutes)} {in_words('en', row.minutes)}"),
        ("服务期间 Period", f"{row.since} — {row.until}"),
        ("出具单位 Issuer", identity.get("issuer", community)),
    ]
