"""The points service's commands. `rebuild` and `verify` are its own: its state is more than views."""

from services.points.app import build
from services.points.settings import PointsSettings
from shared.cli import service_cli

main = service_cli("points", build, PointsSettings)

if __name__ == "__main__":
    main()
