"""Mediation, put together by hand: settings → database → broker → routes → reactions."""

from pathlib import Path

from services.mediation.cases import api as cases_api
from services.mediation.cases import party_api, reads
from services.mediation.cases import reactions as cases_reactions
from services.mediation.cases import views as cases_views
from services.mediation.repairs import repairs
from services.mediation.settings import MediationSettings
from services.mediation.tables import metadata
from shared import volunteers
from shared.clock import Clock, system_clock
from shared.service import Service, lay


def build(settings: MediationSettings, clock: Clock = system_clock) -> Service:
    """Mediation with these settings."""
    base = lay("mediation", settings, cases_views.views, clock)
    # First that the person is nobody any more, which waits for whoever is just tying something to them; then the rest.
    reactions = base.reactions(volunteers.reactions, cases_reactions.reactions)
    return Service(
        base,
        folder=Path(__file__).parent,
        metadata=metadata,
        apis=[reads.api, cases_api.api, party_api.api],
        handler=reactions,
        sources=["registry", "grid_patrol"],
        repairs=repairs,
    )
