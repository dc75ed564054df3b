"""What can be configured beside the common settings, of which `BACKDATING_MAX_DAYS` bounds every date."""

from pydantic import Field

from shared.settings import Settings


class MediationSettings(Settings):
    """Settings of mediation."""

    volunteer_wait_max_ms: int = Field(default=2000, ge=0, le=10_000)
    """How long a command waits for news of a volunteer who is not known yet, before it is refused."""
