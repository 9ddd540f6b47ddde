"""OAuth clients."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Client:
    """A client that may hold tokens: its scopes and the audience its access tokens get."""

    client_id: str
    first_party: bool
    scope: tuple[str, ...]
    audience: str


FIRST_PARTY_SCOPE = ("openid", "profile", "email", "roles", "account", "admin")


def built_in_clients(issuer: str) -> tuple[Client, ...]:
    """Return the clients every installation has: ``bff`` (the app) and ``cli`` (the command line)."""
    audience = api_audience(issuer)
    return (
        Client("bff", first_party=True, scope=FIRST_PARTY_SCOPE, audience=audience),
        Client("cli", first_party=True, scope=FIRST_PARTY_SCOPE, audience=audience),
    )


def api_audience(issuer: str) -> str:
    """Return the audience of first-party access tokens."""
    return f"{issuer}/api"
