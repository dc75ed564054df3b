"""What goes in and out of the volunteers' routes."""

import json
from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from services.registry.fields import VolunteerNumber
from services.registry.importing.roster import PoliticalStatus
from services.registry.volunteers.model import GuardianConsent, Standing, Volunteer
from services.registry.volunteers.people import Person, masked_name, masked_phone
from shared.contracts import NodeCode
from shared.contracts.common import CommunityCode
from shared.identity_documents import DocumentKind, masked
from shared.web.fields import Body, Clean, Day, Out, ShortText

_IdNumberText = Annotated[str, Field(min_length=1, max_length=40), Clean]
_ID_KIND = "证件类型；不填则须为 18 位证件号 kind of document; left out for a number of 18 digits, which tells it"
_BORN_ON = "出生日期；号码里没有的（通行证、护照）须填 birth date, where the number does not tell it"
_PhoneText = Annotated[str, Field(min_length=1, max_length=40), Clean]
_NameText = Annotated[str, Field(min_length=1, max_length=60), Clean]
_WorkUnitText = Annotated[str, Field(min_length=1, max_length=200), Clean]
_Skills = Annotated[tuple[ShortText, ...], Field(max_length=20)]


class RegisterVolunteerBody(Body):
    """实名登记 Registration with the real name."""

    community: CommunityCode
    name: _NameText
    id_number: _IdNumberText = Field(description="证件号码 number of the identity document")
    id_kind: DocumentKind | None = Field(default=None, description=_ID_KIND)
    born_on: Day | None = Field(default=None, description=_BORN_ON)
    phone: _PhoneText | None = None
    work_unit: _WorkUnitText | None = None
    political_status: PoliticalStatus = PoliticalStatus.NOT_STATED
    skills: _Skills = ()
    party_member: bool | None = Field(
        default=None, description="到社区报到的在职党员；不填则按政治面貌。By default as the political status says."
    )
    consent: bool = Field(description="本人已知情同意 informed consent was given")
    guardian_consent: GuardianConsent = GuardianConsent.NONE
    lives_on_own_labour: bool = Field(default=False, description="16–17 岁以自己的劳动收入为主要生活来源")
    registered_on: Day | None = Field(default=None, description="登记日期，默认今天 today by default")


class ChangeDetailsBody(Body):
    """修改资料：只写要改的字段。Only what changes; null empties a field that may be empty."""

    name: _NameText | None = None
    id_number: _IdNumberText | None = None
    id_kind: DocumentKind | None = Field(default=None, description=_ID_KIND)
    born_on: Day | None = Field(default=None, description=_BORN_ON)
    phone: _PhoneText | None = None
    work_unit: _WorkUnitText | None = None
    political_status: PoliticalStatus | None = None
    skills: _Skills | None = None
    party_member: bool | None = None
    guardian_consent: GuardianConsent | None = Field(
        default=None, description="更正证件号后未成年的，须有监护人同意 needed where the right ID number is a minor's"
    )
    lives_on_own_labour: bool | None = Field(default=None, description="16–17 岁以自己的劳动收入为主要生活来源")

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.model_fields_set:
            raise PydanticCustomError("nothing_to_change", "name at least one field")
        if any(getattr(self, name) is None for name in self.model_fields_set - {"phone", "work_unit"}):
            raise PydanticCustomError("cannot_be_emptied", "only phone and work_unit may be emptied")
        return self


class MoveBody(Body):
    """办理迁入 The volunteer lives here now; name and number as their document says."""

    community: CommunityCode = Field(description="迁入的社区 that receives the volunteer")
    name: _NameText
    id_number: _IdNumberText = Field(description="证件号码 number of the identity document")
    id_kind: DocumentKind | None = Field(default=None, description="证件类型，不填则查各类证件 any kind if not given")
    moved_on: Day | None = Field(default=None, description="迁入日期，默认今天 today by default")


class SearchBody(Body):
    """精确查找：给出其中一项。Exact search by one of these."""

    name: _NameText | None = None
    phone: _PhoneText | None = None
    id_number: _IdNumberText | None = None
    id_kind: DocumentKind | None = Field(
        default=None, description="与证件号一起，不填则查各类证件 with id_number; any kind where it is not given"
    )

    @model_validator(mode="after")
    def _one(self) -> Self:
        if len([value for value in (self.name, self.phone, self.id_number) if value is not None]) != 1:
            raise PydanticCustomError("one_criterion", "give exactly one of name, phone, id_number")
        return self


class VolunteerOut(Out):
    """A volunteer without what says who it is."""

    id: UUID
    number: VolunteerNumber
    community: NodeCode
    party_member: bool
    standing: Standing
    registered_on: date


class RegisteredOut(Out):
    """The volunteer as the command left it."""

    id: UUID
    number: VolunteerNumber
    community: NodeCode
    party_member: bool
    standing: Standing

    @classmethod
    def of(cls, volunteer: Volunteer) -> Self:
        """From the aggregate's state."""
        assert volunteer.id is not None
        return cls(
            id=volunteer.id,
            number=volunteer.number,
            community=volunteer.community,
            party_member=volunteer.party_member,
            standing=volunteer.standing,
        )


class ConsentOut(Out):
    """On what consent the register keeps the person's data, for whoever has to show it (个人信息保护法 14)."""

    given_at: datetime | None
    guardian: GuardianConsent
    lives_on_own_labour: bool
    withdrawn_at: datetime | None = Field(description="最近一次撤回 when it was taken back last")
    renewed_at: datetime | None = Field(description="最近一次重新同意 when it was given again last")

    @classmethod
    def opened(cls, fields: Mapping[str, str]) -> Self:
        """From the vault's fields."""
        kept = json.loads(fields.get("consent", "{}"))
        return cls(
            given_at=kept.get("given_at"),
            guardian=kept.get("guardian", GuardianConsent.NONE),
            lives_on_own_labour=bool(kept.get("lives_on_own_labour")),
            withdrawn_at=fields.get("consent_withdrawn_at"),
            renewed_at=fields.get("consent_renewed_at"),
        )


class IdentityOut(Out):
    """Who the volunteer is; masked unless `reveal` was asked for."""

    id: UUID
    number: VolunteerNumber
    name: str
    id_kind: DocumentKind
    id_number: str
    born_on: date | None = Field(description="遮盖时不显示 not shown while masked")
    phone: str | None
    work_unit: str | None = Field(description="遮盖时不显示 not shown while masked")
    political_status: PoliticalStatus | None
    skills: tuple[str, ...]
    consent: ConsentOut | None = Field(description="遮盖时不显示 not shown while masked")
    masked: bool

    @classmethod
    def of(
        cls, volunteer_id: UUID, number: str, person: Person, *, reveal: bool, consent: ConsentOut | None = None
    ) -> Self:
        """Masked or open; the consent is told with an open one only."""
        return cls(
            id=volunteer_id,
            number=number,
            name=person.name if reveal else masked_name(person.name),
            id_kind=person.document.kind,
            id_number=person.document.number if reveal else masked(person.document.number),
            born_on=person.born_on if reveal else None,
            phone=person.phone if reveal else masked_phone(person.phone),
            work_unit=person.work_unit if reveal else None,
            political_status=person.political_status if reveal else None,
            skills=person.skills,
            consent=consent if reveal else None,
            masked=not reveal,
        )
