"""Publicity (公示): what a community's certificates say, for everybody, in the days in which they can be objected to.

On a public page, and as a notice for the board at the door. Both show those whose days are not over, an objection or a
doubt about the record included: an objection is no way to get one out of sight.
"""

from datetime import date
from pathlib import Path
from typing import Any, Final

from fastapi import Request
from fastapi.responses import HTMLResponse
from sqlalchemy import Select, exists, select

from services.points.certificates.identity import masked_name
from services.points.certificates.model import Stage
from services.points.certificates.page import in_order, publicity, state_of
from services.points.durations import in_words
from services.points.fields import Clocked, Configured
from services.points.node_names import named, names_of
from services.points.papers import Pdf, pdf, qr_code
from services.points.public_page import NOT_FOUND, not_found, public_page
from services.points.tables import certificates
from shared.clock import local_day
from shared.contracts.common import CommunityCode
from shared.printing import print_pdf
from shared.web import Api, Caller, Read, ShortPaging, Vaulted

api = Api(tags=["certificates 志愿服务记录证明"])

_TITLE: Final = ("志愿服务记录证明公示", "Certificates of service in publicity")
_NOTICE: Final = Path(__file__).with_name("notice.typ")
_ON_A_NOTICE_MAX: Final = 500
_SHOWN: Final = ("issuer", "name")


@api.public(
    "/publicity/{community}", permission="certificates.publicise", response_class=HTMLResponse, responses=NOT_FOUND
)
async def get_publicity(
    community: CommunityCode, read: Read, vault: Vaulted, clock: Clocked, page: ShortPaging
) -> HTMLResponse:
    """公示中的证明：隐去的姓名、时长、期间、出具单位、公示至哪一日，以及怎样提出异议。

    A community's certificates in publicity: masked names, hours, periods, issuers, until when, and how to object.
    """
    c = certificates.c
    found = await page.fetch(read, _in_publicity(community, local_day(clock())), [c.public_until, c.number], _as_it_is)
    names = await names_of(read, [community])
    if not names and not await read.scalar(select(exists().where(c.community == community))):
        return not_found(*_TITLE, "没有这个社区，请核对网址。<br>There is no such community; please check the address.")
    identities = await vault.get_many(read, [row.id for row in found.items], _SHOWN)
    return public_page(*_TITLE, publicity(found.items, identities, named(community, names), found.next_cursor))


@api.query("/v1/publicity/{community}/notice.pdf", permission="certificates.issue", response_class=Pdf)
async def get_notice(
    request: Request,
    community: CommunityCode,
    read: Read,
    caller: Caller,
    vault: Vaulted,
    clock: Clocked,
    settings: Configured,
) -> Pdf:
    """公示栏用的公示（PDF），姓名已隐去，二维码指向公示页。

    The notice for the board, with masked names and a QR code of the public page; the first 500, those that end soonest.
    """
    caller.require(community)
    day, c = local_day(clock()), certificates.c
    query = _in_publicity(community, day).order_by(c.public_until, c.number).limit(_ON_A_NOTICE_MAX)
    rows = (await read.execute(query)).all()
    identities = await vault.get_many(read, [row.id for row in rows], _SHOWN)
    name = named(community, await names_of(read, [community]))
    await read.close()  # nothing of the database is kept waiting for the paper
    base = settings.public_url or str(request.base_url)
    data = {
        "community": name,
        "day": str(day),
        "rows": [_line(row, identity, name) for row in rows if (identity := identities.get(row.id))],
        "qr": qr_code(f"{base.rstrip('/')}/publicity/{community}"),
    }
    return pdf(await print_pdf(_NOTICE, data), f"publicity-{community}-{day}")


def _in_publicity(community: str, day: date) -> Select[Any]:
    c = certificates.c
    waiting = [Stage.PUBLIC.value, Stage.OBJECTED.value]
    return select(certificates).where(c.community == community, c.stage.in_(waiting), c.public_until >= day)


def _as_it_is(row: Any) -> Any:
    return row


def _line(row: Any, identity: dict[str, str], community: str) -> dict[str, str]:
    return {
        "number": row.number,
        "name": masked_name(identity) or "",
        "since": str(row.since),
        "until": str(row.until),
        "hours": in_words("zh", row.minutes),
        "issuer": identity.get("issuer", community),
        "public_until": str(row.public_until),
        "state": "" if in_order(row) else state_of(row)[0],
    }
