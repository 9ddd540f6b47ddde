"""Keys, rules and browsers for tests of forward-auth, and the three ways in which proxies ask."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
from api_parts import session
from api_world import ALICE, ISSUER, PEPPER, POLICY, ApiWorld
from paseport.revocation import RevocationKind
from paseport.secret import Secret
from paseport_api.wiring import edge_key
from paseport_shared.adapters.memory.clock import START
from paseport_shared.domain.models.api_key import (
    ApiKey,
    ApiKeyEntry,
    ApiKeyPeppers,
    ApiKeySecret,
    new_api_key,
    new_api_key_id,
    parse_api_key,
)
from paseport_shared.domain.models.edge_session import EdgeCookieKey, EdgeSession
from paseport_shared.domain.models.policy import Access, PathPattern, Policy, Rule

HOST = "app.example.com"
ORIGIN = f"https://{HOST}"
PROXY = "10.1.2.3"
CLIENT = "203.0.113.7"
IDENTITY = (
    "X-User",
    "X-User-Id",
    "X-User-Roles",
    "X-User-Scopes",
    "X-User-Email",
    "X-Auth-Method",
    "Remote-User",
    "Remote-Groups",
    "Remote-Name",
    "Remote-Email",
)
FAMILIES = ("/forward-auth", "/auth-request", "/ext-authz")
ALLOWED = {"/forward-auth": 204, "/auth-request": 200, "/ext-authz": 200}
PEPPERS = ApiKeyPeppers({1: Secret(PEPPER.encode())})
SETTINGS: dict[str, Any] = {"trusted_proxies": ("10.0.0.0/8",), "edge_hosts": (HOST, "*.apps.example.com")}
SID = "0000000000000000000001"

_numbers = itertools.count(1)


def rule(name: str = "all", access: Access = Access.SIGNED_IN, *paths: str, **more: Any) -> Rule:
    """A rule about these paths, or all of them."""
    return Rule(name=name, access=access, paths=tuple(PathPattern(path) for path in paths), **more)


SIGNED_IN = Policy(
    [
        rule("secret", Access.DENY, "/secret", "/secret/**"),
        rule("health", Access.PUBLIC, "/health"),
        rule("admin", Access.SIGNED_IN, "/admin/**", roles=frozenset({"Admin"})),
        rule("app", hosts=(HOST,)),
    ]
)
"""What most tests go by; no rule is about another host."""


def new_key(**changes: Any) -> tuple[ApiKey, str]:
    """A key of alice's with all her roles, and its text; ``changes`` replace fields."""
    number = next(_numbers)
    # The last bit of the randomness is dropped.
    key_id = new_api_key_id((2 * number).to_bytes(12))
    text = new_api_key(key_id, number.to_bytes(32)).reveal()
    key = ApiKey(
        id=key_id,
        owner_id=ALICE,
        name=f"key {number}",
        roles=frozenset({"User", "Admin"}),
        scopes=("reports",),
        secrets=(secret_of(text),),
        created_at=START,
        updated_at=START,
    )
    return replace(key, **changes), text


def secret_of(text: str, **changes: Any) -> ApiKeySecret:
    """What is kept of a key's text."""
    presented = parse_api_key(text)
    assert presented is not None
    digest = PEPPERS.digest(presented, PEPPERS.current)
    assert digest is not None
    return replace(ApiKeySecret(digest, PEPPERS.current, START), **changes)


async def stored_key(world: ApiWorld, **changes: Any) -> tuple[ApiKey, str]:
    """The same, in the directory."""
    key, text = new_key(**changes)
    await world.api_keys.put([key])
    return key, text


async def change_key(world: ApiWorld, entry: ApiKeyEntry) -> None:
    """The issuer changes a key: directory first, then the feed; returns once the api has heard."""
    await world.api_keys.put([entry])
    await world.revoke(RevocationKind.API_KEY, entry.id, entry.revision)


async def signed_in(world: ApiWorld, *, session_id: str = SID, user_id: UUID = ALICE, host: str = HOST) -> str:
    """A session of alice's at the issuer, and its cookie at a host."""
    now = world.clock.now()
    life = POLICY.max_lifetime
    await world.sessions.create(
        replace(session(session_id, user_id), created_at=now, last_seen_at=now, expires_at=now + life)
    )
    return cookie_for(world, session_id=session_id, user_id=user_id, host=host)


def cookie_for(world: ApiWorld, *, session_id: str = SID, user_id: UUID = ALICE, host: str = HOST) -> str:
    """The cookie of a session at a host, whether the session lives or not."""
    edge = EdgeSession(session_id, user_id, 1, host, world.clock.now() + timedelta(hours=12))
    return EdgeCookieKey(edge_key(world.settings.service_secret)).seal(edge).reveal()


def edge_cookie(cookie: str) -> dict[str, str]:
    """The header with which a browser sends it."""
    return {"Cookie": f"__Host-paseport-edge={cookie}"}


def bearer(text: str) -> dict[str, str]:
    """The header that carries a token, or a key."""
    return {"Authorization": f"Bearer {text}"}


async def ask(
    world: ApiWorld,
    target: str = "/",
    headers: dict[str, str] | None = None,
    *,
    family: str = "/forward-auth",
    method: str = "GET",
    host: str = HOST,
    proto: str = "https",
    address: str = CLIENT,
    peer: str = PROXY,
) -> httpx.Response:
    """Ask as a proxy of a family does about a request with these headers."""
    sent = {"Host": "api.internal:3001", "X-Forwarded-For": address, **(headers or {})}
    url, asks_with = f"{ISSUER}{family}", "GET"
    if family == "/forward-auth":
        facts = {"Method": method, "Proto": proto, "Host": host, "Uri": target}
        sent |= {f"X-Forwarded-{name}": value for name, value in facts.items()}
    elif family == "/auth-request":
        facts = {"Method": method, "Proto": proto, "Host": host, "URI": target}
        sent |= {f"X-Original-{name}": value for name, value in facts.items()}
    else:
        url, asks_with = f"{ISSUER}{family}{target}", method
        sent |= {"Host": host, "X-Forwarded-Proto": proto}
    return await send(world, asks_with, url, list(sent.items()), peer=peer)


async def send(
    world: ApiWorld, method: str, url: str, headers: list[tuple[str, str]], *, peer: str = PROXY
) -> httpx.Response:
    """Send a request as it is; httpx adds headers of its own, which browsers would have sent."""
    sent = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    transport = httpx.ASGITransport(world.app, client=(peer, 50_000))
    async with httpx.AsyncClient(transport=transport, headers={"Accept": "*/*"}) as client:
        return await client.request(method, url, headers=sent)


def status_of(response: httpx.Response, family: str) -> int:
    """What a family's answer means: for nginx it stands in a header."""
    if family == "/auth-request" and response.status_code != 200:
        return int(response.headers["X-Paseport-Status"])
    return response.status_code


def identity_of(response: httpx.Response) -> dict[str, str]:
    """The identity set of an answer; a header that is missing is a KeyError."""
    return {name: response.headers[name] for name in IDENTITY}
