"""The patrol grid's program: serve · migrate · rebuild · verify · parked · republish."""

from services.grid_patrol.app import build
from services.grid_patrol.settings import GridPatrolSettings
from shared.cli import service_cli

main = service_cli("grid_patrol", build, GridPatrolSettings)

if __name__ == "__main__":
    main()
