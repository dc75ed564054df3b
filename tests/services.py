"""The four services as the tests start them."""

from services.grid_patrol.app import build as grid_patrol
from services.grid_patrol.settings import GridPatrolSettings
from services.mediation.app import build as mediation
from services.mediation.settings import MediationSettings
from services.points.app import build as points
from services.points.settings import PointsSettings
from services.registry.app import build as registry
from services.registry.settings import RegistrySettings

ALL = {
    "registry": (registry, RegistrySettings),
    "points": (points, PointsSettings),
    "grid_patrol": (grid_patrol, GridPatrolSettings),
    "mediation": (mediation, MediationSettings),
}
