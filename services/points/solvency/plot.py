"""The plot: who holds the minutes, and how supply and demand go on. SVG by hand, and what it shows in words, too.

Bars differ by pattern and by label, not by colour alone; nothing in it moves, and no script or font is fetched.
"""

from collections.abc import Sequence
from html import escape
from typing import Final

from services.points.node_names import named
from services.points.solvency.answers import SolvencyOut

_WIDTH: Final = 880
_PANEL: Final = 250
_LEFT: Final = 84
_RIGHT: Final = 20
_HOLD, _DEMAND, _SUPPLY = "#3b5b92", "#9b4a00", "#1d6b3a"
_BARS_MAX: Final = 24


def place(found: SolvencyOut) -> str:
    """The node, as people read it."""
    return found.node if found.node_name is None else named(found.node, {found.node: found.node_name})


def plot(found: SolvencyOut, *, titled: bool = True) -> str:
    """The plot of an answer as an SVG document, in Chinese with English beside it. Hours, not minutes.

    Without a title where it stands under one; it then begins higher.
    """
    groups = [(age_words(group.age_from), group.balance_minutes) for group in found.groups][:_BARS_MAX]
    years = [(f"{year.until.year}-{year.until.month:02d}", year) for year in found.years]
    title = f"时间银行支付能力 Solvency of the time bank · {place(found)} · {found.day.isoformat()}"
    above = 0 if titled else 40
    """What is cut off at the top."""
    height = 2 * _PANEL + 190 - above
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 {above} {_WIDTH} {height}"'
        f' width="{_WIDTH}" height="{height}"'
        ' role="img" aria-labelledby="plot-title plot-words" lang="zh-CN"'
        ' font-family="Noto Serif CJK SC, Songti SC, SimSun, serif" font-size="13">',
        f'<title id="plot-title">{escape(title)}</title>',
        f'<desc id="plot-words">{escape(in_words(found))}</desc>',
        _PATTERNS,
        f'<rect y="{above}" width="{_WIDTH}" height="{height}" fill="#ffffff"/>',
        *([_text(_LEFT, 28, title, size=17)] if titled else []),
        _text(_LEFT, 62, "各年龄段持有的小时 Hours held, by age", size=14),
        *_panel(80, [(label, [minutes]) for label, minutes in groups], ["url(#hold)"], [_HOLD]),
        _text(_LEFT, _PANEL + 132, "未来五年：需求与可提供的服务（小时） Demand and supply, hours a year", size=14),
        *_legend(_PANEL + 146),
        *_panel(
            _PANEL + 172,
            [(label, [year.demanded_minutes, year.supplied_minutes]) for label, year in years],
            ["url(#demand)", "url(#supply)"],
            [_DEMAND, _SUPPLY],
            [f"覆盖率 {_coverage(year.coverage_percent)}" for _, year in years],
        ),
        "</svg>",
    ]
    return "\n".join(parts)


def in_words(found: SolvencyOut) -> str:
    """What the plot shows, for whoever cannot see it."""
    held = (
        "；".join(f"{age_words(g.age_from)} {_hours(g.balance_minutes)} 小时" for g in found.groups) or "没有人持有时间"
    )
    years = "；".join(
        f"至 {y.until.isoformat()} 需求 {_hours(y.demanded_minutes)}、可提供 {_hours(y.supplied_minutes)} 小时，"
        f"覆盖率 {_coverage(y.coverage_percent)}，年末持有 {_hours(y.outstanding_minutes)} 小时"
        for y in found.years
    )
    covered = ", ".join(f"{y.until.year}: {_coverage(y.coverage_percent)}" for y in found.years)
    return (
        f"个人共持有 {_hours(found.outstanding_minutes)} 小时。各年龄段：{held}。{years}。"
        f" People hold {_hours(found.outstanding_minutes)} hours. Coverage of demand by supply: {covered}."
    )


_PATTERNS: Final = f"""<defs>
<pattern id="hold" width="6" height="6" patternUnits="userSpaceOnUse">
<rect width="6" height="6" fill="{_HOLD}"/></pattern>
<pattern id="demand" width="7" height="7" patternUnits="userSpaceOnUse"><rect width="7" height="7" fill="#f3d9c2"/>
<path d="M0 7L7 0" stroke="{_DEMAND}" stroke-width="2"/></pattern>
<pattern id="supply" width="6" height="6" patternUnits="userSpaceOnUse"><rect width="6" height="6" fill="#cfe8d6"/>
<circle cx="3" cy="3" r="1.6" fill="{_SUPPLY}"/></pattern>
</defs>"""


def _panel(
    top: float,
    bars: Sequence[tuple[str, Sequence[int]]],
    fills: Sequence[str],
    strokes: Sequence[str],
    notes: Sequence[str] = (),
) -> list[str]:
    """Bars side by side over a line, each with its number above it."""
    bottom, room = top + _PANEL - 40, _PANEL - 70
    width = _WIDTH - _LEFT - _RIGHT
    highest = max((minutes for _, group in bars for minutes in group), default=0) or 1
    parts = [f'<path d="M{_LEFT} {bottom}H{_WIDTH - _RIGHT}" stroke="#444" stroke-width="1"/>']
    step = width / max(1, len(bars))
    for number, (label, group) in enumerate(bars):
        middle = _LEFT + step * (number + 0.5)
        wide = min(46.0, step * 0.8 / len(group))
        for place, minutes in enumerate(group):
            tall = room * minutes / highest
            left = middle + (place - len(group) / 2) * wide
            parts.append(
                f'<rect x="{left:.1f}" y="{bottom - tall:.1f}" width="{wide:.1f}" height="{tall:.1f}"'
                f' fill="{fills[place]}" stroke="{strokes[place]}"/>'
            )
            parts.append(_text(left + wide / 2, bottom - tall - 5, _hours(minutes), size=10, anchor="middle"))
        parts.append(_text(middle, bottom + 17, label, size=11, anchor="middle"))
        if notes:
            parts.append(_text(middle, bottom + 33, notes[number], size=11, anchor="middle"))
    return parts


def _legend(top: float) -> list[str]:
    return [
        f'<rect x="{_LEFT}" y="{top}" width="22" height="13" fill="url(#demand)" stroke="{_DEMAND}"/>',
        _text(_LEFT + 28, top + 11, "需求 demanded"),
        f'<rect x="{_LEFT + 150}" y="{top}" width="22" height="13" fill="url(#supply)" stroke="{_SUPPLY}"/>',
        _text(_LEFT + 178, top + 11, "可提供 supplied"),
    ]


def _text(x: float, y: float, said: str, size: int = 13, anchor: str = "start") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" fill="#1a1a1a">{escape(said)}</text>'
    )


def age_words(age_from: int | None) -> str:
    """An age group in figures."""
    return "未知" if age_from is None else f"{age_from}+" if age_from >= 95 else f"{age_from}–{age_from + 4}"


def _hours(minutes: int) -> str:
    return f"{minutes // 60:,}"


def _coverage(percent: float | None) -> str:
    return "—" if percent is None else f"{percent:g}%"
