"""The one public route: whether a certificate is good, for whoever holds its number and check code."""

from typing import Annotated, Final

from fastapi import Path, Query
from fastapi.responses import HTMLResponse
from sqlalchemy import select

from services.points.certificates import page
from services.points.certificates.numbers import code_is_right
from services.points.node_names import named, names_of
from services.points.tables import certificates
from shared.web import Api, Read, Vaulted

api = Api(tags=["certificates 志愿服务记录证明"])

_HEADERS: Final = {
    # The address holds the check code: no other site learns it, and nothing on the page runs or loads.
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "X-Robots-Tag": "noindex",
}
_SHOWN = ("issuer", "name")


@api.public(
    "/verify/{number}",
    permission="certificates.verify",
    response_class=HTMLResponse,
    responses={404: {"description": "查不到 Not found", "content": {"text/html": {"schema": {"type": "string"}}}}},
)
async def verify(
    number: Annotated[str, Path(max_length=40, description="证明编号 certificate number")],
    read: Read,
    vault: Vaulted,
    code: Annotated[str, Query(max_length=40, description="核验码 check code, printed in the QR code")] = "",
) -> HTMLResponse:
    """核验证明：状态、时长、期间、出具单位和隐去的姓名。Whether a certificate is good, in Chinese and English."""
    row = None
    if code_is_right(vault, number, code):
        row = (await read.execute(select(certificates).where(certificates.c.number == number))).first()
    if row is None:
        return HTMLResponse(page.not_found(), 404, headers=_HEADERS)
    identity = (await vault.get_many(read, [row.id], _SHOWN)).get(row.id, {})
    community = named(row.community, await names_of(read, [row.community]))
    return HTMLResponse(page.verification(row, identity, community), headers=_HEADERS)
