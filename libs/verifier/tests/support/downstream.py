"""A service behind a verifier: the issuer's key and users, the verifier's real parts, and callers who speak ASGI."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from paseport.authenticate_bearer import AuthenticateBearer
from paseport.claims import Claims
from paseport.claims_json import encode_claims
from paseport.find_subject import FindSubject
from paseport.key_set import KeyStatus, PublishedKey, StaticKeySet
from paseport.paserk import public_key_id
from paseport.principal import Principal
from paseport.revocation import FeedPosition, FeedSnapshot, Revocation, RevocationKind
from paseport.revocation_list import RevocationList
from paseport.subject import SubjectState
from paseport.token_verifier import TokenVerifier
from paseport.v4_public import assemble, footer_for, signing_input
from paseport_shared.adapters.memory.clock import ManualClock
from paseport_shared.adapters.memory.outage import MemoryOutage
from paseport_shared.adapters.memory.role_directory import MemoryRoleDirectory

ISSUER = "https://auth.example.com"
AUDIENCE = "https://reports.example.com"
ALICE = UUID("0198c0de-0000-7000-8000-000000000001")
CHALLENGE = 'Bearer realm="paseport"'
INVALID_TOKEN = f'{CHALLENGE}, error="invalid_token", error_description="The access token is not valid."'


class Nobody:
    """A ``SubjectSource`` that knows nobody."""

    def __init__(self, outage: MemoryOutage) -> None:
        self._outage = outage

    async def resolve(self, user_id: UUID) -> SubjectState | None:
        self._outage.check()
        return None


class Downstream:
    """A verifier of real parts, and the means to mint tokens for it, to take parts away and to revoke.

    It is a ``RunningVerifier`` itself and remembers when it was started and closed.
    """

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.keys_down, self.roles_down = MemoryOutage(), MemoryOutage()
        self.events: list[str] = []
        self.asked = 0
        self._signing_key = Ed25519PrivateKey.from_private_bytes(b"a seed that signs nothing real!!")
        public_key = self._signing_key.public_key().public_bytes_raw()
        self._key = PublishedKey(public_key_id(public_key), public_key, KeyStatus.ACTIVE)
        self.keys = StaticKeySet([self._key])
        self.directory = MemoryRoleDirectory(self.roles_down)
        self.source = Nobody(self.roles_down)
        self.revocations = RevocationList(self.clock)
        self.revocations.merge(FeedSnapshot(FeedPosition(1, 0), ()))
        self._authenticate = AuthenticateBearer(
            TokenVerifier(
                self.keys, issuer=ISSUER, audience=AUDIENCE, max_lifetime=timedelta(hours=1), clock=self.clock
            ),
            self.revocations,
            FindSubject(self.directory, self.source, self.clock),
            self.clock,
        )

    async def start(self) -> None:
        self.events.append("verifier started")

    async def aclose(self) -> None:
        if self.events.count("verifier closed") < self.events.count("verifier started"):
            self.events.append("verifier closed")

    async def verify(self, token: str | None) -> Principal:
        self.asked += 1
        self.keys_down.check()
        return await self._authenticate(token)

    async def alice_holds(self, *roles: str, revision: int = 1) -> None:
        """Put Alice's roles of today into the directory."""
        await self.directory.put(SubjectState(ALICE, "alice", frozenset(roles), True, 1, revision))

    def token(self, *scope: str, **changes: Any) -> str:
        """Return a token of Alice with these scopes, signed by the issuer; ``changes`` are other claims."""
        now = self.clock.now()
        claims = Claims(
            issuer=ISSUER,
            subject=str(ALICE),
            audience=AUDIENCE,
            expires_at=now + timedelta(minutes=5),
            not_before=now,
            issued_at=now,
            token_id="jti-1",
            client_id="app",
            scope=scope or ("roles", "reports"),
            session_id="sid-1",
            family_id="fid-1",
            user_version=1,
            key_id=self._key.kid,
        )
        message = encode_claims(replace(claims, **changes))
        footer = footer_for(self._key.kid)
        return assemble(message, self._signing_key.sign(signing_input(message, footer)), footer)

    def revoke_session(self) -> None:
        """Revoke the session that Alice's tokens belong to."""
        now = self.clock.now()
        revocation = Revocation(RevocationKind.SESSION, "sid-1", None, now, now + timedelta(minutes=6))
        self.revocations.merge(FeedSnapshot(FeedPosition(1, 1), (revocation,)))

    def bad_tokens(self) -> dict[str, str]:
        """One token for each check that a token can fail, by the name of the check."""
        good = self.token()
        second = timedelta(seconds=1)
        return {
            "grammar": "v4.public.junk",
            "another version": good.replace("v4.public", "v3.public"),
            "signature": good[:40] + ("A" if good[40] != "A" else "B") + good[41:],
            "issuer": self.token(issuer="https://other.example.com"),
            "audience": self.token(audience="https://other.example.com"),
            "expired": self.token(
                issued_at=self.clock.now() - 60 * second,
                not_before=self.clock.now() - 60 * second,
                expires_at=self.clock.now() - second,
            ),
            "not yet": self.token(not_before=self.clock.now() + 60 * second),
            "unknown subject": self.token(subject="0198c0de-0000-7000-8000-00000000dead"),
        }


# --- ASGI, spoken by hand: nothing tidies up what is sent -------------------------------------------------------------


@dataclass
class Exchange:
    """What an application sent."""

    sent: list[dict[str, Any]] = field(default_factory=list)

    @property
    def status(self) -> int:
        return int(self.sent[0]["status"])

    @property
    def headers(self) -> dict[str, str]:
        return {name.decode(): value.decode() for name, value in self.sent[0]["headers"]}

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.sent[1:])

    @property
    def problem(self) -> dict[str, Any]:
        problem: dict[str, Any] = json.loads(self.body)
        return problem


def http_scope(*authorization: bytes, method: str = "GET", path: str = "/reports", **changes: Any) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "https",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"reports.example.com"), *((b"authorization", value) for value in authorization)],
        "client": ("192.0.2.7", 50000),
        "server": ("192.0.2.1", 443),
        **changes,
    }


def websocket_scope(*authorization: bytes, extension: bool = True, **changes: Any) -> dict[str, Any]:
    extensions = {"websocket.http.response": {}} if extension else {}
    scope = http_scope(*authorization, **{"type": "websocket", "scheme": "wss", "subprotocols": []} | changes)
    del scope["method"]
    return {**scope, "extensions": extensions}


async def exchange(app: Any, scope: dict[str, Any], *messages: dict[str, Any]) -> Exchange:
    """Run the application once; after ``messages`` the caller stays and says nothing."""
    if not messages:
        is_http = scope["type"] == "http"
        messages = ({"type": "http.request", "body": b""} if is_http else {"type": "websocket.connect"},)
    waiting = list(messages)
    seen = Exchange()

    async def receive() -> dict[str, Any]:
        if waiting:
            return waiting.pop(0)
        return await asyncio.get_running_loop().create_future()

    async def send(message: dict[str, Any]) -> None:
        seen.sent.append(message)

    await app(scope, receive, send)
    return seen


def client(app: Callable[..., Awaitable[None]]) -> httpx.AsyncClient:
    """A client that sees the answer even where the server would log an error."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="https://reports.example.com")


def authorization(*values: bytes | str) -> list[tuple[bytes, bytes]]:
    """Header lines for httpx, which would join equal names of a mapping."""
    return [(b"authorization", value.encode() if isinstance(value, str) else value) for value in values]


def without_length(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Headers that an answer's sentence does not change."""
    return {name.lower(): value for name, value in headers if name.lower() != "content-length"}
