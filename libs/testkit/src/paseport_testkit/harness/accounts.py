"""Accounts for trying: made over HTTP by the first administrator, as a person would."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import requests

from paseport_testkit.harness.nginx import Edge

_TIMEOUT_SECONDS: Final = 15.0


class Refused(Exception):
    """The installation answered a request of the harness with something else than a success."""


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who can sign in, or who could until they were disabled."""

    username: str
    roles: tuple[str, ...] = ()
    disabled: bool = False
    password: str = field(default_factory=lambda: secrets.token_urlsafe(18), repr=False)

    @property
    def email(self) -> str:
        """The address; nobody receives mail there."""
        return f"{self.username}@example.test"


class Administrator:
    """The first administrator at the edge of an installation."""

    def __init__(self, edge: Edge, account: Account) -> None:
        self._edge = edge
        self._account = account
        self._token = ""

    def create(self, accounts: Sequence[Account]) -> None:
        """Sign in and make the accounts; disable those that are to be disabled. Raises ``Refused``."""
        self._token = self._sign_in()
        for account in accounts:
            created = self._ask(
                "POST",
                "/users/v1",
                {
                    "username": account.username,
                    "email": account.email,
                    "password": account.password,
                    "roles": list(account.roles),
                },
            )
            if account.disabled:
                self._disable(created.json()["id"])

    def _sign_in(self) -> str:
        body = {"username": self._account.username, "password": self._account.password}
        token: str = self._ask("POST", "/auth/v1/login/local", body).json()["access_token"]
        return token

    def _disable(self, user_id: str) -> None:
        path = f"/users/v1/{user_id}"
        version = self._ask("GET", path).headers["ETag"]
        self._ask("PATCH", path, {"disabled": True}, version)

    def _ask(
        self, method: str, path: str, body: dict[str, Any] | None = None, version: str | None = None
    ) -> requests.Response:
        headers = {"X-CSRF": "1", "Origin": self._edge.origin}
        if version is not None:
            headers["If-Match"] = version
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        answer = requests.request(
            method,
            f"{self._edge.origin}{path}",
            json=body,
            headers=headers,
            verify=str(self._edge.certificates.ca),
            timeout=_TIMEOUT_SECONDS,
        )
        if not answer.ok:
            raise Refused(f"{method} {path} was answered {answer.status_code}: {answer.text}")
        return answer
