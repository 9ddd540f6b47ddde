"""An operator who rotates keys over HTTP, and browsers who know which key has been revoked."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final, Self

import httpx
from browser import Browser, Session
from load import Load
from paseport_testkit.harness.accounts import Account
from paseport_testkit.harness.stack import Stack

REVOKED_KEY_WITHIN_SECONDS: Final = 10.0
"""P5: how long after its revocation was acknowledged a key may be believed, at worst."""
_DECISION: Final = "/api/admin/revocations"
_PATIENCE_SECONDS: Final = 20.0


def kid_of(token: str) -> str:
    """Return the id of the key that an access token names."""
    footer = token.split(".")[3]
    kid: str = json.loads(base64.urlsafe_b64decode(footer + "=" * (-len(footer) % 4)))["kid"]
    return kid


@dataclass(slots=True)
class RevokedKeys:
    """Which keys somebody began to revoke, and when it was acknowledged."""

    ending: set[str] = field(default_factory=set)
    ended_at: dict[str, float] = field(default_factory=dict)


class KeyAwareBrowser(Browser):
    """A browser whose access token is as good as the key that signed it."""

    revoked = RevokedKeys()
    token_life_seconds = 0.0

    async def _call(self, session: Session, token: str, issued_at: float) -> bool:
        kid = kid_of(token)
        if kid not in self.revoked.ending:
            if time.monotonic() - issued_at > self.token_life_seconds / 2:
                return False
            found = len(self.findings.wrong)
            accepted = await super()._call(session, token, issued_at)
            if kid in self.revoked.ending and not accepted:
                # It was revoked while the question was under way: either answer is right.
                del self.findings.wrong[found:]
            return accepted
        headers = {"Host": self._host, "Authorization": f"Bearer {token}"}
        answer = await self._ask("call", self.api, "GET", _DECISION, headers)
        ended_at = self.revoked.ended_at.get(kid)
        if answer is not None and answer.status == 200 and ended_at is not None:
            after = answer.sent_at - ended_at
            if after > REVOKED_KEY_WITHIN_SECONDS:
                self.findings.revoked_accepted.append(f"a revoked key, {after:.2f} s after: {answer}, {self!r}")
        return False


class KeyLoad(Load):
    """Browsers at an installation whose keys are rotated, and whose access tokens live so long."""

    def __init__(self, stack: Stack, *, token_life_seconds: float) -> None:
        self.revoked = RevokedKeys()
        self._token_life_seconds = token_life_seconds
        super().__init__(stack)

    def _browser(self, name: str, account: Account) -> Browser:
        browser = KeyAwareBrowser(name, account, self._stack.origin, self._issuer, self._api)
        browser.revoked = self.revoked
        browser.token_life_seconds = self._token_life_seconds
        return browser


class KeyOperator:
    """The first administrator, at the edge: signed in once, with a fresh access token for each request."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._edge = httpx.Client(
            base_url=stack.origin,
            verify=stack.edge.tls(),
            trust_env=False,
            timeout=_PATIENCE_SECONDS,
            headers={"X-CSRF": "1", "Origin": stack.origin},
        )
        credentials = {"username": stack.admin.username, "password": stack.admin.password}
        assert self._edge.post("/auth/v1/login/local", json=credentials).status_code == 200

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._edge.close()

    def find_token(self) -> str | None:
        """Return a fresh access token; None while nothing is signed."""
        answer = self._edge.post("/auth/v1/refresh")
        if answer.status_code == 503:
            return None
        assert answer.status_code == 200, answer.text
        token: str = answer.json()["access_token"]
        return token

    def token(self) -> str:
        """Return a fresh access token, as soon as there is one."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while (token := self.find_token()) is None:
            assert time.monotonic() < deadline, "nothing is signed"
            time.sleep(0.1)
        return token

    def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> httpx.Response:
        """Return what the admin API answers."""
        headers = {"Authorization": f"Bearer {self.token()}"}
        return self._edge.request(method, path, json=body, headers=headers)

    def versions(self, key: str) -> list[dict[str, Any]]:
        """Return every version of a key, oldest first."""
        items = self.ask("GET", "/keys/v1").raise_for_status().json()["items"]
        return [item for item in items if item["key"] == key]

    def document(self, path: str) -> list[dict[str, Any]]:
        """Return the keys that a key document names."""
        keys: list[dict[str, Any]] = self._edge.get(path).raise_for_status().json()["keys"]
        return keys

    def publish(self, key: str, key_name: str) -> dict[str, Any]:
        """Make a version in Vault, which the issuer's policy leaves to operators, and publish it."""
        self._stack.vault.rotate(key_name)
        published: dict[str, Any] = (
            self.ask("POST", f"/keys/v1/{key}/publish", {"create": True}).raise_for_status().json()
        )
        return published

    def activate(self, key: str, version: int) -> None:
        """Let a version sign, as soon as the issuer lets it."""
        while (answer := self.ask("POST", f"/keys/v1/{key}/versions/{version}/activate")).status_code == 409:
            time.sleep(int(answer.headers["Retry-After"]))
        answer.raise_for_status()


class Prober:
    """Presents one token at one service all the time, and remembers when it was last accepted."""

    def __init__(self, name: str, url: str, host: str, token: str) -> None:
        self.name = name
        self.accepted_at: float | None = None
        self.refused_at: float | None = None
        self.others: list[str] = []
        self._ask: Callable[[httpx.Client], httpx.Response] = lambda client: client.get(
            url, headers={"Host": host, "Authorization": f"Bearer {token}"}
        )
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._over = threading.Event()

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        with httpx.Client(trust_env=False, timeout=_PATIENCE_SECONDS) as client:
            while not self._over.is_set():
                asked_at = time.monotonic()
                answer = self._ask(client)
                if answer.status_code == 200:
                    self.accepted_at = asked_at
                elif answer.status_code == 401:
                    self.refused_at = self.refused_at or time.monotonic()
                else:
                    self.others.append(f"{answer.status_code} {answer.text}")
                self._over.wait(0.02)
