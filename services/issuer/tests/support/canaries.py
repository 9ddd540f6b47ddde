"""Secrets in every place of a request, and a look at all that was written down afterwards (LG-21, P11)."""

from __future__ import annotations

import base64
import io
import itertools
import json
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx
import structlog
from issuer_http import BROWSER, HttpWorld, sign_in
from issuer_world import ISSUER, PASSWORD
from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from paseport_shared.http.logging import LOGGED_FROM_LEVEL, configure_logging

USER_ID = "01890a5d-ac96-774b-bcce-b302099a8057"
VERIFIER = {"name": "Reports", "audience": "https://reports.example.com"}
CLIENT = {"client_id": "shop", "name": "Shop", "redirect_uris": ["https://shop.example.com/callback"]}
PROVIDER = {
    "name": "corp",
    "display_name": "Corp",
    "issuer": "https://idp.example.com",
    "client_id": "paseport",
    "client_secret": "canary-of-a-provider-that-nobody-may-see-again",
}
COOKIES = ("__Host-paseport-session", "__Host-paseport-refresh", "paseport-refresh", "other")
_IN_TURN = 4
"""Of so many placements a secret is in one."""


@contextmanager
def everything_logged() -> Iterator[io.BytesIO]:
    """Everything that is logged, as our own configuration writes it, with the libraries at DEBUG too."""
    root, client = logging.getLogger(), logging.getLogger("httpx")
    before = (root.handlers[:], root.level, client.level, structlog.get_config())
    stream = io.BytesIO()
    configure_logging("DEBUG", stream)
    structlog.configure(cache_logger_on_first_use=False)
    root.setLevel(logging.DEBUG)
    client.setLevel(logging.WARNING)  # the tests' own client logs the addresses that it asks for
    try:
        yield stream
    finally:
        root.handlers[:], level, client_level, config = before
        root.setLevel(level)
        client.setLevel(client_level)
        for name in LOGGED_FROM_LEVEL:
            logging.getLogger(name).setLevel(logging.NOTSET)
        structlog.configure(**config)


async def secrets_of(http: HttpWorld) -> dict[str, str]:
    """One genuine secret of every kind that the issuer makes, takes or holds."""
    await http.world.add_user("root", roles=("Admin",))
    alice = await http.world.add_user("alice")
    async with http.browser() as browser:
        access_token = (await sign_in(browser, "root")).json()["access_token"]
        session, refresh = (browser.cookies[name] for name in COOKIES[:2])
    async with http.bearer(access_token) as admin:
        link = (await admin.post(f"/users/v1/{alice.id}/password-reset")).json()["url"]
        client = (await admin.post("/clients/v1", json=CLIENT)).json()
        verifier = (await admin.post("/verifiers/v1", json=VERIFIER)).json()
        key = (await admin.post(f"/api/users/{alice.id}/tokens", json={"name": "canary"})).json()
        rotated = (await admin.post(f"/api/users/{alice.id}/tokens/{key['id']}/rotate", json={})).json()
        assert (await admin.post("/auth/v1/providers", json=PROVIDER)).status_code == 201
    settings = http.world.settings
    assert settings.cli_secret is not None
    return {
        "password": PASSWORD.reveal(),
        "access token": access_token,
        "session cookie": session,
        "refresh token": refresh,
        "reset token": link.partition("#token=")[2],
        "client secret": client["client_secret"],
        "verifier's secret": verifier["client_secret"],
        "verifier's credential": basic_credential(verifier["client_id"], verifier["client_secret"]),
        "API key": key["key"],
        "rotated API key": rotated["key"],
        "API key pepper": settings.api_key_pepper.reveal().partition(":")[2],
        "provider's client secret": PROVIDER["client_secret"],
        "app's client secret": settings.bff_client_secret.reveal(),
        "service secret": settings.service_secret.reveal(),
        "command line secret": settings.cli_secret.reveal(),
        "refresh key": settings.refresh_key.reveal().decode(),
        "password pepper": "p" * 32,
    }


def basic_credential(client_id: str, secret: str) -> str:
    """What HTTP Basic makes of an id and a secret (RFC 7617 §2)."""
    return base64.b64encode(f"{client_id}:{secret}".encode()).decode()


def known_by(bearer: str) -> dict[str, str]:
    """What somebody sends who is known by a token or a secret."""
    return {**BROWSER, "Authorization": f"Bearer {bearer}"}


def routes(app: Litestar) -> Iterator[tuple[str, str]]:
    """Every method and path of an app, the documents included."""
    for route in app.routes:
        for handler in getattr(route, "route_handlers", []):
            if isinstance(handler, HTTPRouteHandler):
                for method in sorted(handler.http_methods):
                    path = route.path
                    for name in ("user", "identity", "provider"):
                        path = path.replace(f"{{{name}_id:uuid}}", USER_ID)
                    path = path.replace("{provider:str}", PROVIDER["name"])
                    yield method, path.replace("{key:str}", "id").replace("{version:int}", "1")


def last_if_it_ends_the_session(route: tuple[str, str]) -> bool:
    """Sort key: whoever signs out everywhere is known nowhere afterwards."""
    return route[0] == "POST" and route[1].endswith("/end-all")


def placements(method: str, path: str, canary: str) -> Iterator[dict[str, Any]]:
    """Requests that carry the canary, each in another place. What changes nothing of the answer goes together."""
    yield {
        "params": {"token": canary, "search": canary, "cursor": canary, canary: "1"},
        "headers": {
            "If-Match": canary,
            "X-Request-Id": canary,
            "Referer": f"{ISSUER}/?{canary}",
            "X-Forwarded-For": canary,
            "Forwarded": canary,
        },
    }
    yield {"headers": {"Authorization": f"Bearer {canary}"}}
    yield {"headers": {"Authorization": f"Basic {canary}", "X-Api-Key": canary, "X-CSRF": canary}}
    yield {"headers": {"Cookie": "; ".join(f"{name}={canary}" for name in COOKIES)}}
    yield {"headers": {"Accept": canary, "Content-Type": canary}}
    yield {"headers": {"Origin": f"https://{canary.replace(' ', '-')}.example"}}
    yield {"content": canary}
    if method == "GET":
        return
    # Whoever types into the wrong field types a password; whoever calls a program wrongly sends a token.
    fields = ("username", "password", "token", "subject", canary)
    yield {"content": json.dumps(canary)}
    yield {"content": '{"password":"' + canary}
    if not path.startswith("/users"):
        yield {"json": dict.fromkeys(fields[:2], canary)}
        yield {"json": dict.fromkeys(fields[1:3], canary)}
    yield {"json": dict.fromkeys(fields, canary)}
    yield {"data": dict.fromkeys(fields, canary)}


async def drive(
    app: Litestar,
    base_url: str,
    headers: Mapping[str, str],
    secrets: Mapping[str, str],
    known_on: Callable[[str], bool],
    known_otherwise: Mapping[str, str] | None = None,
) -> None:
    """Send every secret to every route, each time in a fourth of the placements in turn, as somebody known.

    Every answer is read. All secrets in all placements would be twenty thousand requests; what comes to a route in one
    placement is treated alike, whatever it is.

    ``known_otherwise`` are routes where another Authorization counts than that of ``headers``.
    """
    transport = httpx.ASGITransport(app, client=("192.0.2.7", 50000))
    turn = itertools.count()
    async with httpx.AsyncClient(transport=transport, base_url=base_url, headers=dict(headers)) as client:
        for method, path in sorted([*routes(app), ("GET", "/nothing")], key=last_if_it_ends_the_session):
            statuses = set()
            if known_otherwise is not None:
                client.headers["Authorization"] = known_otherwise.get(path, headers["Authorization"])
            for name, canary in secrets.items():
                first = next(turn) % _IN_TURN
                for request in itertools.islice(placements(method, path, canary), first, None, _IN_TURN):
                    answer = await client.request(method, path, **request)
                    client.cookies.clear()
                    statuses.add(answer.status_code)
                    assert answer.status_code < 500 or answer.status_code == 503, (method, path, name)
                    if not is_issued(path, answer, canary):
                        assert canary not in answer.text, (method, path, name)
                    assert canary not in str(answer.headers.multi_items()), (method, path, name)
            if known_on(path):
                assert statuses - {401, 403, 429}, (method, path, "nothing came past the guards")
        for canary in secrets.values():
            for path in (f"/users/v1/{canary}", f"/{canary}", f"/auth/v1/{canary}", f"/users/v1/{USER_ID}/{canary}"):
                assert canary not in (await client.get(path)).text


def is_issued(path: str, answer: httpx.Response, canary: str) -> bool:
    """Say whether an answer is meant to hold a token: one that was just made may not be told from a canary."""
    return answer.is_success and path.endswith("token") and canary.startswith("v4.public.")


def assert_none_in(text: str, secrets: Mapping[str, str]) -> None:
    """Fail where a text holds a secret, or the part of one that makes it one."""
    for name, secret in secrets.items():
        assert secret not in text, name
        # Nor the part of a cookie or a token that makes it one: ids may be written down.
        for part in secret.replace(".", "_").split("_"):
            assert len(part) < 40 or part not in text, name
