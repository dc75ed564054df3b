"""What happens around the volunteer's rules: numbers, digests and the vault change in the command's transaction."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from services.registry.activities.sign_ups import withdraw_from_all
from services.registry.teams.model import Dated, Leave
from services.registry.teams.streams import TEAMS
from services.registry.volunteers import ages, people
from services.registry.volunteers.model import (
    ChangeDetails,
    Forget,
    Grounds,
    GuardianConsent,
    RegisterVolunteer,
    RenewConsent,
    Standing,
    Volunteer,
    VolunteerAlreadyRegistered,
    WithdrawConsent,
    check_standing,
)
from services.registry.volunteers.people import Person
from services.registry.volunteers.streams import VOLUNTEERS
from shared.auth.permissions import Role
from shared.auth.tokens import Principal
from shared.clock import local_day
from shared.contracts import Refusal, refuse_if
from shared.identity_documents import Document, DocumentKind
from shared.unit_of_work import UnitOfWork
from shared.web.problems import NotFound

OWN_DETAILS = frozenset({"phone", "work_unit", "skills"})
"""What a volunteer puts right without the office."""
_TOLD = {"document": "id_number"}
_NOTHING_BESIDE = {"id_kind": "", "born_on": ""}


class CheckedByOffice(Refusal):
    """Who somebody is stands on papers that the office has to see; the volunteer changes the rest themselves."""

    code = "checked_by_office"
    status = 403


class DetailsLost(Refusal):
    """Registered after the backup from which the database was restored: the event came back, who it was did not."""

    code = "details_lost"


@dataclass(frozen=True, slots=True)
class Consent:
    """On what consent the register keeps a person's data."""

    given: bool
    guardian: GuardianConsent = GuardianConsent.NONE
    lives_on_own_labour: bool = False

    def sealed(self, at: datetime) -> str:
        """As the vault keeps it beside the person's details."""
        return json.dumps(
            {
                "given_at": at.isoformat(),
                "guardian": self.guardian.value,
                "lives_on_own_labour": self.lives_on_own_labour,
            }
        )


async def of_caller(work: UnitOfWork, caller: Principal, volunteer_id: UUID) -> Volunteer:
    """The volunteer, if the caller may act on the record. Raises `NotFound` or `OutsideNode`."""
    volunteer = (await work.load(VOLUNTEERS, volunteer_id)).state
    if volunteer.standing is Standing.UNREGISTERED:
        raise NotFound("volunteer")
    caller.require(volunteer.community, person=volunteer_id)
    return volunteer


def require_own_details(caller: Principal, fields: Collection[str]) -> None:
    """Refuse a volunteer who changes what the office has checked against their papers (个人信息保护法 46)."""
    refuse_if(caller.role is Role.VOLUNTEER and not OWN_DETAILS.issuperset(fields), CheckedByOffice)


async def register(
    work: UnitOfWork,
    person: Person,
    *,
    community: str,
    party_member: bool,
    consent: Consent,
    registered_on: date,
    earliest: date | None,
) -> Volunteer:
    """Register one person. Raises `VolunteerAlreadyRegistered` with the number that the person has already."""
    volunteer_id = work.new_id()
    if not await people.claim_identities(work.connection, work.vault, {volunteer_id: person.document.key}):
        raise await _registered_already(work, person)
    (number,) = await people.next_numbers(work.connection, community, 1)
    volunteer = work.create(
        VOLUNTEERS,
        volunteer_id,
        RegisterVolunteer(
            volunteer_id=volunteer_id,
            number=number,
            community=community,
            party_member=party_member,
            born_on=person.born_on,
            consent=consent.given,
            guardian=consent.guardian,
            lives_on_own_labour=consent.lives_on_own_labour,
            registered_on=registered_on,
            today=local_day(work.now),
            earliest=earliest,
        ),
    )
    await keep(work, {volunteer_id: person}, {volunteer_id: consent})
    return volunteer


async def keep(work: UnitOfWork, persons: Mapping[UUID, Person], consents: Mapping[UUID, Consent]) -> None:
    """Seal the details of new volunteers and make them findable."""
    entries = {
        volunteer_id: {**person.sealed_fields(), "consent": consents[volunteer_id].sealed(work.now)}
        for volunteer_id, person in persons.items()
    }
    await work.vault.put_many(work.connection, entries)
    await people.index_people(work.connection, work.vault, persons)
    await ages.look_later(work, {volunteer_id: person.born_on for volunteer_id, person in persons.items()})


async def change(
    work: UnitOfWork,
    volunteer_id: UUID,
    changes: Mapping[str, Any],
    party_member: bool,
    grounds: Mapping[str, Any] | None = None,
) -> Volunteer:
    """Change details in the vault; what is the same already is no change.

    `grounds` are what is newly known of the guardian's consent and of living on own labour.
    """
    before = (await people.people_of(work.connection, work.vault, [volunteer_id])).get(volunteer_id)
    if before is None:
        await work.execute(VOLUNTEERS, volunteer_id, ChangeDetails((), party_member))
        raise DetailsLost
    after = replace(before, **changes)
    kept: dict[str, Any] = json.loads((await work.vault.get(work.connection, volunteer_id)).get("consent", "{}"))
    consent = {**kept, **(grounds or {})}
    # The document is told as one: that a birth date alone was put right is more than anybody needs to hear.
    fields = {_TOLD.get(name, name) for name, value in changes.items() if getattr(before, name) != value}
    if consent != kept:
        fields.add("consent")  # what it says would tell how old somebody is
    known = _grounds(consent, after, local_day(work.now)) if after.born_on != before.born_on else None
    volunteer = await work.execute(VOLUNTEERS, volunteer_id, ChangeDetails(tuple(fields), party_member, known))
    if not fields:
        return volunteer
    if "id_number" in fields:
        await people.drop_identity(work.connection, volunteer_id)
        if not await people.claim_identities(work.connection, work.vault, {volunteer_id: after.document.key}):
            raise await _registered_already(work, after)
    sealed = {**_NOTHING_BESIDE, **after.sealed_fields(), "consent": json.dumps(consent)}
    await work.vault.put(work.connection, volunteer_id, sealed)
    if after.born_on != before.born_on:
        volunteer = await ages.look(work, volunteer_id, after.born_on)
    if fields & set(people.SEARCHABLE):
        await people.drop_search_digests(work.connection, volunteer_id)
        await people.index_people(work.connection, work.vault, {volunteer_id: after})
    return volunteer


async def _registered_already(work: UnitOfWork, person: Person) -> VolunteerAlreadyRegistered:
    key = person.document.key
    known = await people.registered_identities(work.connection, work.vault, [key])
    return VolunteerAlreadyRegistered(number=known[key].number if known else "")


def _grounds(consent: Mapping[str, Any], person: Person, today: date) -> Grounds:
    guardian = GuardianConsent(consent.get("guardian", GuardianConsent.NONE))
    return Grounds(person.born_on, guardian, bool(consent.get("lives_on_own_labour")), today)


async def changed_document(
    work: UnitOfWork, volunteer_id: UUID, number: str | None, kind: DocumentKind | None, born_on: date | None
) -> Document:
    """The document after a change of some of what is known of it. Raises `DetailNotValid`, or as `check_standing` does.

    A renewed passport is shown by whoever was born on the day that is known; another kind of document tells its own.
    """
    check_standing((await work.load(VOLUNTEERS, volunteer_id)).state)
    today = local_day(work.now)
    before = (await _person(work, volunteer_id)).document
    if number is None:
        number, kind = before.number, kind or before.kind
    if born_on is None and kind is not None and not people.tells_birth(number, today, kind):
        born_on = before.born_on
    return people.valid_document(number, today, kind, born_on)


async def _person(work: UnitOfWork, volunteer_id: UUID) -> Person:
    """Who somebody in good standing is. Raises `DetailsLost`."""
    person = (await people.people_of(work.connection, work.vault, [volunteer_id])).get(volunteer_id)
    if person is None:
        raise DetailsLost
    return person


async def withdraw_consent(work: UnitOfWork, volunteer_id: UUID) -> Volunteer:
    """The consent is taken back: the person leaves every team; sign-ups that lie ahead are taken back too."""
    before = (await work.load(VOLUNTEERS, volunteer_id)).version
    volunteer = await work.execute(VOLUNTEERS, volunteer_id, WithdrawConsent())
    if work.version(VOLUNTEERS, volunteer_id) > before:
        await _person(work, volunteer_id)
        await work.vault.put(work.connection, volunteer_id, {"consent_withdrawn_at": work.now.isoformat()})
        await ages.look_no_more(work, volunteer_id)
    await _step_back(work, volunteer_id)
    return volunteer


async def renew_consent(work: UnitOfWork, volunteer_id: UUID) -> Volunteer:
    """The person consents again."""
    before = (await work.load(VOLUNTEERS, volunteer_id)).version
    volunteer = await work.execute(VOLUNTEERS, volunteer_id, RenewConsent())
    if work.version(VOLUNTEERS, volunteer_id) > before:
        person = await _person(work, volunteer_id)
        await work.vault.put(work.connection, volunteer_id, {"consent_renewed_at": work.now.isoformat()})
        volunteer = await ages.look(work, volunteer_id, person.born_on)
    return volunteer


async def forget(work: UnitOfWork, volunteer_id: UUID) -> Volunteer:
    """Destroy the key of the person's details and drop every digest; the opaque record stays."""
    volunteer = await work.execute(VOLUNTEERS, volunteer_id, Forget())
    await lose_details(work, volunteer_id)
    await _step_back(work, volunteer_id)
    return volunteer


async def lose_details(work: UnitOfWork, volunteer_id: UUID) -> None:
    """What was kept of a person beside the events is gone."""
    await work.vault.forget(work.connection, volunteer_id)
    await people.drop_identity(work.connection, volunteer_id)
    await people.drop_search_digests(work.connection, volunteer_id)
    await ages.look_no_more(work, volunteer_id)


async def _step_back(work: UnitOfWork, volunteer_id: UUID) -> None:
    today = local_day(work.now)
    rows = await work.connection.execute(
        text(
            "SELECT team_id, joined_on FROM team_memberships"
            " WHERE volunteer_id = :id AND left_on IS NULL ORDER BY team_id"
        ),
        {"id": volunteer_id},
    )
    for team_id, joined_on in rows.all():
        left = Dated(on=max(today, joined_on), today=max(today, joined_on), earliest=None)
        await work.execute(TEAMS, team_id, Leave(volunteer_id, left))
    await withdraw_from_all(work, volunteer_id)
