"""The page on which anybody who holds the paper sees whether it is good. Large type, no script, Chinese and English."""

from collections.abc import Mapping
from html import escape
from string import Template
from typing import Any, Final

from services.points.certificates.identity import masked_name
from services.points.certificates.model import Stage
from services.points.durations import in_words

_STATES: Final[Mapping[Stage, tuple[str, str, str]]] = {
    Stage.PUBLIC: ("公示中", "In publicity, not valid yet", "wait"),
    Stage.OBJECTED: ("有异议，处理中", "Objected to, being looked into", "wait"),
    Stage.EFFECTIVE: ("有效", "Valid", "good"),
    Stage.REFUSED: ("未生效", "Never took effect", "bad"),
    Stage.VOIDED: ("已作废", "VOID", "bad"),
}
_UNDER_REVIEW: Final = ("复核中", "Under review: the record was corrected", "wait")

_PAGE: Final = Template(
    """<!doctype html>
<html lang="zh-CN">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>志愿服务记录证明核验 Verification</title>
<style>
body { font: 20px/1.6 "Noto Serif CJK SC", "Songti SC", SimSun, serif; margin: 0 auto; max-width: 34em; padding: 1em;
  color: #1a1a1a; background: #fff; }
h1 { font-size: 1.3em; margin: .5em 0; }
.state { font-size: 2em; font-weight: bold; padding: .4em .6em; border: .12em solid; margin: .6em 0; }
.state small { display: block; font-size: .5em; font-weight: normal; }
.good { color: #0b5d1e; } .wait { color: #7a4b00; } .bad { color: #9b0000; }
dl { margin: 0; } dt { color: #444; font-size: .85em; margin-top: .7em; } dd { margin: 0; }
footer { margin-top: 2em; font-size: .8em; color: #444; }
</style>
</head>
<body>
<h1>志愿服务记录证明核验<br>Verification of a certificate of service</h1>
$content
<footer>本页只显示核验所需的内容。This page shows only what verification needs.</footer>
</body>
</html>
"""
)


def not_found() -> str:
    """For a number that does not exist, and for a wrong check code: the two look the same."""
    return _PAGE.substitute(
        content='<p class="state bad">查不到<small>Not found</small></p>'
        "<p>编号或核验码不对，请扫描证明上的二维码，或核对后重新输入。<br>"
        "The number or the check code is not right; please scan the code on the paper, or check what was typed.</p>"
    )


def verification(row: Any, identity: Mapping[str, str], community: str) -> str:
    """The page of a certificate: its row, what its community is called, and what the vault still has of its subject."""
    stage = Stage(row.stage)
    standing = stage in (Stage.PUBLIC, Stage.OBJECTED, Stage.EFFECTIVE)
    zh, en, tone = _UNDER_REVIEW if row.flagged and standing else _STATES[stage]
    name = masked_name(identity)
    fields = [
        ("证明编号 Number", row.number),
        ("志愿者 Volunteer", name or "个人信息已删除 erased"),
        ("服务时长 Hours", f"{in_words('zh', row.minutes)} {in_words('en', row.minutes)}"),
        ("服务期间 Period", f"{row.since} — {row.until}"),
        ("出具单位 Issuer", identity.get("issuer", community)),
        ("出具日期 Issued on", row.issued_on),
    ]
    if stage is Stage.PUBLIC:
        fields.append(("公示至 In publicity until", row.public_until))
    if row.ended_on is not None:
        fields.append(("终止日期 Ended on", row.ended_on))
    listed = "".join(f"<dt>{escape(label)}</dt><dd>{escape(str(value))}</dd>" for label, value in fields)
    return _PAGE.substitute(content=f'<p class="state {tone}">{zh}<small>{en}</small></p><dl>{listed}</dl>')
