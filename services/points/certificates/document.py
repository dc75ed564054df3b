"""What the paper says: the data of `certificate.typ`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from services.points.certificates.model import Stage
from services.points.durations import in_words
from services.points.papers import qr_code
from shared.identity_documents import DocumentKind
from shared.web.problems import Texts

TEMPLATE: Final = Path(__file__).with_name("certificate.typ")

_NOTICES: Final[Mapping[Stage, tuple[str, str]]] = {
    Stage.PUBLIC: ("公示中，公示期满后生效", "in publicity, not valid yet"),
    Stage.OBJECTED: ("公示期间有异议，处理完毕前不生效", "objected to, not valid yet"),
    Stage.EFFECTIVE: ("有效", "valid"),
    Stage.REFUSED: ("异议成立，未生效", "never took effect"),
    Stage.VOIDED: ("已作废", "VOID"),
}
_UNDER_REVIEW: Final = ("服务记录已更正，复核中", "under review: the record was corrected")


def document_data(
    row: Any, identity: Mapping[str, str], volunteer_number: str | None, address: str, code: str, texts: Texts
) -> dict[str, Any]:
    """The data of the paper. The person's fields come from the vault."""
    stage = Stage(row.stage)
    waits = stage in (Stage.PUBLIC, Stage.OBJECTED)
    under_review = row.flagged and (waits or stage is Stage.EFFECTIVE)
    zh, en = _UNDER_REVIEW if under_review else _NOTICES[stage]
    services = []
    for service in row.services:
        kind = service.get("kind")
        word = texts.word("zh", f"kind.{kind}" if kind else "stars.kind_unknown")
        services.append(f"{word} {in_words('zh', service['minutes'])}")
    return {
        "number": row.number,
        "name": identity["name"],
        "id_kind": _kind_of_document(identity["id_kind"], texts),
        "id_number": identity["id_number"],
        "volunteer_number": volunteer_number or "—",
        "since": str(row.since),
        "until": str(row.until),
        "hours": in_words("zh", row.minutes),
        "services": services,
        "content": identity.get("content", ""),
        "issuer": identity["issuer"],
        "responsible_person": identity["responsible_person"],
        "handler": identity["handler"],
        "contact": identity["contact"],
        "issued_on": str(row.issued_on),
        "remarks": identity.get("remarks", ""),
        "state": {"zh": zh, "en": en},
        "void": stage in (Stage.VOIDED, Stage.REFUSED),
        "publicity": f"{row.issued_on} — {row.public_until}" if row.publicity_days else "",
        "notice": waits or under_review,
        "qr": qr_code(address),
        "code": code,
    }


def _kind_of_document(told: str, texts: Texts) -> str:
    """As papers write it: who copies it from the registry gives its code there."""
    return texts.word("zh", f"id_kind.{told}") if told in list(DocumentKind) else told
