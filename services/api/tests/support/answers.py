"""The answers of the abuse cases, spelt out once."""

from __future__ import annotations

import httpx

CHALLENGE = 'Bearer realm="paseport"'


def assert_401n(response: httpx.Response) -> None:
    """No credential was presented: a challenge without an error (RFC 6750 §3)."""
    assert (response.status_code, response.json()["code"]) == (401, "authentication_required")
    assert response.headers["WWW-Authenticate"] == CHALLENGE


def assert_401t(response: httpx.Response) -> None:
    """A credential that does not do, whatever the cause: one constant answer but for the request id (TK-26)."""
    body = response.json()
    assert body.pop("request_id") == response.headers["X-Request-Id"]
    assert body == {
        "type": "about:blank",
        "title": "Unauthorized",
        "status": 401,
        "detail": "The access token is not valid.",
        "code": "invalid_token",
    }
    assert response.status_code == 401
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.headers["WWW-Authenticate"] == (
        f'{CHALLENGE}, error="invalid_token", error_description="The access token is not valid."'
    )
    assert response.headers["Cache-Control"] == "no-store"


def assert_503d(response: httpx.Response) -> None:
    """Nobody can say now: refused, and come back."""
    assert (response.status_code, response.json()["code"]) == (503, "unavailable")
    assert int(response.headers["Retry-After"]) >= 1


def assert_403(response: httpx.Response) -> None:
    """A known caller without the role. No challenge: signing in again would not help."""
    assert (response.status_code, response.json()["code"]) == (403, "insufficient_role")
    assert "WWW-Authenticate" not in response.headers
