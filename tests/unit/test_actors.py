"""Who acted is told by an opaque id: the same in every service, and nobody's name."""

from uuid import UUID, uuid4

from shared.auth.actors import actor_id
from shared.privacy import Vault

REGISTRY = Vault(b"r" * 32, b"a" * 32)
POINTS = Vault(b"p" * 32, b"a" * 32)
ELSEWHERE = Vault(b"r" * 32, b"x" * 32)


def test_a_volunteer_stands_for_themselves_and_staff_for_an_id_that_says_nothing() -> None:
    volunteer = uuid4()
    assert actor_id(POINTS, str(volunteer)) == volunteer
    clerk = actor_id(POINTS, "clerk-of-qilian")
    assert isinstance(clerk, UUID)
    assert clerk == actor_id(REGISTRY, "clerk-of-qilian"), "each service has a vault of its own, and asks who it was"
    assert clerk not in (actor_id(POINTS, "another-clerk"), actor_id(ELSEWHERE, "clerk-of-qilian"))


def test_where_one_master_key_served_all_staff_keep_their_ids_under_it() -> None:
    """Recorded events are not written anew; this one id is of the time when the vault's key made it."""
    assert str(actor_id(Vault(b"p" * 32, b"k" * 32), "clerk-of-qilian")) == "d4c2402f-ed83-5ec8-925a-85620a8683dd"
