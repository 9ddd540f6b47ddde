"""People and administrators in front of an installation: plain HTTP, as an app sends it, and what the answers say."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from http.cookies import SimpleCookie
from types import TracebackType
from typing import Any, Final, Self

import httpx
from paseport_testkit.harness.accounts import Account
from paseport_testkit.harness.stack import Stack
from paseport_testkit.harness.waiting import NotInTime

GRACE_SECONDS: Final = 1
"""How long a token that was spent may be presented again."""
KEY_DOCUMENT_SECONDS: Final = 1
"""The key document's max-age, and so how long a verifier may go by the last one where it does not know a key."""
RECOVERY_SECONDS: Final = 5.0
"""How long after a part is back everything works again (P7)."""
REVOKED_SECONDS: Final = 2.0
"""How long a verifier may take to refuse what was revoked, at worst (P2)."""
ROLES_SECONDS: Final = 1.0
"""How long a verifier may go by the old roles (P3)."""

_SESSION: Final = "__Host-paseport-session"
_REFRESH: Final = "__Host-paseport-refresh"
# Longer than any deadline inside a service: the answer is judged, never the patience of the caller.
_PATIENCE_SECONDS: Final = 15.0
_ASK_EVERY_SECONDS: Final = 0.05


class Way:
    """How requests reach the services. Each goes over a connection of its own: a service may have been killed since."""

    def __init__(self, issuer: httpx.Client, api: httpx.Client, origin: str) -> None:
        self.issuer = issuer
        self.api = api
        self.origin = origin

    @classmethod
    def direct(cls, stack: Stack) -> Self:
        """To the services' own ports, as the edge reaches them: what they say is heard as they said it."""
        headers = {"Host": stack.origin.removeprefix("https://")}
        issuer, api = (
            _client(stack, base_url=service.url, headers=headers) for service in (stack.issuers[0], stack.apis[0])
        )
        return cls(issuer, api, stack.origin)

    @classmethod
    def through_edge(cls, stack: Stack) -> Self:
        """As everybody else comes."""
        edge = _client(stack, base_url=stack.origin)
        return cls(edge, edge, stack.origin)

    def close(self) -> None:
        """Let go of what the clients hold."""
        self.issuer.close()
        self.api.close()


class Person:
    """One browser of one person. ``cookies`` and ``access_token`` are those of the last answers."""

    def __init__(self, way: Way, account: Account, user_id: str = "") -> None:
        self.account = account
        self.user_id = user_id
        self.access_token = ""
        self.cookies: dict[str, str] = {}
        self.way = way

    @property
    def refresh_token(self) -> str:
        """The refresh token of the browser."""
        return self.cookies[_REFRESH]

    @property
    def is_signed_in(self) -> bool:
        """Whether the browser holds a sign-in; the cookie of sign-ins to come stays when one ends."""
        return _SESSION in self.cookies or _REFRESH in self.cookies

    def by(self, way: Way) -> Person:
        """Return the same browser on another way."""
        other = Person(way, self.account, self.user_id)
        other.access_token, other.cookies = self.access_token, dict(self.cookies)
        return other

    def sign_in(self) -> httpx.Response:
        """Sign in with the password."""
        body = {"username": self.account.username, "password": self.account.password}
        return self._take_over(self._post("/auth/v1/login/local", json=body))

    def refresh(self, kept: str | None = None) -> httpx.Response:
        """Refresh; with ``kept``, as somebody who has only a copy of that token. The browser's cookies stay then."""
        if kept is not None:
            return self._post("/auth/v1/refresh", cookies={_REFRESH: kept})
        return self._take_over(self._post("/auth/v1/refresh"))

    def sign_out(self, *, everywhere: bool = False) -> httpx.Response:
        """Sign out this browser, or all devices. The access token stays here, to be tried afterwards."""
        return self._take_over(self._post("/auth/v1/logout", params={"all": "true"} if everywhere else {}))

    def ask_api(self) -> httpx.Response:
        """Ask the api for something that only administrators may see, which needs no store to be answered.

        Whoever is known gets 200 or 403, and neither before the token, the revocations and the roles were looked at.
        """
        return self.way.api.get("/api/admin/revocations", headers=self._bearer())

    def open_dashboard(self) -> httpx.Response:
        """Ask the api for the own page, which shows the sessions."""
        return self.way.api.get("/api/dashboard", headers=self._bearer())

    def redeem_reset(self, link: str, password: str) -> httpx.Response:
        """Set a new password through a one-time link."""
        return self._post("/auth/v1/password/reset", json={"token": link.rpartition("=")[2], "password": password})

    def _bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.access_token}"}

    def _post(self, path: str, *, cookies: dict[str, str] | None = None, **options: Any) -> httpx.Response:
        sent = self.cookies if cookies is None else cookies
        headers = {"X-CSRF": "1", "Origin": self.way.origin}
        if sent:
            # Written by hand: a cookie that is Secure would not be sent to a port that speaks http.
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in sent.items())
        return self.way.issuer.post(path, headers=headers, **options)

    def _take_over(self, answer: httpx.Response) -> httpx.Response:
        for name, value in set_cookies(answer).items():
            if value:
                self.cookies[name] = value
            else:
                self.cookies.pop(name, None)
        if answer.status_code == httpx.codes.OK:
            self.access_token = answer.json()["access_token"]
        return answer


@dataclass(frozen=True, slots=True)
class Entry:
    """A user as an administrator read it."""

    id: str
    version: str
    """The ETag, for If-Match."""
    fields: dict[str, Any]


class Administrator(Person):
    """A person who manages users."""

    def create(self, account: Account) -> httpx.Response:
        """Make a user."""
        return self._manage(
            "POST",
            "",
            json={
                "username": account.username,
                "email": account.email,
                "password": account.password,
                "roles": list(account.roles),
            },
        )

    def read(self, user_id: str) -> Entry:
        """Return a user as they are now."""
        answer = self._manage("GET", user_id)
        if answer.status_code != httpx.codes.OK:
            raise AssertionError(f"the user cannot be read: {shown(answer)}")
        return Entry(user_id, answer.headers["ETag"], answer.json())

    def knows(self, account: Account) -> bool:
        """Say whether there is a user of this name."""
        found = self._manage("GET", "", params={"search": account.username})
        return any(user["username"] == account.username for user in found.json()["items"])

    def change(self, entry: Entry, **fields: Any) -> httpx.Response:
        """Change what was read."""
        return self._manage("PATCH", entry.id, json=fields, headers={"If-Match": entry.version})

    def delete(self, entry: Entry) -> httpx.Response:
        """Delete what was read."""
        return self._manage("DELETE", entry.id, headers={"If-Match": entry.version})

    def make_reset_link(self, user_id: str) -> httpx.Response:
        """Make a one-time link for a new password."""
        return self._manage("POST", f"{user_id}/password-reset")

    def _manage(
        self, method: str, path: str, *, headers: dict[str, str] | None = None, **options: Any
    ) -> httpx.Response:
        headers = {**self._bearer(), **(headers or {})}
        return self.way.issuer.request(method, f"/users/v1/{path}".rstrip("/"), headers=headers, **options)


class People:
    """Everybody whom tests need, and one administrator. As a context manager it lets go of its connections."""

    def __init__(self, stack: Stack) -> None:
        self._ways = ExitStack()
        self.way = self._opened(Way.direct(stack))
        self.edge = self._opened(Way.through_edge(stack))
        self.admin = Administrator(self.way, stack.admin)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._ways.close()

    def let_admin_in(self) -> None:
        """Have the administrator hold a fresh access token, whatever a test before this one did."""

        def missing() -> str | None:
            if self.admin.cookies and self.admin.refresh().status_code == httpx.codes.OK:
                return None
            return unless_status(200, self.admin.sign_in())

        holds_within(RECOVERY_SECONDS, missing)

    def newcomer(self, *roles: str) -> Person:
        """Return somebody who was made and has signed in just now, with the role User unless others are given.

        Where a write is late to be confirmed, or the issuer is told of no revocations yet, as right after the repair of
        the drill before, somebody else is made.
        """
        made: list[tuple[Account, str]] = []

        def missing() -> str | None:
            account = stranger(*roles)
            answer = self.admin.create(account)
            if answer.status_code == httpx.codes.CREATED:
                made.append((account, answer.json()["id"]))
                return None
            if code_of(answer) not in ("recorded_not_in_force", "unavailable"):
                raise AssertionError(f"no user was made: {shown(answer)}")
            return shown(answer)

        holds_within(RECOVERY_SECONDS, missing)
        person = Person(self.way, *made[-1])
        signed_in = person.sign_in()
        if signed_in.status_code != httpx.codes.OK:
            raise AssertionError(f"the newcomer was not let in: {shown(signed_in)}")
        return person

    def _opened(self, way: Way) -> Way:
        self._ways.callback(way.close)
        return way


def stranger(*roles: str) -> Account:
    """Return an account that nobody has made yet."""
    return Account(f"person-{secrets.token_hex(6)}", roles or ("User",))


# --- what an answer says: None where it says so, else what it says instead ------------------------------------------


def unless_status(status: int, answer: httpx.Response) -> str | None:
    """None for an answer of this status."""
    return None if answer.status_code == status else f"not {status} but {shown(answer)}"


def unless_let_in(answer: httpx.Response) -> str | None:
    """None where the api knows the caller, whatever the caller may do there."""
    knows = answer.status_code == httpx.codes.OK or code_of(answer) == "insufficient_role"
    return None if knows else f"not let in but {shown(answer)}"


def unless_refused(answer: httpx.Response) -> str | None:
    """None where the access token is not accepted (any more): RFC 6750 §3.1."""
    refused = answer.status_code == httpx.codes.UNAUTHORIZED and code_of(answer) == "invalid_token"
    return None if refused else f"not refused but {shown(answer)}"


def unless_unavailable(answer: httpx.Response, code: str = "unavailable") -> str | None:
    """None for a 503 as every client may rely on it: when to come back, why, and the cookies stay (RFC 9457)."""
    problem = problem_of(answer)
    expected = {
        "503": answer.status_code == httpx.codes.SERVICE_UNAVAILABLE,
        "Retry-After": answer.headers.get("Retry-After", "").isdecimal() and int(answer.headers["Retry-After"]) >= 1,
        f"code {code}": problem.get("code") == code,
        "status in the body": problem.get("status") == answer.status_code,
        "request id": problem.get("request_id") == answer.headers.get("X-Request-Id"),
        "no cookie": not answer.headers.get_list("Set-Cookie"),
        "no-store": "no-store" in answer.headers.get("Cache-Control", ""),
    }
    lacking = [name for name, holds in expected.items() if not holds]
    return f"without {', '.join(lacking)}: {shown(answer)}" if lacking else None


def problem_of(answer: httpx.Response) -> dict[str, Any]:
    """Return the body of a refusal; an empty one where there is none."""
    if answer.headers.get("Content-Type") != "application/problem+json":
        return {}
    body: dict[str, Any] = answer.json()
    return body


def code_of(answer: httpx.Response) -> str:
    """Return the stable code of a refusal."""
    return str(problem_of(answer).get("code", ""))


def set_cookies(answer: httpx.Response) -> dict[str, str]:
    """Return the cookies that an answer sets, with an empty value for those that it clears."""
    held: dict[str, str] = {}
    for line in answer.headers.get_list("Set-Cookie"):
        for name, morsel in SimpleCookie(line).items():
            held[name] = "" if morsel["max-age"] == "0" else morsel.value
    return held


def generation_of(refresh_token: str) -> str:
    """Return the generation that a refresh token names: 0 for the first, 1 for its successor."""
    return refresh_token.split("_")[2]


def shown(answer: httpx.Response) -> str:
    """Return an answer for a message. Tokens are not in refusals."""
    body = "…" if answer.is_success else answer.text
    return f"{answer.status_code} {dict(answer.headers)} {body}"


# --- time -----------------------------------------------------------------------------------------------------------


def holds_within(seconds: float, missing: Callable[[], str | None]) -> None:
    """Ask until nothing is missing. What is asked once the time is over must hold; how long an answer takes is not it.

    Raises ``NotInTime``.
    """
    deadline = time.monotonic() + seconds
    while True:
        asked_at = time.monotonic()
        reason = missing()
        if reason is None:
            return
        if asked_at >= deadline:
            raise NotInTime(f"not within {seconds:g} s: {reason}")
        time.sleep(_ASK_EVERY_SECONDS)


def keeps_for(seconds: float, missing: Callable[[], str | None]) -> None:
    """Ask all the time until so much has passed. Raises ``AssertionError`` with the first thing that was missing."""
    begin = time.monotonic()
    while (passed := time.monotonic() - begin) < seconds:
        reason = missing()
        if reason is not None:
            raise AssertionError(f"after {passed:.1f} s of {seconds:g} s: {reason}")
        time.sleep(_ASK_EVERY_SECONDS)


def _client(stack: Stack, **options: Any) -> httpx.Client:
    limits = httpx.Limits(max_keepalive_connections=0)
    return httpx.Client(timeout=_PATIENCE_SECONDS, limits=limits, trust_env=False, verify=stack.edge.tls(), **options)
