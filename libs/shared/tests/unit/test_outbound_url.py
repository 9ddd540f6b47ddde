"""Somebody writes the address of a server that Paseport is to ask; it can be read in one way, or it is refused."""

from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paseport_shared.domain.models.outbound_url import OutboundTarget, OutboundUrl, parse_target, parse_url

IPV4 = st.ip_addresses(v=4)
IPV6 = st.ip_addresses(v=6)


def other_spellings(address: IPv4Address) -> list[str]:
    """What the C library's ``inet_aton`` takes for this address, besides its four decimal numbers."""
    number = int(address)
    a, b, c, d = address.packed
    return [
        str(number),
        hex(number),
        f"0{number:o}",
        f"{a}.{number & 0xFFFFFF}",
        f"{a}.{b}.{number & 0xFFFF}",
        f"{a:#x}.{b}.{c}.{d}",
        f"{a}.{b}.{c}.{d:#x}",
        f"0{a:o}.{b}.{c}.0{d:o}",
        f"{a:#x}.{number & 0xFFFFFF:#x}",
        f"{a}.{b}.{c}.{d}.",
        f"{a:#X}.{b:#X}.{c:#X}.{d:#X}",
        f"{a:03}.{b:03}.{c:03}.{d:03}0",
    ]


@pytest.mark.parametrize(
    ("url", "host", "port", "path"),
    [
        ("https://idp.example.com", "idp.example.com", 443, "/"),
        ("HTTPS://IdP.Example.COM/a/B?c=D", "idp.example.com", 443, "/a/B?c=D"),
        ("https://idp.example.com?x", "idp.example.com", 443, "/?x"),
        ("https://idp.example.com:8443/", "idp.example.com", 8443, "/"),
        ("https://xn--bcher-kva.example/", "xn--bcher-kva.example", 443, "/"),
        ("https://localhost:1/", "localhost", 1, "/"),
        ("https://192.0.2.7/", "192.0.2.7", 443, "/"),
        ("https://[2001:DB8:0::7]:65535/", "2001:db8::7", 65535, "/"),
        ("https://7.example.com/%2e%2e/", "7.example.com", 443, "/%2e%2e/"),
    ],
)
def test_a_url_is_read_as_target_and_path(url: str, host: str, port: int, path: str) -> None:
    assert parse_url(url) == OutboundUrl("https", OutboundTarget(host, port), path)


@pytest.mark.parametrize("scheme", ["http", "file", "gopher", "ftp", "ldap"])
def test_the_scheme_is_kept_for_others_to_judge(scheme: str) -> None:
    assert parse_url(f"{scheme}://idp.example.com/").scheme == scheme


@pytest.mark.parametrize(
    "url",
    [
        "",
        "idp.example.com",
        "//idp.example.com/",
        "https:idp.example.com",
        "https:/idp.example.com",
        "https:///path",
        "https://:443/",
        "https://idp.example.com:/",
        "https://idp.example.com:0/",
        "https://idp.example.com:0443/",
        "https://idp.example.com:65536/",
        "https://idp.example.com:443:443/",
        "https://idp.example.com:+443/",
        "https://user@idp.example.com/",
        "https://user:word@idp.example.com/",
        "https://@idp.example.com/",
        "https://idp.example.com@127.0.0.1/",
        "https://idp.example.com\\@127.0.0.1/",
        "https://127.0.0.1\\.example.com/",
        "https://idp.example.com/#",
        "https://idp.example.com/#fragment",
        "https://127.0.0.1#@idp.example.com/",
        "https://idp.example.com /",
        " https://idp.example.com/",
        "https://idp.example.com/\r\nHost: inside",
        "https://idp.example.com/a b",
        "https://idp\t.example.com/",
        "https://idp.example.com/\x00",
        "https://idp.example.com./",
        "https://idp..example.com/",
        "https://.example.com/",
        "https://-idp.example.com/",
        "https://idp_.example.com/",
        "https://%6c%6f%63alhost/",
        "https://*.example.com/",
        "https://bücher.example/",
        "https://①②⑦.⓪.⓪.①/",
        "https://127。0。0。1/",
        "https://１２７.0.0.1/",
        "https://[127.0.0.1]/",
        "https://[::1/",
        "https://::1/",
        "https://[::1]x/",
        "https://[fe80::1%25eth0]/",
        "https://[fe80::1%eth0]/",
        "https://[]/",
        "https://1.2.3/",
        "https://1.2.3.4.5/",
        "https://256.1.1.1/",
        "https://0x/",
        "https://host.0x7f/",
        "https://host.1/",
        f"https://{'a' * 64}.example.com/",
        f"https://{'.'.join(['a' * 60] * 5)}/",
        f"https://idp.example.com/{'a' * 2_000}",
    ],
)
def test_what_could_be_read_in_two_ways_is_no_url(url: str) -> None:
    """XI-16."""
    with pytest.raises(ValueError, match="must"):
        parse_url(url)


@given(IPV4)
def test_an_ipv4_address_has_one_spelling(address: IPv4Address) -> None:
    """XI-16. A resolver would read the others, too."""
    assert parse_url(f"https://{address}/").target.address == address
    for spelling in other_spellings(address):
        with pytest.raises(ValueError, match="must"):
            parse_url(f"https://{spelling}/")


@given(IPV6)
def test_every_spelling_of_an_ipv6_address_is_one_target(address: IPv6Address) -> None:
    spellings = (str(address), address.exploded, address.exploded.upper())

    assert {parse_url(f"https://[{spelling}]/").target for spelling in spellings} == {OutboundTarget(str(address), 443)}
    assert parse_url(f"https://[{address}]/").target.address == address


@given(st.text(alphabet=st.characters(max_codepoint=0x2FF), max_size=30))
def test_of_any_text_a_target_comes_out_in_its_one_spelling_or_not_at_all(text: str) -> None:
    try:
        target = parse_url(f"https://{text}").target
    except ValueError:
        return

    assert parse_url(f"https://{target.authority}/").target == target
    assert parse_target(str(target)) == target


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("IdP.internal:8443", OutboundTarget("idp.internal", 8443)),
        ("10.0.0.7:443", OutboundTarget("10.0.0.7", 443)),
        ("[FD00::0:7]:443", OutboundTarget("fd00::7", 443)),
    ],
)
def test_a_target_is_written_as_host_and_port(text: str, target: OutboundTarget) -> None:
    assert parse_target(text) == target


@pytest.mark.parametrize(
    "text",
    [
        "",
        "idp.internal",
        "idp.internal:",
        ":443",
        "https://idp.internal:443",
        "idp.internal:443/",
        "10.0.0.0/8:443",
        "*:443",
        "0x7f.1:443",
        "fd00::7:443",
        "[fd00::7]",
        "user@idp.internal:443",
        "idp.internal:https",
    ],
)
def test_an_operator_who_writes_a_target_in_another_way_is_told(text: str) -> None:
    with pytest.raises(ValueError, match="must"):
        parse_target(text)


@pytest.mark.parametrize(
    ("target", "authority"),
    [
        (OutboundTarget("idp.example.com", 443), "idp.example.com"),
        (OutboundTarget("idp.example.com", 8443), "idp.example.com:8443"),
        (OutboundTarget("2001:db8::7", 443), "[2001:db8::7]"),
        (OutboundTarget("2001:db8::7", 8443), "[2001:db8::7]:8443"),
    ],
)
def test_the_host_header_names_a_port_other_than_443(target: OutboundTarget, authority: str) -> None:
    assert target.authority == authority
