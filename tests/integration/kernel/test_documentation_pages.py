"""The pages that explain the API work where there is no internet: a district's network often has none."""

import re

import pytest

from tests.integration.kernel import counting


@pytest.mark.parametrize("page", ["/docs", "/redoc"])
async def test_a_documentation_page_needs_nothing_from_elsewhere(start, page: str) -> None:
    running = await start(counting.build, working=False)
    client = running.client()
    html = (await client.get(page)).text
    parts = re.findall(r'(?:src|href)="([^"]+)"', html)
    assert len(parts) >= 2
    for part in parts:
        assert part.startswith("/"), f"{page} loads {part}"
        assert (await client.get(part)).status_code == 200
    assert (await client.get("/openapi.json")).json()["paths"]
