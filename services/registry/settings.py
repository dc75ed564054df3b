"""What can be configured beside the common settings."""

from pydantic import Field

from shared.settings import Settings


class RegistrySettings(Settings):
    """Settings of the registry."""

    activity_tolerance_minutes: int = Field(default=120, ge=0, le=360)
    """How far before the planned start or after the planned end of an activity service may reach."""
    import_file_keep_hours: int = Field(default=72, ge=1, le=720)
    """How long a file to hand back can be fetched; it repeats personal data."""
