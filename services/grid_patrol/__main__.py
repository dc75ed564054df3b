"""The patrol grid's program: serve · migrate · rebuild · verify · parked · republish."""

import gc

if __name__ == "__main__":
    gc.disable()  # until everything is loaded: see shared.memory

from services.grid_patrol.app import build
from services.grid_patrol.settings import GridPatrolSettings
from shared.cli import service_cli
from shared.memory import loaded

main = service_cli("grid_patrol", build, GridPatrolSettings)

if __name__ == "__main__":
    loaded()
    main()
