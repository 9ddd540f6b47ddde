"""Clients of the issuer as tests need them: registered in the settings, and going through the flow by hand."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import msgspec
from issuer_http import HttpWorld, running
from issuer_world import ISSUER, PASSWORD, IssuerWorld, issuer_settings
from paseport.secret import Secret
from paseport_issuer.settings import Settings

SHOP_SECRET = "shop-secret-of-at-least-32-characters-long"
WIKI_SECRET = "wiki-secret-of-at-least-32-characters-long"
ORDERS = "https://orders.example"

CLIENTS: list[dict[str, Any]] = [
    {
        "client_id": "shop",
        "name": "The shop",
        "grants": ["authorization_code", "refresh_token", "client_credentials"],
        "scopes": ["openid", "profile", "email", "offline_access"],
        "audiences": [ORDERS],
        "redirect_uris": ["https://shop.example/cb", "https://shop.example/cb?kept=1"],
        "post_logout_redirect_uris": ["https://shop.example/bye"],
        "secret": SHOP_SECRET,
    },
    {
        "client_id": "wiki",
        "name": "The wiki",
        "auth_method": "client_secret_post",
        "scopes": ["openid", "email"],
        "redirect_uris": ["https://wiki.example/cb"],
        "require_pkce": False,
        "secret": WIKI_SECRET,
    },
    {
        "client_id": "phone",
        "name": "The phone",
        "first_party": True,
        "application_type": "native",
        "auth_method": "none",
        "grants": ["authorization_code", "refresh_token"],
        "scopes": ["openid", "profile", "roles", "offline_access", "account"],
        "redirect_uris": ["http://127.0.0.1/cb", "https://phone.example/cb", "com.example.phone:/cb"],
    },
    {
        "client_id": "orders",
        "name": "The API of orders",
        "grants": ["client_credentials"],
        "scopes": ["openid"],
        "audiences": [ORDERS],
        "secret": SHOP_SECRET,
    },
    {
        "client_id": "closed",
        "name": "No longer in use",
        "disabled": True,
        "scopes": ["openid"],
        "redirect_uris": ["https://closed.example/cb"],
        "secret": SHOP_SECRET,
    },
]


@asynccontextmanager
async def running_provider(folder: Path, **changes: object) -> AsyncIterator[HttpWorld]:
    """Run an issuer that these clients are registered with; ``changes`` are to its settings."""
    async with running(IssuerWorld(folder, provider_settings(**changes))) as http:
        yield http


def provider_settings(**changes: object) -> Settings:
    """Return settings that have these clients; ``changes`` replace fields."""
    return issuer_settings(oauth_clients_json=Secret(msgspec.json.encode(CLIENTS).decode()), **changes)


@dataclass
class Party:
    """One client, and what it remembers of a sign-in that it began."""

    client_id: str
    redirect_uri: str
    scope: str
    auth: tuple[str, str] | None = None
    in_form: dict[str, str] = field(default_factory=dict)
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))
    nonce: str = field(default_factory=lambda: secrets.token_urlsafe(16))
    state: str = field(default_factory=lambda: secrets.token_urlsafe(16))

    def request(self, **changes: str | None) -> dict[str, str]:
        """Return the parameters of an authorization request; None leaves one out."""
        challenge = base64.urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest()).rstrip(b"=").decode()
        parameters: dict[str, str | None] = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "scope": self.scope,
            "state": self.state,
            "nonce": self.nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
            **changes,
        }
        return {name: value for name, value in parameters.items() if value is not None}

    async def ask(self, http: HttpWorld, path: str, form: dict[str, str]) -> httpx.Response:
        """Send a form to an endpoint as this client, from a server of its own: no cookies, no Origin."""
        transport = httpx.ASGITransport(http.public, client=("198.51.100.9", 50000))
        auth = None if self.auth is None else httpx.BasicAuth(*self.auth)
        named = {"client_id": self.client_id} if auth is None else {}
        async with httpx.AsyncClient(transport=transport, base_url=ISSUER) as server:
            # Given as None, httpx would look for credentials elsewhere.
            options = {} if auth is None else {"auth": auth}
            return await server.post(path, data={**named, **self.in_form, **form}, **options)

    async def redeem(self, http: HttpWorld, code: str, **changes: str) -> httpx.Response:
        """Exchange a code."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect_uri,
            "code_verifier": self.verifier,
        }
        return await self.ask(http, "/oauth2/token", {**form, **changes})

    async def refresh(self, http: HttpWorld, refresh_token: str, **changes: str) -> httpx.Response:
        """Present a refresh token."""
        form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        return await self.ask(http, "/oauth2/token", {**form, **changes})


def shop(scope: str = "openid profile email") -> Party:
    """A third-party client with a secret."""
    return Party("shop", "https://shop.example/cb", scope, auth=("shop", SHOP_SECRET))


def wiki() -> Party:
    """A third-party client that sends its secret in the form, and need not use PKCE."""
    return Party("wiki", "https://wiki.example/cb", "openid email", in_form={"client_secret": WIKI_SECRET})


def phone(scope: str = "openid profile roles", redirect_uri: str = "https://phone.example/cb") -> Party:
    """A first-party client without a secret."""
    return Party("phone", redirect_uri, scope)


def answer_of(response: httpx.Response) -> dict[str, str]:
    """Return what a redirect to a client carries."""
    assert response.status_code == 303
    return dict(parse_qsl(urlsplit(response.headers["location"]).query, keep_blank_values=True))


def transaction_of(response: httpx.Response) -> str:
    """Return the transaction that a page of the app is shown for."""
    return answer_of(response)["transaction"]


async def sign_in_for(browser: httpx.AsyncClient, response: httpx.Response, username: str = "alice") -> httpx.Response:
    """Sign in on the page that ``response`` leads to, and go on."""
    assert response.headers["location"].startswith("/login?transaction=")
    body = {"username": username, "password": PASSWORD.reveal(), "transaction": transaction_of(response)}
    signed_in = await browser.post("/auth/v1/login/local", json=body)
    assert signed_in.status_code == 200, signed_in.text
    return await browser.get(signed_in.json()["continue"])


async def agree_for(browser: httpx.AsyncClient, response: httpx.Response, *, approve: bool = True) -> httpx.Response:
    """Decide on the page that ``response`` leads to, and go on."""
    assert response.headers["location"].startswith("/consent?transaction=")
    path = f"/auth/v1/transactions/{transaction_of(response)}/consent"
    agreed = await browser.post(path, json={"approve": approve})
    assert agreed.status_code == 200, agreed.text
    return await browser.get(agreed.json()["continue"])


async def code_for(browser: httpx.AsyncClient, party: Party, **changes: str | None) -> str:
    """Go through the whole flow, as far as it is needed, and return the code."""
    response = await browser.get("/oauth2/authorize", params=party.request(**changes))
    if response.headers["location"].startswith("/login"):
        response = await sign_in_for(browser, response)
    if response.headers["location"].startswith("/consent"):
        response = await agree_for(browser, response)
    answer = answer_of(response)
    assert answer["state"] == party.state
    assert answer["iss"] == ISSUER
    return answer["code"]
