"""What is read of a proxy's question: generated requests, and the corners of cookies and credentials."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paseport_api.handlers.proxy_requests import (
    AUTH_REQUEST,
    EXT_AUTHZ,
    FORWARD_AUTH,
    IDENTITY,
    Family,
    ReadsCredentials,
    asked,
    asks_for_page,
    cookies_of_others,
    origin_of,
    request_of,
)
from paseport_api.use_cases.decide_request import Presented, ProxyRequest
from paseport_shared.domain.models.key_carrier import BASIC, BEARER, X_API_KEY
from paseport_shared.domain.models.policy import CredentialKind

READS = ReadsCredentials(carriers=frozenset({BEARER, X_API_KEY}), edge_cookie="__Host-paseport-edge")
READS_ALL = ReadsCredentials(
    carriers=frozenset({BEARER, X_API_KEY, BASIC}), edge_cookie="__Host-paseport-edge", takes_any_text=True
)
KEY = "ppk_0000000000000002_0000000000000000000000000000000000000000000_000000"
FACTS = [
    (b"x-forwarded-method", b"GET"),
    (b"x-forwarded-proto", b"https"),
    (b"x-forwarded-host", b"app.example.com"),
    (b"x-forwarded-uri", b"/"),
    (b"x-forwarded-for", b"203.0.113.7"),
]
NAMES = [name for name, _ in FACTS] + [
    b"authorization",
    b"x-api-key",
    b"cookie",
    b"origin",
    b"upgrade",
    b"accept",
    b"x_user",
    b"x-user",
    b"x-real-ip",
    b"x-original-uri",
    b"x-original-host",
    b"host",
]
headers = st.lists(st.tuples(st.sampled_from(NAMES), st.binary(max_size=40)), max_size=12)


def scope(sent: list[tuple[bytes, bytes]], **changes: Any) -> Any:
    """What a server says of a request."""
    return {
        "type": "http",
        "http_version": "1.1",
        "method": "GET",
        "path": "/ext-authz/a",
        "raw_path": b"/ext-authz/a",
        "query_string": b"",
        "headers": sent,
        **changes,
    }


def read(family: Family, sent: list[tuple[bytes, bytes]], reads: ReadsCredentials = READS) -> ProxyRequest:
    values = family.read(scope(sent))
    return request_of(values, reads.find(values), is_from_proxy=True, address=None)


def presented(sent: list[tuple[bytes, bytes]], reads: ReadsCredentials = READS) -> list[tuple[CredentialKind, str]]:
    values = FORWARD_AUTH.read(scope(sent))
    return [(one.kind, one.text) for one in reads.find(values).presented]


@pytest.mark.parametrize("family", [FORWARD_AUTH, AUTH_REQUEST, EXT_AUTHZ], ids=lambda family: family.name)
@given(sent=headers)
def test_whatever_is_sent_is_read_without_a_fault_and_in_one_way(
    family: Family, sent: list[tuple[bytes, bytes]]
) -> None:
    """FA-07, FA-11: a request without a problem has each fact from exactly one header of this family."""
    first, second = read(family, sent), read(family, sent)

    assert first == second
    if first.problem is None:
        for name in family._slots:
            if name.startswith((b"x-forwarded-", b"x-original-")):
                assert sum(other == name for other, _ in sent) <= 1
        assert "" not in (first.host, first.target, first.method)


@given(sent=headers)
def test_what_is_recalled_by_differs_wherever_what_is_decided_by_does(sent: list[tuple[bytes, bytes]]) -> None:
    """Two requests with the same key are the same to the decision."""
    values = FORWARD_AUTH.read(scope([*FACTS, *sent]))
    key = asked(values, "10.0.0.1")
    if key is None:
        return
    request = request_of(values, READS.find(values), is_from_proxy=True, address=None)

    for position in range(10):
        other = list(values)
        other[position] = b"other"
        changed = request_of(other, READS.find(other), is_from_proxy=True, address=None)
        # The address stands in the key as the chain that it is read from.
        assert asked(other, "10.0.0.1") != key or changed == request

    assert asked(values, "10.0.0.2") != key


@given(st.binary(max_size=60))
def test_the_query_is_none_of_what_is_decided_by(query: bytes) -> None:
    def key(target: bytes) -> Any:
        values = FORWARD_AUTH.read(
            scope([pair if pair[0] != b"x-forwarded-uri" else (pair[0], target) for pair in FACTS])
        )
        return asked(values, None)

    assert key(b"/a?" + query) == (None if b"#" in query else key(b"/a"))


@pytest.mark.parametrize("name", IDENTITY)
def test_each_identity_header_has_aliases_and_is_none_itself(name: bytes) -> None:
    """FA-04."""
    for alias in {name.replace(b"-", b"_"), name.replace(b"-", b"_", 1), name + b" ", b"\t" + name}:
        expected = alias == name
        assert (read(FORWARD_AUTH, [*FACTS, (alias, b"admin")]).problem is None) == expected
    assert read(FORWARD_AUTH, [*FACTS, (name, b"admin")]).problem is None


def test_names_that_nobody_knows_do_not_fill_the_memory() -> None:
    family = Family("/x", {}, allowed_status=204)
    for number in range(5_000):
        family.read(scope([(b"x-%d" % number, b"")]))
    assert len(family._slots) <= 1_024
    assert family.read(scope([(b"x_user", b"admin")]))[12] is not None


# --- credentials ------------------------------------------------------------------------------------------------------


def test_a_credential_is_known_by_its_form() -> None:
    token = b"Bearer v4.public.x"
    assert presented([(b"authorization", token)]) == [(CredentialKind.ACCESS_TOKEN, "v4.public.x")]
    assert presented([(b"authorization", b"bearer  " + KEY.encode())]) == [(CredentialKind.API_KEY, KEY)]
    assert presented([(b"x-api-key", KEY.encode())]) == [(CredentialKind.API_KEY, KEY)]
    assert presented([(b"cookie", b"a=b; __Host-paseport-edge=pse_x")]) == [(CredentialKind.SESSION, "pse_x")]
    assert presented([(b"cookie", b"paseport-edge=pse_x; a__Host-paseport-edge=y")]) == []


@pytest.mark.parametrize(
    "value",
    [b"Bearer", b"Bearer ", b"Bearer a b", b"Bearer \xff", b"Bearer ppk_\xc3\xa9", b"Bearer v4.x y", b"Bearer eyJ.x.y"],
)
def test_what_has_no_form_of_ours_is_one_that_is_no_good(value: bytes) -> None:
    """FA-07."""
    assert presented([(b"authorization", value)]) == [(CredentialKind.NONE, "")]


def test_a_scheme_that_is_none_of_ours_presents_nothing() -> None:
    for value in (b"Basic YTpi", b"Digest username=x", b"Negotiate abc", b"", b"ppk_x"):
        assert presented([(b"authorization", value)]) == []


def test_a_key_may_be_a_password_where_that_is_on() -> None:
    for user in (b"", b"x", b"a@example.com"):
        value = b"Basic " + base64.b64encode(user + b":" + KEY.encode())
        assert presented([(b"authorization", value)], READS_ALL) == [(CredentialKind.API_KEY, KEY)]
    for junk in (b"Basic !!!", b"Basic", b"Basic " + base64.b64encode(b"no colon")):
        assert presented([(b"authorization", junk)], READS_ALL) == [(CredentialKind.NONE, "")]


def test_what_may_be_meant_for_the_service_counts_only_alone() -> None:
    foreign = (b"authorization", b"Bearer eyJ.x.y")
    cookie = (b"cookie", b"__Host-paseport-edge=pse_x")
    assert presented([foreign, cookie]) == [(CredentialKind.SESSION, "pse_x")]
    assert presented([foreign, (b"x-api-key", KEY.encode())]) == [(CredentialKind.API_KEY, KEY)]
    assert len(presented([foreign, cookie], READS_ALL)) == 2


def test_no_secret_is_shown_when_a_credential_is() -> None:
    assert "v4" not in repr(Presented(CredentialKind.ACCESS_TOKEN, "v4.public.x"))


# --- cookies ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "left"),
    [
        (b"a=b; c=d", b"a=b; c=d"),
        (b"__Host-paseport-edge=x", b""),
        (b"a=b;__Host-paseport-edge=x;c=d", b"a=b; c=d"),
        (b"paseport-session=x; PASEPORT-refresh=y; my-paseport-thing=z; a=b", b"a=b"),
        (b"=__Host-paseport-edge=x; a=b", b"a=b"),
        (b'q="1; __Host-paseport-edge=x"; a=b', b'q="1; a=b'),
        (b"a=/paseport-docs", b"a=/paseport-docs"),
        (b"; ;a=b;", b"a=b"),
        (b"flag; a=b", b"flag; a=b"),
    ],
)
def test_no_cookie_of_ours_is_passed_on(sent: bytes, left: bytes) -> None:
    assert cookies_of_others(sent) == left


@given(st.lists(st.sampled_from([b"a=b", b"__Host-paseport-edge=x", b"paseport-x=y", b"=paseport-z", b""]), max_size=8))
def test_of_whatever_cookies_none_of_ours_is_left(parts: list[bytes]) -> None:
    left = cookies_of_others(b";".join(parts))

    assert b"paseport-" not in left
    assert left.count(b"a=b") == parts.count(b"a=b")


# --- what browsers say ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scheme", "host", "origin"),
    [
        ("https", "App.example.com", "https://app.example.com"),
        ("https", "app.example.com:443", "https://app.example.com"),
        ("http", "app.localhost:80", "http://app.localhost"),
        ("https", "app.example.com:80", "https://app.example.com:80"),
        ("https", "[::1]:8443", "https://[::1]:8443"),
    ],
)
def test_the_origin_of_a_host_is_what_browsers_call_it(scheme: str, host: str, origin: str) -> None:
    """RFC 6454 §6.2."""
    assert origin_of(scheme, host) == origin


def test_a_page_is_what_a_person_waits_for() -> None:
    html = (b"accept", b"text/html,*/*")
    assert asks_for_page(FORWARD_AUTH.read(scope([*FACTS, html])))
    assert asks_for_page(FORWARD_AUTH.read(scope([*FACTS, html, (b"sec-fetch-mode", b"navigate")])))
    assert not asks_for_page(FORWARD_AUTH.read(scope([*FACTS, html, (b"sec-fetch-mode", b"no-cors")])))
    assert not asks_for_page(FORWARD_AUTH.read(scope([*FACTS, (b"accept", b"*/*")])))
