"""What a client asks to have access to, and whether it may (RFC 6749 §3.3, RFC 8707)."""

from __future__ import annotations

from collections.abc import Sequence

from paseport_shared.domain.errors import InvalidScope, InvalidTarget
from paseport_shared.domain.models.client import FIRST_PARTY_ONLY, SCOPES, Client, api_audience
from paseport_shared.domain.models.scope import parse_scope


def scope_of(client: Client, text: str | None) -> tuple[str, ...]:
    """Return the scope that a client gets for what it asks. Raises ``InvalidScope``.

    One rule (AZ-07): values that nobody knows here are ignored (OIDC Core §3.1.2.1); a value that is known, and that
    the client may not have, refuses the request; so does a request of which nothing is left.
    """
    asked = parse_scope(text or "")
    if asked is None:
        raise InvalidScope("scope is malformed")
    known = tuple(name for name in asked if name in SCOPES)
    if not known:
        raise InvalidScope("scope names nothing that is known here")
    for name in known:
        if name not in client.scope or (name in FIRST_PARTY_ONLY and not client.first_party):
            raise InvalidScope("scope goes beyond what the client is registered for")
    return known


def narrowed(granted: tuple[str, ...], text: str | None) -> tuple[str, ...]:
    """Return the part of a granted scope that ``text`` asks for (RFC 6749 §6). Raises ``InvalidScope``."""
    if text is None:
        return granted
    asked = parse_scope(text)
    if not asked or not set(granted).issuperset(asked):
        raise InvalidScope("scope goes beyond what was granted")
    return tuple(name for name in granted if name in asked)


def audience_of(client: Client, issuer: str, resources: Sequence[str]) -> str:
    """Return what the client's access tokens will be for. Raises ``InvalidTarget``.

    A token has one audience here, so one resource at a time.
    """
    asked = [resource for resource in resources if resource]
    if not asked:
        return client.audience
    if len(asked) > 1:
        raise InvalidTarget("one resource at a time")
    (resource,) = asked
    if resource == api_audience(issuer) and not client.first_party:
        raise InvalidTarget("the api is for first-party clients")
    if resource != client.audience and resource not in client.audiences:
        raise InvalidTarget("the client is not registered for this resource")
    return resource
