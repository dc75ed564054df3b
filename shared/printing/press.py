"""The press: a process that sets one document. Data as JSON on its input, the PDF on its output.

Only its own fonts are used, so that a paper looks the same on every machine; they come with the package `mplfonts`,
of which nothing else is used (requirements-fonts.txt).
"""

import sys
from importlib.util import find_spec
from pathlib import Path

import typst

ROOT = Path(__file__).parents[2]
"""Templates import from here: ``#import "/shared/printing/house.typ"``."""


def fonts_folder() -> Path:
    """Where the fonts lie. Raises `LookupError` where they are not installed."""
    spec = find_spec("mplfonts")
    if spec is None or spec.origin is None:
        raise LookupError("字体没有安装 the fonts are not installed: pip install -r requirements-fonts.txt")
    return Path(spec.origin).parent / "fonts"


def press(template: Path, data: str) -> bytes:
    """The PDF of a template and its data."""
    paper = typst.compile(
        template,
        root=ROOT,
        font_paths=typst.Fonts(
            include_system_fonts=False, include_embedded_fonts=False, font_paths=[str(fonts_folder())]
        ),
        sys_inputs={"data": data},
        format="pdf",
    )
    assert isinstance(paper, bytes), "without an output path and with one format it is one document"
    return paper


if __name__ == "__main__":
    sys.stdout.buffer.write(press(Path(sys.argv[1]), sys.stdin.read()))
