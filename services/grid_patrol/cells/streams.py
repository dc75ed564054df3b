"""Binds the rules of a cell to its streams."""

from services.grid_patrol.cells.model import Cell, decide, evolve
from shared.aggregate import Aggregate

CELLS = Aggregate("cell", initial=Cell(), decide=decide, evolve=evolve)
