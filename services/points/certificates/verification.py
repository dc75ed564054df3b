"""The public page on which anybody who holds a certificate, its number and check code, sees whether it is good."""

from typing import Annotated, Final

from fastapi import Path, Query
from fastapi.responses import HTMLResponse
from sqlalchemy import select

from services.points.certificates.page import verification
from services.points.node_names import named, names_of
from services.points.papers import Paper, code_is_right
from services.points.public_page import NOT_FOUND, no_such_paper, public_page
from services.points.tables import certificates
from shared.web import Api, Read, Vaulted

api = Api(tags=["certificates 志愿服务记录证明"])

_TITLE: Final = ("志愿服务记录证明核验", "Verification of a certificate of service")
_SHOWN = ("issuer", "name")


@api.public("/verify/{number}", permission="certificates.verify", response_class=HTMLResponse, responses=NOT_FOUND)
async def verify(
    number: Annotated[str, Path(max_length=40, description="证明编号 certificate number")],
    read: Read,
    vault: Vaulted,
    code: Annotated[str, Query(max_length=40, description="核验码 check code, printed in the QR code")] = "",
) -> HTMLResponse:
    """核验证明：状态、时长、期间、出具单位和隐去的姓名。Whether a certificate is good, in Chinese and English."""
    row = None
    if code_is_right(vault, Paper.CERTIFICATE, number, code):
        row = (await read.execute(select(certificates).where(certificates.c.number == number))).first()
    if row is None:
        return no_such_paper(*_TITLE)
    identity = (await vault.get_many(read, [row.id], _SHOWN)).get(row.id, {})
    community = named(row.community, await names_of(read, [row.community]))
    return public_page(*_TITLE, verification(row, identity, community))
