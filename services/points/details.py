"""Putting right what the vault says of somebody: what every room is asked for. Pure.

How the vault follows is in `fields.put_right`.
"""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class ChangeDetails:
    """Tell that details in the vault were put right: which ones, and nothing where none were."""

    fields: tuple[str, ...]
    at: datetime
