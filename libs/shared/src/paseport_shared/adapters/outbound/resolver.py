"""From a name to its addresses, on threads of its own."""

from __future__ import annotations

import socket
from collections.abc import Callable
from functools import partial
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any, Final, Protocol, TypeAlias

from paseport_shared.domain.errors import Unavailable
from paseport_shared.domain.models.outbound_url import OutboundTarget
from paseport_shared.threads.worker_pool import WorkerPool

WORKERS: Final = 4
QUEUE: Final = 32

Address: TypeAlias = IPv4Address | IPv6Address
LookUp: TypeAlias = Callable[..., list[tuple[Any, ...]]]


class Resolver(Protocol):
    """Says where a target is."""

    async def resolve(self, target: OutboundTarget) -> tuple[Address, ...]:
        """Return all addresses of a target, in order of preference, at least one. Raises ``Unavailable``."""
        ...

    def close(self) -> None:
        """Resolve nothing more."""
        ...


class SystemResolver:
    """``Resolver`` that asks the operating system, so that /etc/hosts and the container's DNS count.

    A lookup cannot be interrupted: a name server that never answers holds a thread for as long as the system tries. The
    event loop's own ``getaddrinfo`` would take it from threads that connections to our own stores need.
    """

    def __init__(self, look_up: LookUp = socket.getaddrinfo) -> None:
        self._look_up = look_up
        self._pool = WorkerPool(WORKERS, QUEUE, "outbound-dns")

    async def resolve(self, target: OutboundTarget) -> tuple[Address, ...]:
        """Return the addresses, each once. Raises ``Unavailable``, and ``Overloaded`` while too many wait."""
        look_up = partial(
            self._look_up,
            # As bytes: what is text goes through Python's codec for international names.
            target.host.encode("ascii"),
            target.port,
            type=socket.SOCK_STREAM,
            proto=socket.IPPROTO_TCP,
            flags=socket.AI_NUMERICSERV,
        )
        try:
            answers = await self._pool.run(look_up)
        except OSError as error:
            raise Unavailable(f"{target.host} cannot be resolved: {error}") from error
        addresses = tuple(dict.fromkeys(_address(answer) for answer in answers))
        if not addresses:
            raise Unavailable(f"{target.host} has no address")
        return addresses

    def close(self) -> None:
        """Resolve nothing more. Lookups that have begun end by themselves."""
        self._pool.close()


def _address(answer: tuple[Any, ...]) -> Address:
    """Return the address of one answer of ``getaddrinfo``, with its scope."""
    host, _, *ipv6 = answer[4]
    scope = ipv6[1] if ipv6 else 0
    return ip_address(f"{host}%{scope}" if scope and "%" not in host else host)
