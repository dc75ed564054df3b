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
    """Where the goods came from that were there before the system: opening stock."""
    return f"supply:{community}"


def donor(donor_id: UUID) -> str:
    """Somebody who gives goods (有捐). Runs as far below zero as was given."""
    return f"donor:{donor_id}"


def supplier(supplier_id: UUID) -> str:
    """A shop or firm that goods are bought from (有买): pieces below zero, fen above."""
    return f"supplier:{supplier_id}"


def household(household_id: UUID) -> str:
    """A household (户) that is given aid (有助)."""
    return f"household:{household_id}"


team_prefix = "team:"


def team(team_id: UUID) -> str:
    """A volunteer team (志愿服务队), which has supplies for its activities. Never overdrawn."""
    return f"{team_prefix}{team_id}"


def budget(community: NodeCode) -> str:
    """The fen that a market may buy goods with. Never overdrawn."""
    return f"budget:{community}"


def till(community: NodeCode) -> str:
    """The fen that a market took at the counter (有卖)."""
    return f"till:{community}"


def shrinkage(community: NodeCode) -> str:
    """Pieces that a stock-taking missed (盘亏), or a team, less those that one found (盘盈)."""
    return f"shrinkage:{community}"


def outside(community: NodeCode) -> str:
    """The outside world, as a community meets it: where budgets come from, who buys at the counter, and whom the
    activities of teams are for."""
    return f"outside:{community}"


def pool(community: NodeCode) -> str:
    """The public pool (公益时间池) of a community: minutes for those who have none. Never overdrawn."""
    return f"pool:{community}"


clearing_prefix = "clearing:"


def clearing(community: NodeCode) -> str:
    """What a community has over from the time bank's dealings with others, or owes them when it is below zero."""
    return f"{clearing_prefix}{community}"


_UNLIMITED = (issuance_prefix, "supply:", "market:", "donor:", "supplier:", "shrinkage:", "outside:", clearing_prefix)


def is_limited(holder: str) -> bool:
    """Whether the holder's accounts must never be overdrawn: people, shelves, budgets, tills; not sources."""
    return not holder.startswith(_UNLIMITED)


def is_bulk(holder: str) -> bool:
    """Whether the holder's accounts are left out of statements, and numbered below zero (see `schema`)."""
    return holder.startswith(issuance_prefix)
