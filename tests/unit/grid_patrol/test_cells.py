"""The rules of a grid cell."""

from services.grid_patrol.cells.model import (
    CellAlreadyDefined,
    CellAlreadyRetired,
    CellNotDefined,
    DefineCell,
    RetireCell,
)
from services.grid_patrol.cells.streams import CELLS
from shared.contracts.grid_patrol import CellDefined, CellRetired
from tests.specification import given

QILIAN = "620201001004"
DEFINE = DefineCell(cell="QL-01", community=QILIAN, area_m2=10_000)
DEFINED = CellDefined(cell="QL-01", community=QILIAN, area_m2=10_000)
RETIRED = CellRetired(cell="QL-01", community=QILIAN)


def test_a_cell_is_defined() -> None:
    given(CELLS).when(DEFINE).then(DEFINED)


def test_defining_the_same_cell_again_changes_nothing() -> None:
    given(CELLS, DEFINED).when(DEFINE).then_nothing()


def test_a_cell_is_not_defined_with_two_areas() -> None:
    other = DefineCell(cell="QL-01", community=QILIAN, area_m2=9_000)
    given(CELLS, DEFINED).when(other).then_refused(CellAlreadyDefined, cell="QL-01", area_m2=10_000)


def test_a_cell_is_retired_once() -> None:
    given(CELLS, DEFINED).when(RetireCell()).then(RETIRED)
    given(CELLS, DEFINED, RETIRED).when(RetireCell()).then_refused(CellAlreadyRetired)


def test_a_cell_that_was_never_defined_cannot_be_retired() -> None:
    given(CELLS).when(RetireCell()).then_refused(CellNotDefined)


def test_a_retired_cell_can_come_back() -> None:
    given(CELLS, DEFINED, RETIRED).when(DEFINE).then(DEFINED)
    given(CELLS, DEFINED, RETIRED).when(DEFINE).then_state(retired=False, area_m2=10_000)
