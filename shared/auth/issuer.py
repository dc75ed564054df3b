"""The development issuer: a key pair in a folder, its public half as ``jwks.json``, and tokens for local use."""

import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from joserfc import jwt
from joserfc.jwk import ECKey

from shared.auth.permissions import Role

ISSUER = "liuling-development"


@dataclass(frozen=True)
class Issuer:
    """Signs tokens with the key kept in a folder. For development and tests: a city has its own identity provider."""

    key: ECKey
    jwks_path: Path
    issuer: str = ISSUER
    audience: str = "liuling"

    @classmethod
    def open(cls, directory: Path) -> "Issuer":
        """The issuer of this folder; makes its key pair on first use (the private half readable by the owner only)."""
        directory.mkdir(parents=True, exist_ok=True)
        private = directory / "signing-key.json"
        jwks_path = directory / "jwks.json"
        if not private.exists():
            fresh = ECKey.generate_key("P-256", parameters={"use": "sig", "alg": "ES256"}, auto_kid=True)
            temporary = private.with_suffix(f".{os.getpid()}")
            temporary.touch(mode=0o600)
            temporary.write_text(json.dumps(fresh.as_dict(private=True)))
            try:
                os.link(temporary, private)  # the first of two concurrent starts wins; both then read its key
            except FileExistsError:
                pass
            finally:
                temporary.unlink()
        key = ECKey.import_key(json.loads(private.read_text()))
        public = json.dumps({"keys": [key.as_dict(private=False)]})
        if not jwks_path.exists() or jwks_path.read_text() != public:
            jwks_path.write_text(public)
        return cls(key=key, jwks_path=jwks_path)

    def token(
        self,
        role: str,
        node: str,
        subject: str | None = None,
        valid_for: timedelta = timedelta(hours=12),
        **claims_added: str,
    ) -> str:
        """A bearer token for a role at an organisation node; `subject` is the person's or the staff member's id."""
        now = datetime.now(UTC)
        claims = {
            "iss": self.issuer,
            "aud": self.audience,
            "sub": subject or f"{Role(role).value}-{node}",
            "role": Role(role).value,
            "node": node,
            "iat": int(now.timestamp()),
            "exp": int((now + valid_for).timestamp()),
            **claims_added,
        }
        return jwt.encode({"alg": "ES256", "kid": self.key.kid}, claims, self.key)


def _main(
    directory: Annotated[Path, typer.Argument(help="密钥文件夹 folder of the key pair and jwks.json")],
    role: Annotated[Role | None, typer.Option(help="签发此角色的令牌 print a token for this role")] = None,
    node: Annotated[str, typer.Option(help="组织节点代码 organisation node")] = "620201001004",
    subject: Annotated[str | None, typer.Option(help="人员编号 id of the person")] = None,
    valid_for_hours: Annotated[int, typer.Option(min=1, max=24 * 365)] = 12,
) -> None:
    """Make the development key pair, and print a token when a role is given."""
    issuer = Issuer.open(directory)
    if role is None:
        typer.echo(f"公钥 public keys: {issuer.jwks_path}")
    else:
        typer.echo(issuer.token(role, node, subject, timedelta(hours=valid_for_hours)))


if __name__ == "__main__":
    typer.run(_main)
