"""Addresses are compared by what they are (GW-09)."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paseport_shared.domain.models.network import address_is_in, parse_address, parse_network


@pytest.mark.parametrize(
    "text",
    ["", " ", "localhost", "1.2.3", "1.2.3.4.5", "010.0.0.1", "0x7f.1", "1.2.3.4/32", "1.2.3.4:80", "[::1]",
     "fe80::1%eth0", "1.2.3.256", "::1 ", "１.2.3.4", "2130706433"],
)  # fmt: skip
def test_what_is_no_address_is_none(text: str) -> None:
    assert parse_address(text) is None
    assert not address_is_in(text, ["0.0.0.0/0", "::/0"])


@pytest.mark.parametrize("text", ["", "10.0.0.1/8", "10.0.0.0/33", "2001:db8::1/32", "10.0.0.0/-1", "all", "10.*"])
def test_what_is_no_network_holds_nothing(text: str) -> None:
    """A network with bits behind its length is a mistake of whoever wrote it."""
    assert parse_network(text) is None
    assert not address_is_in("10.0.0.1", [text])


@pytest.mark.parametrize("spelling", ["2001:db8::1", "2001:DB8:0:0:0:0:0:1", "2001:0db8:0000::0001"])
def test_every_spelling_of_an_address_is_the_same(spelling: str) -> None:
    assert address_is_in(spelling, ["2001:db8::/32"])
    assert not address_is_in(spelling, ["2001:db9::/32", "0.0.0.0/0"])


def test_an_ipv4_address_that_is_mapped_into_ipv6_is_that_ipv4_address() -> None:
    assert address_is_in("::ffff:10.1.2.3", ["10.0.0.0/8"])
    assert not address_is_in("::ffff:10.1.2.3", ["::/0", "::ffff:0:0/96"])


def test_a_single_address_is_a_network_of_one() -> None:
    assert address_is_in("192.0.2.7", ["192.0.2.7"])
    assert not address_is_in("192.0.2.8", ["192.0.2.7"])


def test_no_address_lies_nowhere() -> None:
    assert not address_is_in(None, ["0.0.0.0/0", "::/0"])


@given(st.ip_addresses(), st.integers(0, 32))
def test_an_address_lies_in_each_of_its_own_networks_and_in_no_other_of_that_length(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address, length: int
) -> None:
    own = ipaddress.ip_network((address, length), strict=False)
    is_mapped = isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None

    assert address_is_in(str(address), [str(own)]) is not is_mapped
    if length:
        beside = int(own.network_address) ^ (1 << (address.max_prefixlen - length))
        other = ipaddress.ip_network((type(address)(beside), length))
        assert not address_is_in(str(address), [str(other)])
