"""Settings that build a service without connecting it to anything."""

import base64

from shared.settings import Settings

DUMMY = {
    "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing",
    "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
    "JWKS_URL": "file:///nonexistent/jwks.json",
    "TOKEN_ISSUER": "nobody",
    "VAULT_MASTER_KEY": base64.b64encode(bytes(32)).decode(),
    "ACTOR_KEY": base64.b64encode(bytes(32)).decode(),
}


def dummy_settings(kind: type[Settings] = Settings) -> Settings:
    return kind.from_environment(DUMMY)
