"""How certificates say no."""

from typing import ClassVar

from shared.contracts import Refusal


class CertificateWithoutService(Refusal):
    """No confirmed service in the period; there is nothing to certify."""

    code: ClassVar[str] = "certificate_without_service"


class CertificatePeriodInverted(Refusal):
    """The period ends before it begins."""

    code: ClassVar[str] = "certificate_period_inverted"
    status: ClassVar[int] = 422


class CertificatePeriodNotOver(Refusal):
    """The period reaches into the future. Params: `latest`, the last day that can be certified."""

    code: ClassVar[str] = "certificate_period_not_over"
    status: ClassVar[int] = 422


class CertificatePersonForgotten(Refusal):
    """The person's data was erased; nothing is certified about them any more."""

    code: ClassVar[str] = "certificate_person_forgotten"


class CertificateIdentityErased(Refusal):
    """Who the certificate was about was erased; it can be verified, and printed no more."""

    code: ClassVar[str] = "certificate_identity_erased"
    status: ClassVar[int] = 410


class CertificateNotPublic(Refusal):
    """Objections are made while a certificate is in publicity."""

    code: ClassVar[str] = "certificate_not_public"


class CertificateNotObjected(Refusal):
    """There is no open objection to settle."""

    code: ClassVar[str] = "certificate_not_objected"


class OwnObjection(Refusal):
    """Whoever entered the objection, or is whom the certificate is about, does not settle it."""

    code: ClassVar[str] = "certificate_own_objection"


class CertificateOverlaps(Refusal):
    """Another certificate is about some of the same days, and nobody said why there are both. Params: `number`."""

    code: ClassVar[str] = "certificate_overlaps"


class CertificateEnded(Refusal):
    """The certificate was refused or is void already."""

    code: ClassVar[str] = "certificate_ended"
