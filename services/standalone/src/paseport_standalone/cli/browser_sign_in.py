"""Signing in through the browser: authorization code with PKCE, back to a loopback address (RFC 8252)."""

from __future__ import annotations

import base64
import hashlib
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

import httpx
import msgspec

from paseport_standalone.cli.callback_listener import CallbackListener
from paseport_standalone.cli.errors import CommandFailed
from paseport_standalone.cli.issuer_http import answer, oauth_answer, open_issuer, read
from paseport_standalone.cli.sign_ins import SignIn

CLIENT_ID: Final = "cli"
_SCOPE: Final = "openid profile roles account admin offline_access"
_METADATA: Final = "/.well-known/oauth-authorization-server"


class _Metadata(msgspec.Struct, frozen=True):
    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    userinfo_endpoint: str
    revocation_endpoint: str


class _Tokens(msgspec.Struct, frozen=True):
    access_token: str
    token_type: str
    expires_in: int
    refresh_token: str


class _UserInfo(msgspec.Struct, frozen=True):
    sub: str
    preferred_username: str | None = None


@dataclass(frozen=True, slots=True)
class Endpoints:
    """The paths of an issuer's endpoints."""

    authorization: str
    token: str
    userinfo: str
    revocation: str


def sign_in(issuer: str, show: Callable[[str], None]) -> SignIn:
    """Let somebody sign in; ``show`` is given the address that their browser has to open.

    Raises ``CommandFailed``.
    """
    verifier, state = secrets.token_urlsafe(48), secrets.token_urlsafe(24)
    with open_issuer(issuer) as http, CallbackListener(state) as listener:
        endpoints = discover(http, issuer)
        show(_request(issuer + endpoints.authorization, listener.redirect_uri, verifier, state))
        given = listener.wait()
        # Mix-up: an answer of another issuer is not taken to this one (RFC 9207 §2.4).
        if given.get("iss") != issuer:
            raise CommandFailed("unexpected_answer", "The answer came from another issuer.")
        if "code" not in given:
            raise CommandFailed(given.get("error", "unexpected_answer"), _refusal(given.get("error")))
        form = {
            "grant_type": "authorization_code",
            "client_id": CLIENT_ID,
            "code": given["code"],
            "redirect_uri": listener.redirect_uri,
            "code_verifier": verifier,
        }
        tokens = _tokens(http, endpoints, form)
        headers = {"Authorization": f"Bearer {tokens.access_token}"}
        who = read(answer(http, "GET", endpoints.userinfo, headers=headers), _UserInfo)
        return _sign_in(who.preferred_username or who.sub, tokens)


def refreshed(http: httpx.Client, issuer: str, held: SignIn) -> SignIn:
    """Return the successor of a sign-in. Raises ``CommandFailed``, ``invalid_grant`` where it has ended."""
    form = {"grant_type": "refresh_token", "client_id": CLIENT_ID, "refresh_token": held.refresh_token}
    return _sign_in(held.username, _tokens(http, discover(http, issuer), form))


def revoke(http: httpx.Client, issuer: str, held: SignIn) -> None:
    """End a sign-in at its issuer (RFC 7009). Raises ``CommandFailed``."""
    form = {"client_id": CLIENT_ID, "token": held.refresh_token, "token_type_hint": "refresh_token"}
    oauth_answer(http, discover(http, issuer).revocation, form)


def discover(http: httpx.Client, issuer: str) -> Endpoints:
    """Return where an issuer's endpoints are (RFC 8414 §3). Raises ``CommandFailed``."""
    metadata = read(answer(http, "GET", _METADATA), _Metadata)
    if metadata.issuer != issuer:
        raise CommandFailed(
            "unexpected_answer", f"The issuer calls itself {metadata.issuer}.", advice="Name it as it calls itself."
        )
    named = (
        metadata.authorization_endpoint,
        metadata.token_endpoint,
        metadata.userinfo_endpoint,
        metadata.revocation_endpoint,
    )
    if not all(endpoint.startswith(f"{issuer}/") for endpoint in named):
        raise CommandFailed("unexpected_answer", "The issuer names an endpoint that is not its own.")
    return Endpoints(*(endpoint.removeprefix(issuer) for endpoint in named))


def _request(endpoint: str, redirect_uri: str, verifier: str, state: str) -> str:
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    parameters = {
        "response_type": "code",
        "client_id": CLIENT_ID,
        "redirect_uri": redirect_uri,
        "scope": _SCOPE,
        "state": state,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
        # Some commands need a sign-in of just now, which a session that the browser still has is not.
        "prompt": "login",
    }
    return f"{endpoint}?{urlencode(parameters)}"


def _tokens(http: httpx.Client, endpoints: Endpoints, form: dict[str, str]) -> _Tokens:
    tokens = read(oauth_answer(http, endpoints.token, form), _Tokens)
    if tokens.token_type.lower() != "bearer":
        raise CommandFailed("unexpected_answer", f"The issuer gave a token of type {tokens.token_type}.")
    return tokens


def _sign_in(username: str, tokens: _Tokens) -> SignIn:
    return SignIn(username, tokens.access_token, time.time() + tokens.expires_in, tokens.refresh_token)


def _refusal(error: str | None) -> str:
    return "The sign-in was not allowed." if error == "access_denied" else "The issuer refused the sign-in."
