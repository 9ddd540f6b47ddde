"""API keys of people, and what a proxy asks about them: plain HTTP, as Traefik sends it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import httpx
from paseport_testkit.harness.stack import Stack
from people import Person, code_of, shown

HOST: Final = "app.example.com"
_FORWARD_AUTH: Final = "/forward-auth"
_CLIENT: Final = "192.0.2.7"
_RULES: Final = f"""\
rules:
  - name: reports
    hosts: [{HOST}]
    paths: [/reports/**]
    roles: [Reports]
  - name: everybody
    hosts: [{HOST}]
    access: signed-in
"""


def write_policy(folder: Path) -> Path:
    """Write the rules of the host that the proxy guards, and return where."""
    path = folder / "policy.yml"
    path.write_text(_RULES)
    return path


class ApiKey:
    """A key, as its owner holds it."""

    def __init__(self, owner: Person, made: dict[str, Any], etag: str) -> None:
        self.owner = owner
        self.id: str = made["id"]
        self.text: str = made["key"]
        self.etag = etag

    def revoke(self) -> httpx.Response:
        """Revoke it, as its owner."""
        return _manage(self.owner, "DELETE", f"/{self.id}", headers={"If-Match": self.etag})


def make_key(owner: Person, **fields: Any) -> ApiKey:
    """Have somebody make a key for what they may do themselves, with the role that they name."""
    answer = _manage(owner, "POST", "", json={"name": "Nightly", "scopes": ["roles"], **fields})
    if answer.status_code != httpx.codes.CREATED:
        raise AssertionError(f"no key was made: {shown(answer)}")
    return ApiKey(owner, answer.json(), answer.headers["ETag"])


def ask(
    stack: Stack, key: str, *, node: int = 0, path: str = "/", client: httpx.Client | None = None
) -> httpx.Response:
    """Ask an api what Traefik asks, about a GET with this key."""
    headers = {
        "Authorization": f"Bearer {key}",
        "X-Forwarded-Method": "GET",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": HOST,
        "X-Forwarded-Uri": path,
        "X-Forwarded-For": _CLIENT,
    }
    url = f"{stack.apis[node].url}{_FORWARD_AUTH}"
    return httpx.get(url, headers=headers, trust_env=False) if client is None else client.get(url, headers=headers)


def unless_passed(answer: httpx.Response) -> str | None:
    """None where the request may pass."""
    return None if answer.status_code == httpx.codes.NO_CONTENT else f"not passed but {shown(answer)}"


def unless_no_key(answer: httpx.Response) -> str | None:
    """None where the key is none (any more)."""
    refused = answer.status_code == httpx.codes.UNAUTHORIZED and code_of(answer) == "invalid_token"
    return None if refused else f"not refused but {shown(answer)}"


def unless_forbidden(answer: httpx.Response) -> str | None:
    """None where the key is one, and not for this."""
    refused = answer.status_code == httpx.codes.FORBIDDEN and code_of(answer) == "forbidden"
    return None if refused else f"not forbidden but {shown(answer)}"


def _manage(owner: Person, method: str, path: str, **options: Any) -> httpx.Response:
    headers = {"Authorization": f"Bearer {owner.access_token}", **options.pop("headers", {})}
    return owner.way.issuer.request(method, f"/api/me/tokens{path}", headers=headers, **options)
