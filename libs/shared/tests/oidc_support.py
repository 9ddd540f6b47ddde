"""An identity provider for tests: a real https server on loopback that answers what a test wants it to."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID

from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry
from paseport import base64url
from paseport.secret import Secret
from paseport_shared.adapters.memory.clock import START, ManualClock
from paseport_shared.adapters.oidc.upstream_providers import OidcUpstreamProviders
from paseport_shared.adapters.outbound.guarded_client import GuardedHttpClient
from paseport_shared.domain.models.external_sign_in import ExternalSignIn
from paseport_shared.domain.models.identity_provider import IdentityProvider, OAuth2Endpoints, ProviderKind
from paseport_shared.domain.models.linked_identity import ExternalIdentity
from paseport_shared.domain.models.outbound_url import OutboundTarget
from paseport_shared.domain.ports.upstream import UpstreamAnswer
from paseport_testkit.harness.certificates import Certificates


class _Absent:
    """Stands where a claim is left out. Test runners that share the work tell tests apart by what is printed of it."""

    def __repr__(self) -> str:
        return "absent"


ABSENT: Any = _Absent()
HOST = "127.0.0.1"
# Nothing here takes so long; it only keeps a test that fails from waiting for ever.
PATIENCE_SECONDS = 30
CLIENT_ID = "paseport at the provider"
SECRET = Secret("s3cret: +&%/~")
CODE = "a-code"
ACCESS_TOKEN = "an-access-token"
NONCE = "n-0S6_WzA2Mj"
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
REDIRECT_URI = "https://auth.example.com/auth/v1/oauth/callback/work"
NOW = int(START.timestamp())
AnyKey = RSAKey | ECKey | OKPKey | OctKey


@lru_cache
def a_key(number: int = 1, algorithm: str = "RS256") -> AnyKey:
    """A private key for an algorithm, made once for each process."""
    match algorithm[:2]:
        case "RS" | "PS":
            return RSAKey.generate_key(2048)
        case "ES":
            return ECKey.generate_key({"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}[algorithm])
        case _:
            return OKPKey.generate_key("Ed25519")


def published(key: AnyKey, kid: str | None = "1", **members: Any) -> dict[str, Any]:
    """A key as a key set has it."""
    return {**key.as_dict(private=False), **({} if kid is None else {"kid": kid}), **members}


def signed(claims: dict[str, Any] | bytes, key: AnyKey, header: dict[str, Any]) -> str:
    """A token with this very header, whatever it says."""
    payload = claims if isinstance(claims, bytes) else json.dumps(claims).encode()
    return signed_bytes(json.dumps(header).encode(), payload, key, header["alg"])


def signed_bytes(header: bytes, payload: bytes, key: AnyKey, algorithm: str) -> str:
    body = f"{base64url.encode(header)}.{base64url.encode(payload)}"
    signature = b"" if algorithm == "none" else JWSRegistry.algorithms[algorithm].sign(body.encode(), key)
    return f"{body}.{base64url.encode(signature)}"


@dataclass(frozen=True)
class Request:
    """A request as the provider got it."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True, strict_parsing=True))


Answer = Callable[[Request], Awaitable[bytes]]


def http(body: bytes = b"{}", status: int = 200, **headers: str) -> bytes:
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n{lines}\r\n".encode() + body


def saying(document: Any, status: int = 200, **headers: str) -> Answer:
    """An answer that is the same each time; bytes are sent as they are, all else as JSON."""
    body = document if isinstance(document, bytes) else json.dumps(document).encode()

    async def answer(_: Request) -> bytes:
        return http(body, status, **headers)

    return answer


@dataclass
class Gate:
    """Holds answers back until a test lets them go, and says how many wait."""

    opened: asyncio.Event = field(default_factory=asyncio.Event)
    arrived: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))

    def before(self, answer: Answer) -> Answer:
        async def held(request: Request) -> bytes:
            self.arrived.release()
            await self.opened.wait()
            return await answer(request)

        return held

    async def wait_for(self, number: int) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            for _ in range(number):
                await self.arrived.acquire()


class FakeProvider:
    """A provider whose honest answers a test replaces one by one.

    ``answers`` are by path. ``metadata``, ``keys``, ``claims``, ``header`` and ``tokens`` are what honest answers are
    made of when they are asked for.
    """

    def __init__(self, port: int = 0) -> None:
        self.port = port
        self.requests: list[Request] = []
        self.signing_key: AnyKey = a_key()
        self.header: dict[str, Any] = {"alg": "RS256", "kid": "1", "typ": "JWT"}
        self.keys: list[Any] = [published(self.signing_key)]
        self.claims: dict[str, Any] = {}
        self.user: dict[str, Any] = {}
        self.metadata: dict[str, Any] = {}
        self.tokens: dict[str, Any] = {"access_token": ACCESS_TOKEN, "token_type": "Bearer"}
        self.answers: dict[str, Answer] = {
            "/realm/.well-known/openid-configuration": self._answer(lambda: self.metadata),
            "/jwks": self._answer(lambda: {"keys": self.keys}),
            "/token": self._answer(lambda: {"id_token": self.id_token(), **self.tokens}),
            "/userinfo": self._answer(lambda: self.user),
        }
        self._open = 0
        self._closed = asyncio.Event()

    def begin(self, port: int) -> None:
        self.port = port
        self.metadata = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.base}/authorize",
            "token_endpoint": f"{self.base}/token",
            "jwks_uri": f"{self.base}/jwks",
            "userinfo_endpoint": f"{self.base}/userinfo",
            "end_session_endpoint": f"{self.base}/logout",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "scopes_supported": ["openid", "profile", "email"],
            "code_challenge_methods_supported": ["S256"],
        }
        self.claims = {
            "iss": self.issuer,
            "sub": "alice at work",
            "aud": CLIENT_ID,
            "exp": NOW + 300,
            "iat": NOW,
            "nonce": NONCE,
            "email": "alice@example.com",
            "email_verified": True,
            "preferred_username": "alice",
            "name": "Alice Example",
        }
        self.user = {"sub": "alice at work"}

    @property
    def base(self) -> str:
        return f"https://{HOST}:{self.port}"

    @property
    def issuer(self) -> str:
        return f"{self.base}/realm"

    @property
    def target(self) -> OutboundTarget:
        return OutboundTarget(HOST, self.port)

    def id_token(self) -> str:
        return signed(self.claims, self.signing_key, self.header)

    def asked(self, path: str) -> int:
        """How often a path was asked for."""
        return sum(request.path == path for request in self.requests)

    def rotate(self, number: int, *, published_too: bool) -> None:
        """Sign with another key from now on."""
        self.signing_key = a_key(number)
        self.header = {**self.header, "kid": str(number)}
        if published_too:
            self.keys = [published(self.signing_key, str(number))]

    def _answer(self, document: Callable[[], Any]) -> Answer:
        async def answer(_: Request) -> bytes:
            return http(json.dumps(document()).encode(), Content_Type="application/json")

        return answer

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open += 1
        self._closed.clear()
        try:
            request = await _read(reader)
            self.requests.append(request)
            answer = self.answers.get(request.path, saying({"error": "not_found"}, 404))
            # Whoever asked may go away before there is an answer.
            answering = asyncio.ensure_future(answer(request))
            gone = asyncio.ensure_future(reader.read())
            await asyncio.wait([answering, gone], return_when=asyncio.FIRST_COMPLETED)
            if answering.done():
                gone.cancel()
                writer.write(answering.result())
                await writer.drain()
                writer.close()
                await writer.wait_closed()
            else:
                answering.cancel()
        except (OSError, asyncio.IncompleteReadError):
            pass  # the client has gone
        finally:
            # In CPython 3.11.2 a TLS connection that was closed can no longer be aborted.
            if not writer.is_closing():
                writer.transport.abort()
            self._open -= 1
            self._closed.set()

    async def wait_until_left(self) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while self._open:
                self._closed.clear()
                await self._closed.wait()


async def _read(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    line, *rest = head.split("\r\n")
    method, target, _ = line.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (text.partition(":") for text in rest if text)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    split = urlsplit(target)
    return Request(method, split.path, split.query, headers, body)


@asynccontextmanager
async def running(certificates: Certificates) -> AsyncIterator[FakeProvider]:
    """A provider that runs."""
    provider = FakeProvider()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificates.certificate, certificates.key)
    listener = await asyncio.start_server(provider.serve, HOST, 0, ssl=tls)
    provider.begin(listener.sockets[0].getsockname()[1])
    try:
        yield provider
    finally:
        listener.close()
    await provider.wait_until_left()


@dataclass
class World:
    """A provider, what we have registered of it, and the adapter that speaks to it."""

    upstream: FakeProvider
    provider: IdentityProvider
    sign_in: ExternalSignIn
    clock: ManualClock
    client: GuardedHttpClient
    providers: OidcUpstreamProviders

    def register(self, **changes: Any) -> None:
        """Change what is registered."""
        self.provider = replace(self.provider, **changes)

    def speak_oauth2(self, *, emails: bool = False, **changes: Any) -> None:
        """Register the provider as one of OAuth 2.0, as GitHub is."""
        base = self.upstream.base
        emails_url = f"{base}/emails" if emails else None
        self.register(
            kind=ProviderKind.OAUTH2,
            issuer=None,
            endpoints=OAuth2Endpoints(
                authorization=f"{base}/authorize", token=f"{base}/token", user=f"{base}/userinfo", emails=emails_url
            ),
            **changes,
        )

    async def redeem(self, *, issuer: str | None = None, code: str = CODE) -> ExternalIdentity:
        """Come back from the provider with a code."""
        return await self.providers.redeem(self.provider, SECRET, self.sign_in, UpstreamAnswer(Secret(code), issuer))


def a_provider(**changes: Any) -> IdentityProvider:
    """A provider as an administrator registered it."""
    values: dict[str, Any] = {
        "id": UUID("018f6f5e-0000-7000-8000-000000000001"),
        "name": "work",
        "display_name": "Work",
        "kind": ProviderKind.OIDC,
        "issuer": "https://idp.example.com",
        "client_id": CLIENT_ID,
        "created_at": START,
        "updated_at": START,
    }
    return IdentityProvider(**values | changes)


def a_sign_in(**changes: Any) -> ExternalSignIn:
    """Somebody on the way to the provider and back."""
    values: dict[str, Any] = {
        "id": "a-state",
        "browser_hash": b"",
        "provider_id": a_provider().id,
        "redirect_uri": REDIRECT_URI,
        "nonce": NONCE,
        "code_verifier": VERIFIER,
        "created_at": START,
        "expires_at": START + timedelta(minutes=15),
    }
    return ExternalSignIn(**values | changes)


@asynccontextmanager
async def a_world(certificates: Certificates, **options: Any) -> AsyncIterator[World]:
    """A running provider that is registered, and may be asked although it is on loopback."""
    async with running(certificates) as upstream:
        client = GuardedHttpClient(
            [upstream.target],
            certificates.ca,
            deadline_seconds=PATIENCE_SECONDS,
            max_calls=options.pop("max_calls", 64),
        )
        clock = ManualClock()
        providers = OidcUpstreamProviders(client, clock, **{"deadline_seconds": PATIENCE_SECONDS, **options})
        yield World(upstream, a_provider(issuer=upstream.issuer), a_sign_in(), clock, client, providers)
        client.close()


def paths(requests: list[Request]) -> Iterator[str]:
    """What was asked for, in order."""
    return (request.path for request in requests)


def logout_claims(issuer: str, **changes: Any) -> dict[str, Any]:
    """What a logout token says (OpenID Connect Back-Channel Logout §2.4)."""
    return {
        "iss": issuer,
        "aud": CLIENT_ID,
        "iat": NOW,
        "exp": NOW + 120,
        "jti": "a token",
        "events": {"http://schemas.openid.net/event/backchannel-logout": {}},
        "sub": "alice at work",
        "sid": "a session there",
        **changes,
    }
