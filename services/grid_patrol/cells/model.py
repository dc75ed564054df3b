"""A grid cell (网格): about 10,000 m² of a community with a code of its own; beats are sets of cells.

Source: GB/T 30428.1 (单元网格 of about 10,000 m², coded within the community).
"""

from dataclasses import dataclass, replace

from shared.contracts import Event, Refusal, refuse_if, refuse_unless
from shared.contracts.grid_patrol import CellDefined, CellRetired


class CellAlreadyDefined(Refusal):
    """The community has this cell already, with another area."""

    code = "cell_already_defined"


class CellNotDefined(Refusal):
    """The community has no such cell."""

    code = "cell_not_defined"
    status = 404


class CellAlreadyRetired(Refusal):
    """The cell is no longer part of the grid."""

    code = "cell_already_retired"


@dataclass(frozen=True, slots=True)
class Cell:
    """What the rules need to know of a cell."""

    code: str = ""
    community: str = ""
    area_m2: int = 0
    retired: bool = False


@dataclass(frozen=True, slots=True)
class DefineCell:
    """The cell belongs to the grid. Saying it again changes nothing; a retired cell comes back."""

    cell: str
    community: str
    area_m2: int


@dataclass(frozen=True, slots=True)
class RetireCell:
    """The cell no longer belongs to the grid. Shifts that are planned over it stay as they are."""


Command = DefineCell | RetireCell


def decide(cell: Cell, command: Command) -> list[Event]:
    """What follows from a command. Raises the refusals of this module."""
    match command:
        case DefineCell(cell=code, community=community, area_m2=area_m2):
            if cell.code and not cell.retired:
                refuse_if(cell.area_m2 != area_m2, CellAlreadyDefined(cell=code, area_m2=cell.area_m2))
                return []
            return [CellDefined(cell=code, community=community, area_m2=area_m2)]
        case RetireCell():
            refuse_unless(bool(cell.code), CellNotDefined)
            refuse_if(cell.retired, CellAlreadyRetired(cell=cell.code))
            return [CellRetired(cell=cell.code, community=cell.community)]


def evolve(cell: Cell, event: Event) -> Cell:
    """The cell after an event of its own."""
    match event:
        case CellDefined(cell=code, community=community, area_m2=area_m2):
            return Cell(code=code, community=community, area_m2=area_m2)
        case CellRetired():
            return replace(cell, retired=True)
        case _:
            return cell
