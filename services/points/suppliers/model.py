"""A supplier (供应商): a shop or firm that a love market buys from. It may be one person's, and be forgotten."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from services.points.details import ChangeDetails
from shared.contracts import Event, Refusal, refuse_if, refuse_unless
from shared.contracts.love_market import SupplierDetailsChanged, SupplierForgotten, SupplierRegistered


@dataclass(frozen=True, slots=True)
class Supplier:
    """A supplier as its events tell it. Who it is stands in the vault."""

    id: UUID | None = None
    community: str = ""
    forgotten: bool = False


@dataclass(frozen=True, slots=True)
class RegisterSupplier:
    """Enter a supplier."""

    supplier_id: UUID
    community: str
    at: datetime


@dataclass(frozen=True, slots=True)
class ForgetSupplier:
    """Erase who the supplier is."""

    at: datetime


Command = RegisterSupplier | ChangeDetails | ForgetSupplier


class SupplierAlreadyRegistered(Refusal):
    """There is such a supplier already."""

    code: ClassVar[str] = "supplier_already_registered"


class SupplierIsForgotten(Refusal):
    """Who the supplier was has been erased; nothing new can be tied to it."""

    code: ClassVar[str] = "supplier_is_forgotten"


def decide(supplier: Supplier, command: Command) -> list[Event]:
    """Which events a command leads to. Raises the refusals above."""
    match command:
        case RegisterSupplier(supplier_id=supplier_id, community=community, at=at):
            refuse_unless(supplier.id is None, SupplierAlreadyRegistered)
            return [SupplierRegistered(supplier_id=supplier_id, community=community, registered_at=at)]
        case ChangeDetails(fields=fields, at=at):
            common = _known(supplier)
            return [SupplierDetailsChanged(**common, fields=fields, changed_at=at)] if fields else []
        case ForgetSupplier(at=at):
            return [SupplierForgotten(**_known(supplier), forgotten_at=at)]


def _known(supplier: Supplier) -> dict[str, Any]:
    refuse_if(supplier.id is None or supplier.forgotten, SupplierIsForgotten)
    return {"supplier_id": supplier.id, "community": supplier.community}


def evolve(supplier: Supplier, event: Event) -> Supplier:
    """The supplier after an event."""
    match event:
        case SupplierRegistered():
            return Supplier(event.supplier_id, event.community)
        case SupplierForgotten():
            return replace(supplier, forgotten=True)
        case _:
            return supplier
