"""The OpenAPI documents of the four services: ``python -m docs.api.openapi write|check``.

Each is what the service itself answers under /openapi.json; no database or broker is needed to make it.
"""

import argparse
import base64
import importlib
import importlib.util
import inspect
import sys
from pathlib import Path
from typing import Any

from shared.contracts.envelope import CONTEXTS as SERVICES
from shared.contracts.schema import as_json
from shared.settings import Settings

FOLDER = Path(__file__).parent
_PLACEHOLDERS = {
    "database_url": "postgresql://nobody@localhost/none",
    "kafka_bootstrap_servers": "localhost:9092",
    "jwks_url": "file:///dev/null",
    "token_issuer": "none",
    "vault_master_key": base64.b64encode(bytes(32)).decode(),
    "actor_key": base64.b64encode(bytes(32)).decode(),
}
"""Settings that a service cannot be put together without; nothing is ever asked of what they name."""


def document(service: str) -> dict[str, Any]:
    """The OpenAPI document of a service."""
    build = importlib.import_module(f"services.{service}.app").build
    schema: dict[str, Any] = build(_settings_class(service).model_validate(_PLACEHOLDERS)).app.openapi()
    return schema


def path_of(service: str) -> Path:
    """Where the committed document stands."""
    return FOLDER / f"openapi-{service}.json"


def _settings_class(service: str) -> type[Settings]:
    """The service's own settings where it has some, else the common ones."""
    name = f"services.{service}.settings"
    if importlib.util.find_spec(name) is None:
        return Settings
    module = importlib.import_module(name)
    return next(
        value
        for _, value in inspect.getmembers(module, inspect.isclass)
        if issubclass(value, Settings) and value.__module__ == name
    )


def main() -> int:
    """Write the documents, or say which are out of date."""
    parser = argparse.ArgumentParser(prog="docs.api.openapi", description=__doc__)
    parser.add_argument("action", choices=["write", "check"])
    action = parser.parse_args().action
    stale = 0
    for service in SERVICES:
        path, text = path_of(service), as_json(document(service))
        if path.exists() and path.read_text("utf-8") == text:
            continue
        if action == "write":
            path.write_text(text, "utf-8")
            sys.stdout.write(f"  {path.name}\n")
        else:
            stale += 1
            sys.stderr.write(
                f"docs/api/{path.name} 与服务不一致：运行 `make contracts` 并提交结果。"
                f" It differs from the service: run `make contracts` and commit the result.\n"
            )
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
