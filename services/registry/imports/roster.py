"""Takes a community's roster over: people registered once, teams joined; what cannot be taken is reported by row.

Everything happens in one transaction with a fixed number of statements, whatever the number of rows.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

from services.registry.importing.reasons import RowProblem
from services.registry.importing.roster import Eligibility, Roster, RosterRow
from services.registry.imports.results import row_refusal
from services.registry.teams.model import Dated, FormTeam, Join
from services.registry.teams.names import claim_names, kind_of, teams_named
from services.registry.teams.streams import TEAMS
from services.registry.volunteers import people, registration
from services.registry.volunteers.model import (
    GuardianConsent,
    RegisterVolunteer,
    Standing,
    Volunteer,
    VolunteerConsentWithdrawn,
    decide,
)
from services.registry.volunteers.people import Person
from services.registry.volunteers.registration import Consent
from services.registry.volunteers.streams import VOLUNTEERS
from shared.clock import local_day
from shared.contracts import Refusal
from shared.contracts.registry import TeamOrigin
from shared.eventstore import ConcurrencyConflict
from shared.unit_of_work import UnitOfWork
from shared.web.problems import Texts


class RosterTeamUnknown(Refusal):
    """The row names a team that the community does not have, and the import was told not to form any."""

    code = "roster_team_unknown"
    status = 422


@dataclass(slots=True)
class Taken:
    """What the import did."""

    registered: int = 0
    already_registered: int = 0
    registered_elsewhere: int = 0
    teams_formed: int = 0
    memberships_added: int = 0
    problems: list[RowProblem] = field(default_factory=list)

    def counts(self, roster: Roster) -> dict[str, int]:
        """For the result."""
        return {
            "rows": len(roster.rows) + len(roster.bad_rows) + len(roster.skipped_rows),
            "skipped": len(roster.skipped_rows),
            "registered": self.registered,
            "already_registered": self.already_registered,
            "registered_elsewhere": self.registered_elsewhere,
            "teams_formed": self.teams_formed,
            "memberships_added": self.memberships_added,
        }


async def take(
    work: UnitOfWork, roster: Roster, community: str, texts: Texts, *, consent_on_file: bool, form_teams: bool
) -> Taken:
    """Register who is new, find who is not, and let both join the teams that their rows name."""
    taken = Taken(problems=list(roster.problems))
    today = local_day(work.now)
    known = await people.registered_identities(work.connection, work.vault, [row.document.key for row in roster.rows])
    teams = await teams_named(work.connection, community, roster.team_names)
    new: list[RosterRow] = []
    in_team: list[tuple[RosterRow, UUID]] = []
    for row in roster.rows:
        try:
            if not form_teams and any(name not in teams for name in row.teams):
                raise RosterTeamUnknown
            if (found := known.get(row.document.key)) is None:
                decide(Volunteer(), _registration(row, UUID(int=0), "", community, today, consent_on_file))
                new.append(row)
                continue
            if found.standing == Standing.CONSENT_WITHDRAWN:
                raise VolunteerConsentWithdrawn(volunteer=found.number)
        except Refusal as refusal:
            column, name = ("服务队", "teams") if isinstance(refusal, RosterTeamUnknown) else ("", "")
            taken.problems.append(row_refusal(texts, row.row_number, column, name, refusal))
            continue
        taken.already_registered += 1
        taken.registered_elsewhere += found.community != community
        in_team.append((row, found.volunteer_id))
    in_team += await _register(work, new, community, today, consent_on_file)
    taken.registered = len(new)
    await _join(work, in_team, teams, community, today, taken)
    return taken


async def _register(
    work: UnitOfWork, rows: Sequence[RosterRow], community: str, today: date, consent_on_file: bool
) -> list[tuple[RosterRow, UUID]]:
    if not rows:
        return []
    by_id = {work.new_id(): row for row in rows}
    claimed = await people.claim_identities(
        work.connection, work.vault, {volunteer_id: row.document.key for volunteer_id, row in by_id.items()}
    )
    if len(claimed) < len(by_id):
        # Somebody registered one of them in this moment; from a fresh look that person is simply found.
        raise ConcurrencyConflict
    numbers = await people.next_numbers(work.connection, community, len(by_id))
    for (volunteer_id, row), number in zip(by_id.items(), numbers, strict=True):
        command = _registration(row, volunteer_id, number, community, today, consent_on_file)
        work.create(VOLUNTEERS, volunteer_id, command)
    await registration.keep(
        work,
        {volunteer_id: _person(row) for volunteer_id, row in by_id.items()},
        {volunteer_id: _consent(row, consent_on_file) for volunteer_id, row in by_id.items()},
    )
    return [(row, volunteer_id) for volunteer_id, row in by_id.items()]


async def _join(
    work: UnitOfWork,
    people_in_teams: Iterable[tuple[RosterRow, UUID]],
    teams: Mapping[str, UUID],
    community: str,
    today: date,
    taken: Taken,
) -> None:
    joiners: dict[str, dict[UUID, Dated]] = {}
    for row, volunteer_id in people_in_teams:
        for name in row.teams:
            joiners.setdefault(name, {})[volunteer_id] = Dated(row.registered_on or today, today, earliest=None)
    missing = {name: work.new_id() for name in joiners if name not in teams}
    if missing and len(await claim_names(work.connection, community, missing)) < len(missing):
        raise ConcurrencyConflict
    for name, team_id in missing.items():
        formed = Dated(min(dated.on for dated in joiners[name].values()), today, earliest=None)
        work.create(TEAMS, team_id, FormTeam(team_id, community, name, kind_of(name), TeamOrigin.APPOINTED, formed))
    taken.teams_formed = len(missing)
    team_ids = {name: missing.get(name) or teams[name] for name in joiners}
    await work.load_many(TEAMS, [team_id for name, team_id in team_ids.items() if name in teams])
    for name, team_id in team_ids.items():
        before = len((await work.load(TEAMS, team_id)).state.members)
        team = await work.execute(TEAMS, team_id, Join(joiners[name], skip_members=True))
        taken.memberships_added += len(team.members) - before


def _registration(
    row: RosterRow, volunteer_id: UUID, number: str, community: str, today: date, consent_on_file: bool
) -> RegisterVolunteer:
    consent = _consent(row, consent_on_file)
    return RegisterVolunteer(
        volunteer_id=volunteer_id,
        number=number,
        community=community,
        party_member=row.party_member,
        born_on=row.document.born_on,
        consent=consent.given,
        guardian=consent.guardian,
        lives_on_own_labour=consent.lives_on_own_labour,
        registered_on=row.registered_on or today,
        today=today,
        earliest=None,  # a paper register is older than the platform
    )


def _consent(row: RosterRow, on_file: bool) -> Consent:
    guardian = row.eligibility is Eligibility.GUARDIAN_CONSENT
    return Consent(
        given=on_file,
        guardian=GuardianConsent.GIVEN if guardian else GuardianConsent.NONE,
        lives_on_own_labour=row.eligibility is Eligibility.OWN_LABOUR,
    )


def _person(row: RosterRow) -> Person:
    return Person(
        name=row.name,
        document=row.document,
        phone=row.phone,
        work_unit=row.work_unit,
        political_status=row.political_status,
        skills=row.skills,
    )
