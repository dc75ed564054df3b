"""How much of a file is taken."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on everything an uploaded file can make us hold or do."""

    file_bytes_max: int = 10_000_000
    rows_max: int = 20_000
    """Rows below the header; one community has about a thousand volunteers."""
    columns_max: int = 100
    unpacked_bytes_max: int = 100_000_000
    """All parts of a workbook together, unpacked."""
    parts_max: int = 500
    cells_max: int = 2_500_000
    """Area of all worksheets together: the reader fills in every empty cell between the written ones."""
    characters_max: int = 50_000_000
    """All texts of a workbook together, repeated ones counted every time they are shown."""
