"""The registry, put together: read top to bottom."""

from pathlib import Path

from services.registry.activities import api as activities
from services.registry.activities import assessments
from services.registry.activities import reading as activity_reading
from services.registry.activities import views as activity_views
from services.registry.imports import api as imports
from services.registry.imports import expiry
from services.registry.organisation import api as organisation
from services.registry.organisation import views as organisation_views
from services.registry.repairs import repairs
from services.registry.settings import RegistrySettings
from services.registry.tables import metadata
from services.registry.teams import api as teams
from services.registry.teams import views as team_views
from services.registry.volunteers import ages, moves
from services.registry.volunteers import api as volunteers
from services.registry.volunteers import views as volunteer_views
from shared.clock import Clock, system_clock
from shared.ids import NewId, new_id
from shared.service import Service, lay
from shared.timers import Timers
from shared.views import Views

FOLDER = Path(__file__).parent


def build(settings: RegistrySettings, clock: Clock = system_clock, ids: NewId = new_id) -> Service:
    """The service under these settings. Nothing is opened before it runs."""
    views = Views.combine(
        organisation_views.views,
        volunteer_views.views,
        team_views.views,
        activity_views.views,
    )
    base = lay("registry", settings, views, clock, ids)
    return Service(
        base,
        folder=FOLDER,
        metadata=metadata,
        apis=[
            organisation.api,
            volunteers.api,
            moves.api,
            teams.api,
            activities.api,
            activity_reading.api,
            assessments.api,
            imports.api,
        ],
        repairs=repairs,
        timers=Timers.combine(expiry.timers, ages.timers),
        on_migrated=[ages.look_at_everybody],
    )
