"""What can be configured: the common settings suffice, and `BACKDATING_MAX_DAYS` among them bounds every date."""

from shared.settings import Settings


class MediationSettings(Settings):
    """Settings of mediation."""
