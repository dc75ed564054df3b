"""Papers that anybody who holds one can ask about: the check code, and the QR code that leads to the page.

Numbers run without gaps, so a number alone opens nothing.
"""

import base64
import hmac
import io
from collections.abc import Mapping
from enum import StrEnum
from typing import Final
from urllib.parse import quote

import segno
from fastapi import Response

from shared.printing import PDF
from shared.privacy import Vault

_CODE_LENGTH: Final = 8


class Paper(StrEnum):
    """Papers that can be asked about. The values are in the codes of those that were printed, and never change."""

    CERTIFICATE = "certificate"
    RECEIPT = "receipt"


_PAGES: Final[Mapping[Paper, str]] = {Paper.CERTIFICATE: "verify", Paper.RECEIPT: "donations"}


class Pdf(Response):
    """A paper."""

    media_type = PDF


def pdf(content: bytes, name: str) -> Pdf:
    """A paper to be looked at, and kept under a name."""
    return Pdf(content, headers={"Content-Disposition": f'inline; filename="{name}.pdf"'})


def check_code(vault: Vault, paper: Paper, number: str) -> str:
    """Eight letters and digits that only this installation can make (HMAC of the number); printed in the QR code."""
    return base64.b32encode(vault.digest(paper.value, number)).decode()[:_CODE_LENGTH]


def code_is_right(vault: Vault, paper: Paper, number: str, code: str) -> bool:
    """Whether somebody who asks about a number holds the paper. Takes as long for every wrong code."""
    return hmac.compare_digest(check_code(vault, paper, number).encode(), code.strip().upper().encode())


def address_of(base: str, paper: Paper, number: str, code: str) -> str:
    """Where the paper can be asked about."""
    return f"{base.rstrip('/')}/{_PAGES[paper]}/{quote(number)}?code={quote(code)}"


def qr_code(address: str) -> str:
    """The address as an SVG image; a quarter of it may be damaged."""
    image = io.BytesIO()
    segno.make(address, error="q", micro=False).save(image, kind="svg", border=2, scale=4)
    return image.getvalue().decode()
