"""The look of what anybody may open without a token: large type, no script, Chinese and English."""

from html import escape
from string import Template
from typing import Any, Final

from fastapi.responses import HTMLResponse

_HEADERS: Final = {
    # An address may hold a check code: no other site learns it, and nothing on the page runs or loads.
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "X-Robots-Tag": "noindex",
}

NOT_FOUND: Final[dict[int | str, Any]] = {
    404: {"description": "查不到 Not found", "content": {"text/html": {"schema": {"type": "string"}}}}
}
"""How the document tells of `not_found`."""

_PAGE: Final = Template(
    """<!doctype html>
<html lang="zh-CN">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>$zh $en</title>
<style>
body { font: 20px/1.6 "Noto Serif CJK SC", "Songti SC", SimSun, serif; margin: 0 auto; max-width: 34em; padding: 1em;
  color: #1a1a1a; background: #fff; overflow-wrap: anywhere; }
h1 { font-size: 1.3em; margin: .5em 0; }
h2 { font-size: 1.1em; margin: 0; }
section { border-top: 1px solid #bbb; padding: .8em 0; margin-top: .8em; }
.state { font-size: 2em; font-weight: bold; padding: .4em .6em; border: .12em solid; margin: .6em 0; }
.state small { display: block; font-size: .5em; font-weight: normal; }
.good { color: #0b5d1e; } .wait { color: #7a4b00; } .bad { color: #9b0000; }
dl { margin: 0; } dt { color: #444; font-size: .85em; margin-top: .7em; } dd { margin: 0; }
.next { display: inline-block; padding: .6em 0; }
footer { margin-top: 2em; font-size: .8em; color: #444; }
</style>
</head>
<body>
<h1>$zh<br><span lang="en">$en</span></h1>
$content
<footer>本页不显示完整姓名、证件号码和住址。<br>
<span lang="en">No full name, ID number or address is shown here.</span></footer>
</body>
</html>
"""
)


def public_page(zh: str, en: str, content: str, status: int = 200) -> HTMLResponse:
    """A page under a title. `content` is markup; anybody's words in it have gone through `listed` or `escape`."""
    return HTMLResponse(_PAGE.substitute(zh=zh, en=en, content=content), status, headers=_HEADERS)


def not_found(zh: str, en: str, hint: str) -> HTMLResponse:
    """For what does not exist, and for a wrong check code: the two look the same. `hint` is markup."""
    return public_page(zh, en, f'<p class="state bad">查不到<small>Not found</small></p><p>{hint}</p>', 404)


def no_such_paper(zh: str, en: str) -> HTMLResponse:
    """`not_found` where a paper was asked about."""
    return not_found(
        zh,
        en,
        "编号或核验码不对，请扫描纸上的二维码，或核对后重新输入。<br>"
        "The number or the check code is not right; please scan the code on the paper, or check what was typed.",
    )


def listed(fields: list[tuple[str, Any]]) -> str:
    """Labels and values, whoever typed them."""
    return f"<dl>{''.join(f'<dt>{escape(label)}</dt><dd>{escape(str(value))}</dd>' for label, value in fields)}</dl>"
