"""The one way out: https to public addresses, and what an operator allowed besides (design §5)."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final, TypeAlias
from urllib.parse import urlencode

import h11
import msgspec
from paseport.deadline import Deadline

from paseport_shared.adapters.outbound.address_rules import why_not_public
from paseport_shared.adapters.outbound.exchange import exchange
from paseport_shared.adapters.outbound.resolver import Address, Resolver, SystemResolver
from paseport_shared.domain.errors import Overloaded, Unavailable
from paseport_shared.domain.models.outbound_url import OutboundTarget, OutboundUrl, parse_url
from paseport_shared.domain.ports.outbound import OutboundAnswer, OutboundRefused, OutboundRule

DEADLINE_SECONDS: Final = 5.0
MAX_CALLS: Final = 16
MAX_WAITING: Final = 64
_HTTPS_PORT: Final = 443
_MAX_ADDRESSES: Final = 8
_READ_AHEAD_BYTES: Final = 64 * 1024
_OURS: Final = frozenset(
    {
        "accept-encoding",
        "connection",
        "content-length",
        "content-type",
        "cookie",
        "expect",
        "host",
        "te",
        "transfer-encoding",
        "upgrade",
    }
)

_Streams: TypeAlias = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Connect: TypeAlias = Callable[..., Awaitable[_Streams]]


class GuardedHttpClient:
    """``OutboundHttp`` that judges a target, then connects to what it judged. Belongs to one event loop.

    A name is resolved once in a call, and all its addresses must be public; the connection goes to one of these very
    addresses, so that a second answer of its name server changes nothing, while certificate, SNI and ``Host`` are the
    name's. ``allow`` lifts the rules for port and address for the targets in it, never https. Authorities are those of
    the system and those in ``ca_bundle``. There are no proxies, no redirects, no cookies, no compression, and no
    connection is used twice.

    ``deadline_seconds`` is for all of a call: waiting for a place, the name, the handshake, the last byte.
    ``max_calls`` run at once and some more wait. Purposes that must not starve each other have a client each.
    """

    def __init__(
        self,
        allow: Iterable[OutboundTarget] = (),
        ca_bundle: Path | None = None,
        *,
        deadline_seconds: float = DEADLINE_SECONDS,
        max_calls: int = MAX_CALLS,
        resolver: Resolver | None = None,
        connect: Connect = asyncio.open_connection,
    ) -> None:
        self._allowed = frozenset(allow)
        self._tls = _tls_context(ca_bundle)
        self._deadline_seconds = deadline_seconds
        self._places = asyncio.Semaphore(max_calls)
        self._waiting = 0
        self._resolver = SystemResolver() if resolver is None else resolver
        self._connect = connect
        self._closed = False

    async def get(self, url: str, *, headers: Mapping[str, str] | None = None) -> OutboundAnswer:
        """Send a GET."""
        return await self._send("GET", url, headers, None, b"")

    async def post_form(
        self, url: str, form: Mapping[str, str], *, headers: Mapping[str, str] | None = None
    ) -> OutboundAnswer:
        """Send a POST of ``application/x-www-form-urlencoded``."""
        body = urlencode(form).encode("ascii")
        return await self._send("POST", url, headers, "application/x-www-form-urlencoded", body)

    async def post_json(
        self, url: str, document: Mapping[str, Any], *, headers: Mapping[str, str] | None = None
    ) -> OutboundAnswer:
        """Send a POST of ``application/json``."""
        return await self._send("POST", url, headers, "application/json", msgspec.json.encode(document))

    def close(self) -> None:
        """Send nothing more. Calls that have begun end by themselves, at their deadline at the latest."""
        self._closed = True
        self._resolver.close()

    async def _send(
        self, method: str, url: str, headers: Mapping[str, str] | None, content_type: str | None, body: bytes
    ) -> OutboundAnswer:
        parsed = self._check(url)
        request = _request(method, parsed, headers or {}, content_type, body)
        # Paths and queries may hold what is secret: what is logged names the target alone.
        call = f"{method} to {parsed.target}"
        try:
            async with Deadline(self._deadline_seconds):
                await self._take_place()
                try:
                    return await self._exchange(parsed.target, request, body)
                finally:
                    self._places.release()
        except ssl.SSLCertVerificationError as error:
            raise OutboundRefused(OutboundRule.CERTIFICATE, f"{call}: {error.verify_message}") from error
        except TimeoutError as error:
            raise Unavailable(f"{call}: no answer within {self._deadline_seconds} s") from error
        # TLS alerts are OSErrors too.
        except (OSError, EOFError, h11.RemoteProtocolError) as error:
            raise Unavailable(f"{call}: no answer ({type(error).__name__}: {error})") from error

    def _check(self, url: str) -> OutboundUrl:
        """Judge what can be judged of the text alone."""
        try:
            parsed = parse_url(url)
        except ValueError as error:
            raise OutboundRefused(OutboundRule.URL, f"the URL {error}") from error
        if parsed.scheme != "https":
            raise OutboundRefused(OutboundRule.HTTPS, f"the URL of {parsed.target} is not https")
        if parsed.target.port != _HTTPS_PORT and parsed.target not in self._allowed:
            raise OutboundRefused(OutboundRule.PORT, f"{parsed.target} is neither on port {_HTTPS_PORT} nor allowed")
        return parsed

    async def _take_place(self) -> None:
        if self._closed:
            raise Unavailable("the outbound client is closed")
        if self._places.locked() and self._waiting >= MAX_WAITING:
            raise Overloaded("too many outbound calls")
        self._waiting += 1
        try:
            await self._places.acquire()
        finally:
            self._waiting -= 1

    async def _exchange(self, target: OutboundTarget, request: h11.Request, body: bytes) -> OutboundAnswer:
        reader, writer = await self._open(target, await self._vetted_addresses(target))
        try:
            return await exchange(reader, writer, request, body)
        finally:
            # Nothing more is to be said, and a farewell would wait for the other side.
            writer.transport.abort()

    async def _vetted_addresses(self, target: OutboundTarget) -> tuple[Address, ...]:
        """Return the addresses of a target. Raises ``OutboundRefused`` if one of them is not public or allowed.

        One is enough: a name that is public here and private there is a name that somebody plays with.
        """
        literal = target.address
        addresses = (literal,) if literal is not None else await self._resolver.resolve(target)
        if target not in self._allowed:
            for address in addresses:
                problem = why_not_public(address)
                if problem is not None:
                    raise OutboundRefused(OutboundRule.ADDRESS, f"{target} has the address {address}: {problem}")
        return addresses[:_MAX_ADDRESSES]

    async def _open(self, target: OutboundTarget, addresses: tuple[Address, ...]) -> _Streams:
        """Connect to the first of these addresses that answers, each given its share of the time."""
        failure: OSError | None = None
        for address in addresses:
            try:
                async with Deadline(self._deadline_seconds / len(addresses)):
                    return await self._connect(
                        str(address), target.port, ssl=self._tls, server_hostname=target.host, limit=_READ_AHEAD_BYTES
                    )
            except ssl.SSLCertVerificationError:
                raise
            except OSError as error:
                failure = error
        raise failure or OSError("no address")


def _tls_context(ca_bundle: Path | None) -> ssl.SSLContext:
    """Return a context for clients. ``create_default_context`` would write keys where ``SSLKEYLOGFILE`` says."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.hostname_checks_common_name = False
    context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    if ca_bundle is not None:
        context.load_verify_locations(cafile=ca_bundle)
    context.set_alpn_protocols(["http/1.1"])
    return context


def _request(
    method: str, url: OutboundUrl, headers: Mapping[str, str], content_type: str | None, body: bytes
) -> h11.Request:
    """Return the head of a request. Raises ``ValueError`` for a header that is ours, or that is none."""
    wire = {name.lower(): value for name, value in headers.items()}
    if not _OURS.isdisjoint(wire):
        raise ValueError(f"callers do not set {', '.join(sorted(_OURS & wire.keys()))}")
    own = {"host": url.target.authority, "accept-encoding": "identity", "connection": "close", "user-agent": "paseport"}
    if content_type is not None:
        own |= {"content-type": content_type, "content-length": str(len(body))}
    try:
        return h11.Request(
            method=method, target=url.path, headers=list(({"accept": "application/json"} | wire | own).items())
        )
    except (h11.LocalProtocolError, UnicodeError):
        # Without its cause, which shows the value.
        raise ValueError("a header has a character that headers cannot have") from None
