"""Whose address counts (LG-12)."""

from typing import Any

import pytest
from http_support import client, service
from litestar import Request, get
from paseport_shared.http.client_address import TrustedProxies, client_address

PROXIES = TrustedProxies(["10.0.0.0/8", "fd00::/8"])


def forwarded(*values: str) -> list[tuple[bytes, bytes]]:
    return [(b"x-forwarded-for", value.encode("latin-1")) for value in values]


@pytest.mark.parametrize(
    ("peer", "headers", "address"),
    [
        pytest.param("192.0.2.7", [], "192.0.2.7", id="nobody in between"),
        pytest.param("192.0.2.7", forwarded("203.0.113.9"), "192.0.2.7", id="a client that claims another address"),
        pytest.param("10.0.0.1", forwarded("203.0.113.9"), "203.0.113.9", id="behind a proxy"),
        pytest.param("10.0.0.1", forwarded("1.1.1.1, 203.0.113.9"), "203.0.113.9", id="a forged hop on the left"),
        pytest.param("10.0.0.1", forwarded("203.0.113.9, 10.0.0.2"), "203.0.113.9", id="behind two proxies"),
        pytest.param("10.0.0.1", forwarded("1.1.1.1", "203.0.113.9"), "203.0.113.9", id="two headers"),
        pytest.param("10.0.0.1", forwarded("10.0.0.3, 10.0.0.2"), "10.0.0.3", id="a client inside"),
        pytest.param("10.0.0.1", [], "10.0.0.1", id="a proxy that says nothing"),
        pytest.param("fd00::1", forwarded("2001:DB8:0::7"), "2001:db8::7", id="IPv6 in its canonical spelling"),
        pytest.param("::ffff:192.0.2.7", [], "192.0.2.7", id="an IPv4-mapped peer"),
        pytest.param("::ffff:10.0.0.1", forwarded("::ffff:203.0.113.9"), "203.0.113.9", id="IPv4-mapped hops"),
        pytest.param("testserver", forwarded("203.0.113.9"), "testserver", id="a peer that is no address"),
        pytest.param(None, forwarded("203.0.113.9"), None, id="no peer"),
    ],
)
def test_the_right_most_hop_that_is_no_proxy_of_ours_counts(
    peer: str | None, headers: list[tuple[bytes, bytes]], address: str | None
) -> None:
    assert PROXIES.client_of(peer, headers) == address


@pytest.mark.parametrize(
    "garbage", ["unknown", "", "203.0.113.9:4711", "[2001:db8::7]", "fe80::1%eth0", "203.0.113.999", "\xff", "_hidden"]
)
def test_a_header_that_holds_no_address_is_not_believed(garbage: str) -> None:
    assert PROXIES.client_of("10.0.0.1", forwarded(garbage)) == "10.0.0.1"
    assert PROXIES.client_of("10.0.0.1", forwarded(f"{garbage}, 10.0.0.2")) == "10.0.0.1"


def test_a_zone_id_does_not_make_another_address() -> None:
    assert TrustedProxies().client_of("fe80::1%7", []) == "fe80::1%7"
    assert PROXIES.client_of("10.0.0.1", forwarded("fe80::1%7")) == "10.0.0.1"


def test_thousands_of_hops_are_not_walked() -> None:
    header = ", ".join(["203.0.113.9"] + ["10.0.0.2"] * 5_000)

    assert PROXIES.client_of("10.0.0.1", forwarded(header)) == "10.0.0.2"


def test_a_network_with_host_bits_is_a_mistake_of_the_operator() -> None:
    with pytest.raises(ValueError, match="host bits"):
        TrustedProxies(["10.0.0.1/8"])


async def test_a_handler_reads_the_address_that_the_frame_found() -> None:
    @get("/")
    async def show(request: Request[Any, Any, Any]) -> str | None:
        return client_address(request)

    app = service(show, trusted_proxies=("10.0.0.0/8",))
    async with client(app, ("10.0.0.1", 1)) as proxied, client(app, ("192.0.2.7", 1)) as direct:
        behind = await proxied.get("/", headers={"X-Forwarded-For": "203.0.113.9"})
        spoofing = await direct.get("/", headers={"X-Forwarded-For": "203.0.113.9"})

    assert (behind.text, spoofing.text) == ("203.0.113.9", "192.0.2.7")


@pytest.mark.parametrize(
    ("peer", "is_trusted"),
    [
        ("10.0.0.5", True),
        ("::ffff:10.0.0.5", True),
        ("192.0.2.1", False),
        ("fe80::1%eth0", False),
        ("", False),
        (None, False),
        ("unix:", False),
    ],
)
def test_a_peer_is_a_proxy_of_ours_by_its_address_alone(peer: str | None, is_trusted: bool) -> None:
    """FA-02."""
    assert TrustedProxies(["10.0.0.0/8"]).trusts(peer) is is_trusted
    assert not TrustedProxies([]).trusts(peer)
