"""Who holds accounts, and under which names. Volunteers go by their id alone; everything else says what it is."""

from uuid import UUID

from shared.contracts.common import NodeCode


def volunteer(volunteer_id: UUID) -> str:
    """A person, by opaque id."""
    return str(volunteer_id)


issuance_prefix = "issuance:"


def issuance(community: NodeCode) -> str:
    """Where a community's earned units come from. Runs as far below zero as was earned, which keeps the sum at zero."""
    return f"{issuance_prefix}{community}"


def market(community: NodeCode) -> str:
    """The love market of a community; receives the points that are paid."""
    return f"market:{community}"


stock_prefix = "stock:"


def stock(item_id: UUID) -> str:
    """The shelf of one item."""
    return f"{stock_prefix}{item_id}"


def supply(community: NodeCode) -> str:
    """Where a market's goods come from, until donors and suppliers are told apart."""
    return f"supply:{community}"


def is_limited(holder: str) -> bool:
    """Whether the holder's accounts must never be overdrawn: people and shelves; not sources."""
    return not holder.startswith((issuance_prefix, "supply:", "market:"))


def is_bulk(holder: str) -> bool:
    """Whether the holder's accounts are left out of statements, and numbered below zero (see `schema`)."""
    return holder.startswith(issuance_prefix)
