"""The client that the installation was started with, and somebody who signs in to it: plain HTTP, without pages."""

from __future__ import annotations

import base64
import hashlib
import secrets
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
from paseport_testkit.harness.stack import Stack
from people import Person, Way, set_cookies


class SampleClient:
    """A third-party client with a secret, which asks from a server of its own."""

    def __init__(self, stack: Stack, way: Way) -> None:
        self._client = stack.client
        self._way = way

    def code_for(self, person: Person, scope: str = "openid email", resource: str | None = None) -> tuple[str, str]:
        """Have somebody sign in and agree; return the code, and the verifier that goes with it.

        With ``resource`` the access token is for that service, else for the issuer's own userinfo.
        """
        verifier = secrets.token_urlsafe(48)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        asked = self._get(
            person,
            "/oauth2/authorize",
            response_type="code",
            client_id=self._client["client_id"],
            redirect_uri=self._client["redirect_uris"][0],
            scope=scope,
            code_challenge=challenge,
            code_challenge_method="S256",
            **({} if resource is None else {"resource": resource}),
        )
        if asked.headers["Location"].startswith("/consent"):
            transaction = _query(asked)["transaction"]
            agreed = self._way.issuer.post(
                f"/auth/v1/transactions/{transaction}/consent",
                json={"approve": True},
                headers={"X-CSRF": "1", "Origin": self._way.origin, **_cookies(person)},
            )
            asked = self._get(person, agreed.raise_for_status().json()["continue"])
        return _query(asked)["code"], verifier

    def redeem(self, code: tuple[str, str]) -> httpx.Response:
        """Exchange a code for tokens."""
        return self._ask(
            "token",
            grant_type="authorization_code",
            code=code[0],
            code_verifier=code[1],
            redirect_uri=self._client["redirect_uris"][0],
        )

    def tokens_for(self, person: Person, scope: str = "openid email", resource: str | None = None) -> dict[str, Any]:
        """Return the tokens of a client that somebody signs in to."""
        tokens: dict[str, Any] = self.redeem(self.code_for(person, scope, resource)).raise_for_status().json()
        return tokens

    def own_token(self, resource: str) -> str:
        """Return an access token of the client itself for a service."""
        answer = self._ask("token", grant_type="client_credentials", resource=resource).raise_for_status()
        token: str = answer.json()["access_token"]
        return token

    def refresh(self, refresh_token: str) -> httpx.Response:
        """Present a refresh token."""
        return self._ask("token", grant_type="refresh_token", refresh_token=refresh_token)

    def revoke(self, token: str) -> httpx.Response:
        """Revoke a token."""
        return self._ask("revoke", token=token)

    def introspect(self, token: str) -> httpx.Response:
        """Ask what a token is worth."""
        return self._ask("introspect", token=token)

    def _ask(self, endpoint: str, **form: str) -> httpx.Response:
        auth = (self._client["client_id"], self._client["secret"])
        return self._way.issuer.post(f"/oauth2/{endpoint}", data=form, auth=auth)

    def _get(self, person: Person, path: str, **parameters: str) -> httpx.Response:
        answer = self._way.issuer.get(path, params=parameters or None, headers=_cookies(person))
        person.cookies.update(set_cookies(answer))
        assert answer.status_code == httpx.codes.SEE_OTHER, answer.text
        return answer


def unless_refused_for(error: str, status: int, answer: httpx.Response) -> str | None:
    """None for this refusal of an OAuth endpoint (RFC 6749 §5.2)."""
    is_json = answer.headers.get("Content-Type") == "application/json"
    if answer.status_code == status and is_json and answer.json().get("error") == error:
        return None
    return f"not {status} {error} but {answer.status_code} {answer.text}"


def unless_told_to_wait(answer: httpx.Response) -> str | None:
    """None for a 503 of an OAuth endpoint that says when to come back."""
    if not answer.headers.get("Retry-After", "").isdecimal():
        return f"without Retry-After: {answer.status_code} {answer.text}"
    return unless_refused_for("temporarily_unavailable", 503, answer)


def _query(answer: httpx.Response) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(answer.headers["Location"]).query))


def _cookies(person: Person) -> dict[str, str]:
    return {"Cookie": "; ".join(f"{name}={value}" for name, value in person.cookies.items())}
