"""The committed OpenAPI documents are what the four services answer."""

from typing import Any

import pytest

from docs.api.openapi import SERVICES, document, path_of
from shared.contracts.schema import as_json

METHODS = {"get", "post", "put", "patch", "delete"}


@pytest.fixture(scope="module", params=SERVICES)
def service(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def openapi(service: str) -> dict[str, Any]:
    return document(service)


def operations(openapi: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (path, method, operation)
        for path, item in openapi["paths"].items()
        for method, operation in item.items()
        if method in METHODS
    ]


def test_the_committed_document_is_up_to_date(service: str, openapi: dict[str, Any]) -> None:
    """If this fails: run `make contracts` and commit the result."""
    assert path_of(service).read_text("utf-8") == as_json(openapi)


def test_no_list_offers_to_look_for_what_is_not_there(service: str, openapi: dict[str, Any]) -> None:
    schemas = openapi["components"]["schemas"]
    for path, _, operation in operations(openapi):
        for parameter in operation.get("parameters", ()):
            choices = parameter["schema"].get("anyOf", [parameter["schema"]])
            for choice in choices:
                choice = schemas[choice["$ref"].rpartition("/")[2]] if "$ref" in choice else choice
                assert not {"none", "not_issued"} & set(choice.get("enum", ())), (path, parameter["name"])


PAGES = {"/verify/{number}", "/publicity/{community}", "/donations/{number}"}
"""What people open in a browser: public, printed on paper, and so without a version."""


def test_every_route_stands_under_its_version(openapi: dict[str, Any]) -> None:
    assert operations(openapi)
    for path, _, _ in operations(openapi):
        assert path.startswith("/v1/") or path in PAGES


def test_every_route_asks_for_a_token_and_says_what_it_does(openapi: dict[str, Any]) -> None:
    for path, method, operation in operations(openapi):
        place = f"{method} {path}"
        assert operation["security"] == ([] if path in PAGES else [{"bearer": []}]), place
        assert operation.get("summary") or operation.get("description"), place
        assert operation.get("tags"), place


def test_operations_are_told_apart(openapi: dict[str, Any]) -> None:
    ids = [operation["operationId"] for _, _, operation in operations(openapi)]
    assert len(ids) == len(set(ids))


_PAGE_NOT_FOUND = {(page, "404") for page in PAGES}
"""A page that people open says so as a page."""


def test_refusals_are_problems(openapi: dict[str, Any]) -> None:
    for path, method, operation in operations(openapi):
        for status, response in operation["responses"].items():
            if status.startswith(("4", "5")) and "content" in response and (path, status) not in _PAGE_NOT_FOUND:
                assert "application/problem+json" in response["content"], f"{method} {path} {status}"
