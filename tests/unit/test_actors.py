"""Who acted is told by an opaque id: the same in every service, and nobody's name."""

from uuid import UUID, uuid4

from shared.auth.actors import actor_id
from shared.privacy import Vault

VAULT = Vault(b"k" * 32)


def test_a_volunteer_stands_for_themselves_and_staff_for_an_id_that_says_nothing() -> None:
    volunteer = uuid4()
    assert actor_id(VAULT, str(volunteer)) == volunteer
    clerk = actor_id(VAULT, "clerk-of-qilian")
    assert isinstance(clerk, UUID)
    assert clerk == actor_id(Vault(b"k" * 32), "clerk-of-qilian")
    assert clerk not in (actor_id(VAULT, "another-clerk"), actor_id(Vault(b"x" * 32), "clerk-of-qilian"))
