"""Mediation's program: serve · migrate · rebuild · verify · parked · republish."""

from services.mediation.app import build
from services.mediation.settings import MediationSettings
from shared.cli import service_cli

main = service_cli("mediation", build, MediationSettings)

if __name__ == "__main__":
    main()
