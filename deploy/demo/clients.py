"""HTTP as the demo's clerks use it: a token, a fresh Idempotency-Key a command, and the problem told when refused."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx

from deploy.demo.platform import Platform

_PATIENCE_S = 120.0
_PAUSE_S = 0.1


class Refused(RuntimeError):
    """A service refused what the demo asked; the text is the service's own."""

    def __init__(self, text: str, detail: str = "") -> None:
        super().__init__(text)
        self.detail = detail
        """What the service says to whoever asked."""


class Clerks:
    """One client for each service, in the role of a community worker, and of others where a command says so."""

    def __init__(self, platform: Platform, community: str) -> None:
        token = platform.token("community", community)
        self._platform, self._community = platform, community
        self._clients = {
            name: httpx.AsyncClient(
                base_url=url,
                headers={"authorization": f"Bearer {token}"},
                timeout=60,
                limits=httpx.Limits(max_connections=16),
            )
            for name, url in platform.urls.items()
        }

    async def close(self) -> None:
        """Hang up."""
        for client in self._clients.values():
            await client.aclose()

    def signed_in(self, role: str, subject: str, node: str | None = None) -> str:
        """A token of somebody else, to be given to `post`: who entered, assessed or confirmed is often not to be who
        decides.
        """
        return self._platform.token(role, node or self._community, subject)

    async def post(
        self,
        service: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        token: str | None = None,
        **options: Any,
    ) -> Any:
        """A command, sent again under the same key while the service is away: it happens once."""
        key = {"Idempotency-Key": uuid.uuid4().hex}
        if token is not None:
            key["authorization"] = f"Bearer {token}"
        deadline = time.monotonic() + _PATIENCE_S
        while True:
            try:
                answer = await self._clients[service].post(path, json=body, headers=key, **options)
            except httpx.TransportError:
                if time.monotonic() > deadline:
                    raise
            else:
                if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                    return _content(answer)
                if time.monotonic() > deadline:
                    raise Refused(f"{service} {path}: 一直不可用 stayed unavailable")
            await asyncio.sleep(_PAUSE_S)

    async def get(self, service: str, path: str, **query: Any) -> Any:
        """One answer."""
        return _content(await self._clients[service].get(path, params=query))

    async def every(self, service: str, path: str, *, limit: int = 500, **query: Any) -> AsyncIterator[Any]:
        """All items of a list, page by page."""
        cursor: str | None = None
        while True:
            page = await self.get(service, path, limit=limit, **query, **({"cursor": cursor} if cursor else {}))
            for item in page["items"]:
                yield item
            cursor = page["next_cursor"]
            if cursor is None:
                return


def _content(answer: httpx.Response) -> Any:
    if answer.is_success:
        return answer.json()
    detail = ""
    try:
        problem = answer.json()
        detail = problem["detail"]
        text = f"{problem['code']}: {problem['detail']} {problem.get('errors') or ''}"
    except ValueError:
        text = answer.text[:200]
    raise Refused(f"{answer.request.method} {answer.request.url.path} → {answer.status_code} {text}", detail)
