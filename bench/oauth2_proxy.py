"""oauth2-proxy beside us: the program, and an OpenID provider that is just enough for it to let somebody in."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urlsplit

import msgspec
from paseport.clock import SystemClock
from paseport_shared.adapters.jose.id_token_signer import JoseIdTokenSigner
from paseport_shared.adapters.jose.jwks_document import JwksDocument
from paseport_shared.adapters.keyfile.rsa_key_file import RsaKeyFile
from paseport_shared.domain.models.id_token import IdTokenClaims
from paseport_testkit.harness.ports import HOST, free_ports
from paseport_testkit.harness.programs import cache_folder

from bench.figures import BenchProblem
from bench.http import connect, request
from bench.processes import REPOSITORY, ended
from bench.product import expect

VERSION: Final = "7.8.1"
HOW_TO_GET_IT: Final = "tools/oauth2-proxy/build.sh"

_ISSUER: Final = "https://auth.example.com"
_CLIENT: Final = "oauth2-proxy"
_LIFETIME: Final = timedelta(hours=1)
_START_SECONDS: Final = 10.0
_SESSIONS: Final = 16


def program() -> Path | None:
    """Return where it was built, or None."""
    path = cache_folder() / f"oauth2-proxy-{VERSION}"
    return path if os.access(path, os.X_OK) else None


@dataclass(frozen=True, slots=True)
class OAuth2Proxy:
    """One that runs, and what it is asked for a decision: with a cookie of its own, and with a JWT. It answers 202."""

    pid: int
    port: int
    session_requests: list[bytes]
    bearer_requests: list[bytes]


@contextlib.asynccontextmanager
async def running_oauth2_proxy(folder: Path, log: Path, tokens: int) -> AsyncIterator[OAuth2Proxy]:
    """Start it in front of nothing, sign somebody in, and make so many RS256 tokens that it accepts."""
    path = program()
    if path is None:
        raise BenchProblem(f"oauth2-proxy {VERSION} is not there. Build it with: {HOW_TO_GET_IT}")
    provider = _Provider(RsaKeyFile(folder / "id-keys.json", SystemClock()))
    server = await asyncio.start_server(provider.answer, HOST, 0)
    (port,) = free_ports(1)
    async with server:
        with log.open("ab") as errors:
            process = await asyncio.create_subprocess_exec(
                path,
                *_options(port, server.sockets[0].getsockname()[1]),
                stdout=errors,
                stderr=errors,
                cwd=REPOSITORY,
                # One processor, as everything that is measured beside it.
                env={"PATH": os.environ.get("PATH", os.defpath), "GOMAXPROCS": "1"},
            )
        try:
            await _ready(process, port)
            cookies = [await _sign_in(port) for _ in range(_SESSIONS)]
            bearers = [await provider.token() for _ in range(tokens)]
            yield OAuth2Proxy(
                process.pid,
                port,
                [_asks(port, {"Cookie": cookie}) for cookie in cookies],
                [_asks(port, {"Authorization": f"Bearer {token}"}) for token in bearers],
            )
        finally:
            await ended(process)


class _Provider:
    """Whoever comes to its token endpoint is let in; the page where people would sign in is never fetched."""

    def __init__(self, keys: RsaKeyFile) -> None:
        self._signer = JoseIdTokenSigner(keys, keys)
        self._document = JwksDocument(keys)

    async def token(self) -> str:
        """Return an ID token, which oauth2-proxy takes as a bearer too."""
        now = SystemClock().now().replace(microsecond=0)
        return await self._signer.sign(
            IdTokenClaims(
                issuer=_ISSUER,
                subject=secrets.token_hex(8),
                audience=_CLIENT,
                expires_at=now + _LIFETIME,
                issued_at=now,
                auth_time=now,
                authorized_party=_CLIENT,
                at_hash="",
                amr=("pwd",),
                user_claims={"email": "somebody@example.com", "email_verified": True},
            )
        )

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request and close."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        if head.startswith("POST"):
            granted = {"access_token": "opaque", "token_type": "Bearer", "expires_in": 3600}
            body = msgspec.json.encode({**granted, "id_token": await self.token()})
        else:
            body = await self._document.render()
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"
            b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
        )
        await writer.drain()
        writer.close()


def _options(port: int, provider_port: int) -> list[str]:
    provider = f"http://{HOST}:{provider_port}"
    return [
        f"--http-address={HOST}:{port}",
        "--provider=oidc",
        f"--oidc-issuer-url={_ISSUER}",
        "--skip-oidc-discovery",
        f"--login-url={provider}/authorize",
        f"--redeem-url={provider}/token",
        f"--oidc-jwks-url={provider}/jwks",
        f"--client-id={_CLIENT}",
        "--client-secret=secret-of-the-bench",
        f"--redirect-url=http://{HOST}:{port}/oauth2/callback",
        f"--cookie-secret={secrets.token_hex(16)}",
        "--cookie-secure=false",
        "--email-domain=*",
        "--upstream=static://202",
        "--skip-provider-button",
        "--skip-jwt-bearer-tokens",
        # Our decisions are not logged one by one either.
        "--request-logging=false",
        "--auth-logging=false",
        "--standard-logging=false",
    ]


async def _ready(process: asyncio.subprocess.Process, port: int) -> None:
    try:
        async with asyncio.timeout(_START_SECONDS):
            while process.returncode is None:
                try:
                    connection = await connect(port)
                except ConnectionRefusedError:
                    await asyncio.sleep(0.05)
                    continue
                await connection.close()
                return
    except TimeoutError:
        pass
    raise BenchProblem("oauth2-proxy did not start")


async def _sign_in(port: int) -> str:
    """Go the way of a browser and return the session cookie."""
    connection = await connect(port)
    try:
        begun = await connection.ask(request("GET", "/oauth2/start?rd=%2F", _headers(port)))
        state = parse_qs(urlsplit(expect(begun, 302).headers["location"]).query)["state"][0]
        asked = f"/oauth2/callback?code=any&state={state.replace(':', '%3A')}"
        come_back = request("GET", asked, {**_headers(port), "Cookie": _pairs(begun.cookies)})
        cookies = expect(await connection.ask(come_back), 302).cookies
        return _pairs({name: value for name, value in cookies.items() if value and "csrf" not in name})
    finally:
        await connection.close()


def _pairs(cookies: Mapping[str, str]) -> str:
    return "; ".join(f"{name}={value}" for name, value in cookies.items())


def _headers(port: int) -> dict[str, str]:
    return {"Host": f"{HOST}:{port}"}


def _asks(port: int, headers: dict[str, str]) -> bytes:
    return request("GET", "/oauth2/auth", {**_headers(port), **headers})
