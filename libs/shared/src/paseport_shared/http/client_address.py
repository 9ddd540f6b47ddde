"""Where a request really comes from (LG-12): limits and the audit log hang on it."""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Iterable
from functools import lru_cache
from typing import Any, Final

from litestar.connection import ASGIConnection
from litestar.types import ASGIApp, Receive, Scope, Send

from paseport_shared.domain.models.network import Address, parse_address

_FORWARDED_FOR: Final = b"x-forwarded-for"
_STATE_KEY: Final = "client_address"
_KNOWN: Final = 1024
_MAX_HOPS: Final = 32
"""More hops than any honest chain of proxies has; what stands further left cannot be reached anyway."""


class TrustedProxies:
    """The networks whose ``X-Forwarded-For`` is believed (``PASEPORT_TRUSTED_PROXIES``, CIDRs).

    Raises ``ValueError`` for a text that is no network.
    """

    def __init__(self, networks: Iterable[str] = ()) -> None:
        self._networks = tuple(ipaddress.ip_network(network) for network in networks)
        self._known: dict[Address, bool] = {}

    def client_of(self, peer: str | None, headers: Iterable[tuple[bytes, bytes]]) -> str | None:
        """Return the right-most hop that is no proxy of ours, in canonical spelling.

        What stands left of it was written by the client. A header with a hop that is no address is not believed at all:
        the peer's address counts then. A peer that is no IP address (a Unix socket) is returned as it is.
        """
        address = parse_address(peer or "")
        if address is None:
            return peer
        if not self._networks or not self._trusts(address):
            return _text(address)
        hops = [hop for name, value in headers if name == _FORWARDED_FOR for hop in value.split(b",")]
        client = address
        for hop in reversed(hops[-_MAX_HOPS:]):
            forwarded = parse_address(hop.decode("latin-1").strip())
            if forwarded is None:
                return _text(address)
            client = forwarded
            if not self._trusts(forwarded):
                break
        return _text(client)

    def trusts(self, peer: str | None) -> bool:
        """Say whether a peer is a proxy of ours. What is no IP address (a Unix socket) is none."""
        address = parse_address(peer or "")
        return address is not None and self._trusts(address)

    def _trusts(self, address: Address) -> bool:
        known = self._known.get(address)
        if known is None:
            known = self._is_in_networks(address)
            if len(self._known) < _KNOWN:
                self._known[address] = known
        return known

    def _is_in_networks(self, address: Address) -> bool:
        return any(address.version == network.version and address in network for network in self._networks)


class ClientAddress:
    """ASGI middleware: finds the client's address once, for ``client_address``."""

    def __init__(self, app: ASGIApp, proxies: TrustedProxies) -> None:
        self._app = app
        self._proxies = proxies

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Answer one request."""
        client = scope.get("client")
        peer = client[0] if client else None
        scope["state"][_STATE_KEY] = self._proxies.client_of(peer, scope["headers"])
        return self._app(scope, receive, send)


def client_address(connection: ASGIConnection[Any, Any, Any, Any]) -> str | None:
    """Return the client's address, or None where the server knows no peer."""
    return address_in(connection.scope)


def address_in(scope: Scope) -> str | None:
    """Return the same for plain ASGI code."""
    address: str | None = scope.get("state", {}).get(_STATE_KEY)
    return address


@lru_cache(maxsize=1024)
def _text(address: Address) -> str:
    return str(address)
