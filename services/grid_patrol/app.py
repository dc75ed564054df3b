"""The patrol grid, put together by hand: settings → database → broker → routes → reactions → timers."""

from pathlib import Path

from services.grid_patrol.cells import api as cells_api
from services.grid_patrol.cells import views as cells_views
from services.grid_patrol.crews import api as crews_api
from services.grid_patrol.crews import reactions as crews_reactions
from services.grid_patrol.crews import views as crews_views
from services.grid_patrol.findings import api as findings_api
from services.grid_patrol.findings import views as findings_views
from services.grid_patrol.repairs import repairs
from services.grid_patrol.settings import GridPatrolSettings
from services.grid_patrol.shifts import api as shifts_api
from services.grid_patrol.shifts import own as shifts_own
from services.grid_patrol.shifts import reactions as shifts_reactions
from services.grid_patrol.shifts import reads as shifts_reads
from services.grid_patrol.shifts import timers as shifts_timers
from services.grid_patrol.shifts import views as shifts_views
from services.grid_patrol.tables import metadata
from shared import volunteers
from shared.clock import Clock, system_clock
from shared.service import Service, lay
from shared.views import Views


def build(settings: GridPatrolSettings, clock: Clock = system_clock) -> Service:
    """The patrol grid with these settings."""
    views = Views.combine(cells_views.views, crews_views.views, shifts_views.views, findings_views.views)
    base = lay("grid_patrol", settings, views, clock)
    reactions = base.reactions(volunteers.reactions, shifts_reactions.reactions, crews_reactions.reactions)
    return Service(
        base,
        folder=Path(__file__).parent,
        metadata=metadata,
        apis=[cells_api.api, crews_api.api, shifts_reads.api, shifts_own.api, shifts_api.api, findings_api.api],
        handler=reactions,
        sources=["registry"],
        repairs=repairs,
        timers=shifts_timers.timers,
    )
