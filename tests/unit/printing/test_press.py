"""Papers: Chinese type on every machine, and what people typed stays text."""

import asyncio
import io
import re
from pathlib import Path

import pypdf
import pytest

import shared.printing
from shared.printing import PressBusy, PrintingFailed, print_pdf

LETTER = Path(__file__).with_name("letter.typ")


def words(paper: bytes) -> str:
    return re.sub(r"\s+", "", "".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(paper)).pages))


async def test_a_paper_is_set_in_the_fonts_of_the_house() -> None:
    paper = await print_pdf(LETTER, {"foot": "祁连社区", "text": "生僻字：㛃 䶮 𬭊"})
    assert paper.startswith(b"%PDF-")
    assert "生僻字：㛃䶮𬭊" in words(paper)
    fonts = {
        str(font.get_object()["/BaseFont"])
        for page in pypdf.PdfReader(io.BytesIO(paper)).pages
        for font in page["/Resources"]["/Font"].values()  # type: ignore[index]
    }
    assert fonts
    assert all("NotoSerifCJK" in font for font in fonts)


async def test_what_people_typed_is_never_markup() -> None:
    hostile = '#panic("no") *b* $x$ @ref <a> \\ #read("/etc/passwd") "quote" `raw`'
    assert re.sub(r"\s+", "", hostile) in words(await print_pdf(LETTER, {"foot": "-", "text": hostile}))


async def test_a_template_that_cannot_be_set_is_told_without_its_data() -> None:
    with pytest.raises(PrintingFailed, match=r"letter\.typ") as caught:
        await print_pdf(LETTER, {"foot": "someone's name"})
    assert "someone" not in str(caught.value)


async def test_who_comes_while_many_wait_is_told_to_come_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared.printing, "_WAITING_MAX", 1)
    orders = [print_pdf(LETTER, {"foot": "-", "text": "-"}) for _ in range(5)]
    papers = await asyncio.gather(*orders, return_exceptions=True)
    assert [type(paper) for paper in papers] == [bytes, bytes, bytes, PressBusy, PressBusy]
    assert await print_pdf(LETTER, {"foot": "-", "text": "-"}), "there is room again"
