"""The permission table, walked: every route, every role, nobody without a token, nothing of a foreign community."""

import json
import re
import uuid
from typing import Any

import pytest

from shared.auth.permissions import PERMISSIONS, Role
from tests.conftest import COMMUNITY, FOREIGN
from tests.services import ALL


def routes(service: Any) -> list[tuple[str, str, str]]:
    document = service.app.openapi()
    return [
        (method.upper(), path, operation["x-permission"])
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    ]


def filled(path: str) -> str:
    values = {"code": COMMUNITY, "community": COMMUNITY, "cell": "QL001", "unit": "POINT", "policy_version": "1"}
    return re.sub(r"\{(\w+)\}", lambda match: values.get(match[1], str(uuid.uuid4())), path)


@pytest.mark.parametrize("name", ALL)
async def test_every_route_asks_for_a_token_and_lets_only_its_roles_in(start, name: str) -> None:
    build, settings = ALL[name]
    running = await start(build, settings=settings, working=False)
    walked = routes(running.service)
    assert walked
    anonymous = running.client()
    for method, path, permission in walked:
        answer = await anonymous.request(method, filled(path), headers={"authorization": ""})
        if PERMISSIONS[permission].public:
            assert answer.status_code == 404, (method, path, answer.text)
            continue
        assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated"), (method, path)
        for role in Role:
            client = running.client(role.value, COMMUNITY, str(uuid.uuid4()))
            answer = await client.request(method, filled(path), json={})
            code = _code(answer)
            if role in PERMISSIONS[permission].roles:
                assert code != "role_not_allowed", (method, path, role)
                assert answer.status_code != 401, (method, path, role)
                assert answer.status_code < 500, (method, path, role, answer.text)
            else:
                assert (answer.status_code, code) == (403, "role_not_allowed"), (method, path, role)


@pytest.mark.parametrize("name", ALL)
async def test_every_route_of_the_application_is_in_the_table(start, name: str) -> None:
    build, settings = ALL[name]
    running = await start(build, settings=settings, working=False)
    open_paths = {
        "/openapi.json",
        "/docs",
        "/docs/oauth2-redirect",
        "/redoc",
        "/static-offline-docs",
        "/health/live",
        "/health/ready",
        "/metrics",
    }
    documented = {path for _, path, _ in routes(running.service)}
    served = {path for route in running.service.app.routes if (path := getattr(route, "path", None))}
    assert served <= documented | open_paths
    assert {permission for _, _, permission in routes(running.service)} <= set(PERMISSIONS)


def test_no_permission_is_held_by_nobody_or_used_nowhere() -> None:
    from tests.unit.dummy import dummy_settings

    used = set()
    for build, settings in ALL.values():
        used |= {permission for _, _, permission in routes(build(dummy_settings(settings)))}
    assert set(PERMISSIONS) == used
    assert all(permission.roles for permission in PERMISSIONS.values())


def test_what_is_public_is_known_and_says_so_in_the_document() -> None:
    from tests.unit.dummy import dummy_settings

    public = set()
    for build, settings in ALL.values():
        document = build(dummy_settings(settings)).app.openapi()
        for path, operations in document["paths"].items():
            for method, operation in operations.items():
                without_token = operation["security"] == []
                assert without_token is PERMISSIONS[operation["x-permission"]].public, (method, path)
                if without_token:
                    public.add((method, path, operation["x-permission"]))
    assert public == {
        ("get", "/verify/{number}", "certificates.verify"),
        ("get", "/publicity/{community}", "certificates.publicise"),
        ("get", "/donations/{number}", "donations.follow"),
    }


def test_a_route_cannot_become_public_by_half() -> None:
    from shared.web import Api

    with pytest.raises(LookupError, match="public in one place"):
        Api(tags=[]).public("/v1/anything", permission="stars.read")
    with pytest.raises(LookupError, match="public in one place"):
        Api(tags=[]).query("/v1/anything", permission="certificates.verify")


async def test_a_clerk_of_another_community_sees_and_changes_nothing(start) -> None:
    """Things of one community exist; a foreign clerk meets each of them by id, in every list, with every command."""
    from tests.integration.scene import furnish

    for name, (build, settings) in ALL.items():
        running = await start(build, settings=settings, working=False, backdating_max_days=30)
        known = await furnish(name, running)
        foreign = running.client("community", FOREIGN, "clerk-of-elsewhere")
        for method, path, permission in routes(running.service):
            held = PERMISSIONS[permission]
            if Role.COMMUNITY not in held.roles or held.public or permission in OPEN_TO_ALL:
                continue
            address, concrete = _address(path, known)
            if not concrete and "{" in path:
                continue
            body = known.get(f"{method} {path}")
            answer = await foreign.request(method, address, json=body)
            assert answer.status_code < 500, (name, method, path, answer.text)
            if answer.is_success:
                assert json.dumps(answer.json()).find(COMMUNITY) < 0, (name, method, path, answer.text[:500])
                found = answer.json()
                assert found == [] or (found["items"], found["next_cursor"]) == ([], None), (
                    name,
                    method,
                    path,
                    answer.text[:500],
                )
            elif body is not None:
                assert answer.status_code in (403, 404), (name, method, path, answer.text)


OPEN_TO_ALL = {"organisation.read", "policies.read"}
"""The tree and the policies concern everyone."""


def _address(path: str, known: dict[str, Any]) -> tuple[str, bool]:
    names = re.findall(r"\{(\w+)\}", path)
    address = re.sub(r"\{(\w+)\}", lambda match: str(known.get(match[1], uuid.uuid4())), path)
    return address, all(name in known for name in names)


def _code(answer: Any) -> str:
    try:
        return str(answer.json().get("code", ""))
    except (ValueError, AttributeError):
        return ""
