"""Mediation's program: serve · migrate · rebuild · verify · parked · republish."""

import gc

if __name__ == "__main__":
    gc.disable()  # until everything is loaded: see shared.memory

from services.mediation.app import build
from services.mediation.settings import MediationSettings
from shared.cli import service_cli
from shared.memory import loaded

main = service_cli("mediation", build, MediationSettings)

if __name__ == "__main__":
    loaded()
    main()
