"""Addresses and networks, compared by what they are and not by how they are written (GW-09)."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from functools import lru_cache

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@lru_cache(maxsize=4096)
def parse_address(text: str) -> Address | None:
    """Return the address, an IPv4-mapped one as IPv4; None for anything else, zone ids included."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        return None if address.scope_id is not None else address.ipv4_mapped or address
    return address


@lru_cache(maxsize=4096)
def parse_network(text: str) -> Network | None:
    """Return the network of a CIDR or of a single address; None for anything else, host bits that are set included."""
    try:
        return ipaddress.ip_network(text)
    except ValueError:
        return None


def address_is_in(address: str | None, networks: Iterable[str]) -> bool:
    """Say whether an address lies in one of the networks. What is no address, and none at all, lies in no network."""
    parsed = None if address is None else parse_address(address)
    if parsed is None:
        return False
    found = (parse_network(text) for text in networks)
    return any(network is not None and network.version == parsed.version and parsed in network for network in found)
