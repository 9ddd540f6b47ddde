"""An attacker chooses where a name points to; only public addresses are connected to. XI-16."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paseport_shared.adapters.outbound.address_rules import why_not_public

NOT_PUBLIC_IPV4 = (
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "168.63.129.16/32",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
)
IPV4 = st.ip_addresses(v=4)
IPV6 = st.ip_addresses(v=6)
INNER_IPV4 = st.sampled_from(NOT_PUBLIC_IPV4).flatmap(lambda network: st.ip_addresses(network=network))
MAPPED, TRANSLATED = "::ffff:0:0", "64:ff9b::"


def around(prefix: str, address: IPv4Address) -> IPv6Address:
    """The IPv6 address with this prefix of 96 bits and an IPv4 address behind it."""
    return IPv6Address(int(IPv6Address(prefix)) | int(address))


@pytest.mark.parametrize(
    "address",
    [
        "1.1.1.1",
        "8.8.8.8",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
        "128.0.0.0",
        "169.253.255.255",
        "172.15.255.255",
        "172.32.0.0",
        "192.0.1.0",
        "192.167.255.255",
        "192.169.0.0",
        "198.17.0.0",
        "198.20.0.0",
        "223.255.255.255",
        "168.63.129.15",
        "2606:4700::1111",
        "2a00:1450:4001::1",
        "2001:4860:4860::8888",
        "2001:200::1",
        "3ffe:ffff::",
        "::ffff:8.8.8.8",
        "64:ff9b::808:808",
    ],
)
def test_public_addresses_are_public(address: str) -> None:
    assert why_not_public(an_address(address)) is None


@pytest.mark.parametrize(
    "address",
    [
        *(str(IPv4Network(network)[edge]) for network in NOT_PUBLIC_IPV4 for edge in (0, -1)),
        "169.254.169.254",
        "100.100.100.200",
        "192.0.0.192",
        "::",
        "::1",
        "::2",
        "::7f00:1",
        "::808:808",
        "100::1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "::ffff:0:127.0.0.1",
        "::ffff:0:8.8.8.8",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b::7f00:1",
        "64:ff9b:0:0:0:1::",
        "64:ff9b:1::808:808",
        "64:ff9b:1:a00::",
        "2001::1",
        "2001:0:808:808::1",
        "2001:2::1",
        "2001:10::1",
        "2001:20::1",
        "2001:db8::1",
        "2002:7f00:1::",
        "2002:808:808::1",
        "3fff::1",
        "3fff:fff:ffff::1",
        "4000::1",
        "5f00::1",
        "1fff:ffff::1",
        "fc00::1",
        "fd00:ec2::254",
        "fdff:ffff::1",
        "fe80::1",
        "fe80::1%1",
        "2606:4700::1111%1",
        "febf::1",
        "fec0::1",
        "feff::1",
        "ff02::1",
        "ff0e::1",
    ],
)
def test_every_other_address_is_not(address: str) -> None:
    assert why_not_public(an_address(address))


@given(INNER_IPV4)
def test_what_is_not_public_as_ipv4_is_not_public_behind_any_prefix(address: IPv4Address) -> None:
    number = int(address)
    wrapped = [around(prefix, address) for prefix in (MAPPED, TRANSLATED, "::", "::ffff:0:0:0", "64:ff9b:1::")]
    wrapped += [IPv6Address(0x2002 << 112 | number << 80), IPv6Address(0x20010000 << 96 | number << 64)]
    wrapped += [IPv6Address(0x20010000 << 96 | (number ^ 0xFFFFFFFF))]

    assert why_not_public(address)
    assert all(why_not_public(inner) for inner in wrapped)


@given(IPV4)
def test_a_mapped_or_translated_address_is_judged_as_what_it_holds(address: IPv4Address) -> None:
    assert why_not_public(around(MAPPED, address)) == why_not_public(address)
    assert why_not_public(around(TRANSLATED, address)) == why_not_public(address)


@given(st.one_of(IPV4, IPV6))
def test_nothing_is_public_that_the_standard_library_calls_private(address: IPv4Address | IPv6Address) -> None:
    """A second opinion on the list, but for mapped addresses: releases of the library differ about them."""
    is_mapped = isinstance(address, IPv6Address) and address.ipv4_mapped is not None
    if not is_mapped and why_not_public(address) is None:
        assert address.is_global
        assert not address.is_multicast


def an_address(text: str) -> IPv4Address | IPv6Address:
    return IPv6Address(text) if ":" in text else IPv4Address(text)
