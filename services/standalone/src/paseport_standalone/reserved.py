"""Which paths belong to the back end: the only place that says so.

A prefix that ends in a slash reserves what lies below it and leaves the name itself to the app. One without reserves
the name and everything below it.
"""

from __future__ import annotations

from typing import Final

API: Final = ("/api/", "/forward-auth", "/auth-request", "/ext-authz/", "/.paseport/")
OF_ANOTHER_SYSTEM: Final = ("/auth", "/healthz")
"""The api's too, these names alone and nothing below them. It answers where another system's keys moved in."""
EDGE: Final = ("/forward-auth", "/auth-request", "/ext-authz/", "/.paseport/")
"""Of these, what is asked under other hosts' names: by proxies that pass on the name, and by browsers on routed hosts.
The api answers proxies that it trusts and hosts that it knows, and nobody else."""
ISSUER: Final = (
    "/api/me/tokens",
    "/api/users/",
    "/auth/",
    "/users/v1",
    "/clients/",
    "/keys/",
    "/me/",
    "/audit/",
    "/oauth2/",
    "/device",
    "/userinfo",
    "/verifiers/",
    "/.well-known/",
    "/internal",
    "/metrics",
    "/health",
    "/openapi.json",
)
"""``/internal`` and ``/metrics`` are not served on the public port. They are named here so that they are a 404 of the
back end and never a page of the app. API keys are managed at the issuer, though their paths look like the api's."""


def is_under(path: str, prefixes: tuple[str, ...]) -> bool:
    """Say whether one of the prefixes reserves ``path``, which is percent-decoded already."""
    return any(
        path.startswith(prefix) if prefix.endswith("/") else path == prefix or path.startswith(f"{prefix}/")
        for prefix in prefixes
    )


def is_reserved(path: str) -> bool:
    """Say whether ``path`` belongs to the back end, whether or not anything answers there."""
    return is_under(path, API) or is_under(path, ISSUER) or path in OF_ANOTHER_SYSTEM
