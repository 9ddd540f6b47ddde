"""Which addresses are public: those that everybody can reach anyway.

The lists are those of IANA (special-purpose address registries, RFC 6890), written out. ``is_global`` of the standard
library says something else from one Python to the next, and calls multicast global.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final

_IPV4: Final = tuple(
    (IPv4Network(network), name)
    for network, name in (
        ("0.0.0.0/8", "unspecified"),
        ("10.0.0.0/8", "private"),
        ("100.64.0.0/10", "shared by a carrier's customers"),
        ("127.0.0.0/8", "loopback"),
        ("168.63.129.16/32", "the host of a virtual machine in Azure"),
        ("169.254.0.0/16", "link-local"),
        ("172.16.0.0/12", "private"),
        ("192.0.0.0/24", "reserved for protocols"),
        ("192.0.2.0/24", "for documentation"),
        ("192.88.99.0/24", "a relay of 6to4"),
        ("192.168.0.0/16", "private"),
        ("198.18.0.0/15", "for benchmarks"),
        ("198.51.100.0/24", "for documentation"),
        ("203.0.113.0/24", "for documentation"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved"),
    )
)
_IPV6: Final = tuple(
    (IPv6Network(network), name)
    for network, name in (
        ("::/128", "unspecified"),
        ("::1/128", "loopback"),
        ("64:ff9b:1::/48", "for translation within a network"),
        ("2001::/32", "a tunnel of Teredo"),
        ("2001::/23", "reserved for protocols"),
        ("2001:db8::/32", "for documentation"),
        ("2002::/16", "a tunnel of 6to4"),
        ("3fff::/20", "for documentation"),
        ("fc00::/7", "private"),
        ("fe80::/10", "link-local"),
        ("fec0::/10", "site-local"),
        ("ff00::/8", "multicast"),
    )
)
_PUBLIC_IPV6: Final = IPv6Network("2000::/3")
# Behind these 96 bits is an IPv4 address, where the packets go: mapped, which the operating system does (RFC 4291
# §2.5.5.2), and translated, which networks without IPv4 do for names that have no other address (RFC 6052 §2.1).
_AROUND_IPV4: Final = (IPv6Network("::ffff:0:0/96"), IPv6Network("64:ff9b::/96"))


def why_not_public(address: IPv4Address | IPv6Address) -> str | None:
    """Return what an address is instead of public, None for a public one.

    IPv6 addresses that hold an IPv4 address where packets are sent on are judged by that; the tunnels and translations
    that nobody needs to reach a server (6to4, Teredo, a network's own prefix of RFC 8215, compatible addresses) never
    are public, whatever they hold. Of the rest only 2000::/3 has ever been given out.
    """
    if isinstance(address, IPv4Address):
        return next((name for network, name in _IPV4 if address in network), None)
    if address.scope_id is not None:
        return "of one link"
    if any(address in network for network in _AROUND_IPV4):
        return why_not_public(IPv4Address(address.packed[-4:]))
    name = next((name for network, name in _IPV6 if address in network), None)
    if name is None and address not in _PUBLIC_IPV6:
        return "reserved"
    return name
