"""Routes that read certificates: lists, one, its explanation, the paper."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Request, Response
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.points.certificates.bodies import CertificateExplanationOut, CertificateOut
from services.points.certificates.document import TEMPLATE, document_data
from services.points.certificates.explanation import explain
from services.points.certificates.model import ListedStage
from services.points.certificates.refusals import CertificateIdentityErased
from services.points.fields import Configured, Seen, own_id
from services.points.grounds.telling import with_causes
from services.points.node_names import NamedPage, with_node_names
from services.points.papers import Paper, Pdf, address_of, check_code, pdf
from services.points.policy.in_force import InForce
from services.points.tables import certificates, members
from shared.auth.permissions import Role
from shared.auth.tokens import Principal
from shared.contracts import refuse_unless
from shared.contracts.common import CommunityCode
from shared.printing import print_pdf
from shared.web import Api, Caller, LongPaging, NotFound, Paging, Read, Vaulted, etag, narrowed
from shared.web.fields import Code
from shared.web.problems import Texts, language_of

api = Api(tags=["certificates 志愿服务记录证明"])


@api.query("/v1/certificates", permission="certificates.read")
async def list_certificates(
    request: Request,
    read: Read,
    caller: Caller,
    page: Paging,
    community: Annotated[CommunityCode | None, Query(description="社区 community")] = None,
    stage: Annotated[ListedStage | None, Query(description="状态 stage")] = None,
    flagged: Annotated[bool | None, Query(description="存疑 flagged for review")] = None,
    undecided: Annotated[bool, Query(description="只看已催办、仍未处理的 only what was reminded of in vain")] = False,
    number: Annotated[Code | None, Query(description="证明编号 certificate number")] = None,
) -> NamedPage[CertificateOut]:
    """证明清单，不含身份信息。Certificates of the caller's node, without identities; a volunteer sees their own."""
    c = certificates.c
    query = select(certificates)
    if caller.role is Role.VOLUNTEER:
        query = query.where(c.volunteer_id == own_id(caller))
    else:
        query = query.where(c.community.startswith(caller.node))
    if undecided:
        query = query.where(c.reminders > 0)
    asked = (c.community, community), (c.stage, stage), (c.flagged, flagged), (c.number, number)
    found = await page.fetch(read, narrowed(query, *asked), [c.id], _certificate)
    ids, texts = [one.certificate_id for one in found.items], request.app.state.texts
    found.items = await with_causes(read, ids, found.items, texts, language_of(request))
    return await with_node_names(read, found)


@api.query("/v1/certificates/{certificate_id}", permission="certificates.read")
async def get_certificate(
    request: Request, certificate_id: UUID, read: Read, caller: Caller, response: Response
) -> CertificateOut:
    """一份证明，不含身份信息。One certificate, without who it is about."""
    row = await _row(read, caller, certificate_id)
    etag(response, row.version)
    texts: Texts = request.app.state.texts
    (shown,) = await with_causes(read, [row.id], [_certificate(row)], texts, language_of(request))
    return shown


@api.query("/v1/certificates/{certificate_id}/explanation", permission="certificates.read")
async def get_explanation(
    request: Request, certificate_id: UUID, read: Read, caller: Caller, page: LongPaging, sight: Seen, in_force: InForce
) -> CertificateExplanationOut:
    """证明说明：依据、各年时长、经过，记录是否支持它，哪些更正使它存疑，并逐笔列出该期间的服务记录；可问任一时刻。

    Why it says so, whether the record bears it, which corrections flagged it, and the record of the period line by
    line; now, or at a moment.
    """
    row = await _row(read, caller, certificate_id)
    book = await in_force.book(read)
    return await explain(read, row, sight, page, book, request.app.state.texts, language_of(request))


@api.query("/v1/certificates/{certificate_id}/document.pdf", permission="certificates.print", response_class=Pdf)
async def get_document(
    request: Request, certificate_id: UUID, read: Read, caller: Caller, vault: Vaulted, settings: Configured
) -> Pdf:
    """证明的 PDF，含二维码；作废的带水印。The paper with its QR code; a void one is marked across the page."""
    row = await _row(read, caller, certificate_id)
    identity = await vault.get(read, row.id)
    refuse_unless("name" in identity, CertificateIdentityErased)
    number = await read.scalar(select(members.c.number).where(members.c.volunteer_id == row.volunteer_id))
    # Setting the paper takes a while, and waits for its turn; others may have the connection meanwhile.
    await read.close()
    code = check_code(vault, Paper.CERTIFICATE, row.number)
    address = address_of(settings.public_url or str(request.base_url), Paper.CERTIFICATE, row.number, code)
    texts: Texts = request.app.state.texts
    return pdf(await print_pdf(TEMPLATE, document_data(row, identity, number, address, code, texts)), row.number)


async def _row(read: AsyncConnection, caller: Principal, certificate_id: UUID) -> Any:
    row = (await read.execute(select(certificates).where(certificates.c.id == certificate_id))).first()
    if row is None:
        raise NotFound("certificate")
    caller.require(row.community, row.volunteer_id)
    return row


def _certificate(row: Any) -> CertificateOut:
    values = dict(row._mapping)
    return CertificateOut(certificate_id=values.pop("id"), certificate_number=values.pop("number"), **values)
