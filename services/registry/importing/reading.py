"""Reading one row field by field, collecting what is wrong with it instead of stopping at the first thing."""

from collections.abc import Callable
from typing import TypeVar

from services.registry.importing.cells import Cell, CellProblem, split_list
from services.registry.importing.headers import Layout
from services.registry.importing.reasons import RowProblem, row_problem
from services.registry.importing.sheet import Sheet, SheetRow

Value = TypeVar("Value")


class RowReading:
    """One row under reading."""

    def __init__(self, sheet: Sheet, row: SheetRow, layout: Layout) -> None:
        self.sheet = sheet
        self.row = row
        self.layout = layout
        self.problems: list[RowProblem] = []

    def refuse(self, field_name: str, problem: CellProblem) -> None:
        """Note that the row cannot be taken because of this field."""
        title = self.layout.title(field_name)
        self.problems.append(row_problem(self.row.number, title, field_name, problem.code, **problem.params))

    def read(self, field_name: str, reader: Callable[[Cell], Value]) -> Value | None:
        """What the reader makes of the field's cell; None, and a problem noted, where it refuses."""
        try:
            return reader(self.sheet.value(self.row, field_name))
        except CellProblem as problem:
            self.refuse(field_name, problem)
        return None

    def listed(self, field_name: str) -> tuple[str, ...]:
        """The items of all columns of an enumerating field, repeated ones once."""
        items = (item for cell in self.sheet.values(self.row, field_name) for item in split_list(cell))
        return tuple(dict.fromkeys(items))
