"""One reading or none (FA-09, FA-11, FA-14, FA-15)."""

import re
import unicodedata
from urllib.parse import quote, unquote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from paseport_shared.domain.errors import UnclearRequest
from paseport_shared.domain.models.request_facts import (
    MAX_TARGET,
    METHODS,
    SAFE_METHODS,
    RequestFacts,
    canonical_host,
    canonical_method,
    canonical_path,
    is_below,
    is_canonical_path,
)

TEXT = st.text(st.characters(codec="utf-8"), max_size=30)
SEGMENT = st.text(st.sampled_from("abz09._-~ ü%;\\?#\u2025\uff0f\u202e"), max_size=6)


def reading(target: str) -> str | None:
    """The path, or None where it has not exactly one reading."""
    try:
        return canonical_path(target)
    except UnclearRequest:
        return None


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("/", "/"),
        ("/a", "/a"),
        ("/a/", "/a/"),
        ("/a/b.c?x=/../&y=%2e%2e", "/a/b.c"),
        ("/?", "/"),
        ("/%61dmin", "/admin"),
        ("/%C3%BCber/%F0%9F%8E%89", "/über/🎉"),
        ("/%c3%bc", "/ü"),
        ("/a%20b+c", "/a b+c"),
        ("/.well-known/x", "/.well-known/x"),
        ("/...", "/..."),
        ("/a..b/..c/d..", "/a..b/..c/d.."),
        ("/a:b@c!$&'()*,=~_-", "/a:b@c!$&'()*,=~_-"),
        ("/%E2%80%A6", "/…"),
    ],
)
def test_a_target_with_one_reading_is_read_so(target: str, path: str) -> None:
    assert canonical_path(target) == path


@pytest.mark.parametrize(
    "target",
    [
        # No path at all, or one in another form (RFC 9112 §3.2).
        "", "?", "*", "a", "http://app.example.com/admin", "app.example.com:443", "?/admin", "%2fadmin",
        # Dot segments, in every spelling.
        "/.", "/..", "/./admin", "/a/../admin", "/public/../admin", "/%2e%2e/admin", "/%2E./admin", "/.%2e/x", "/a/.",
        "/a/..", "/a/%2e", "/..%2fadmin", "/a/..;/admin", "/..\\admin", "/%2e%2e%5cadmin",
        # Empty segments.
        "//", "//admin", "/a//b", "//app.example.com/admin", "/a//",
        # Other separators.
        "/a\\b", "\\admin", "/a%5cb", "/a%5Cb", "/a%2fb", "/a%2Fb", "/a;b", "/a;jsessionid=1", "/a%3bb", "/a%3Bb",
        # What ends a path for some.
        "/a#b", "/a?b#c", "/a%23b", "/a%3fb", "/a%00", "/a%00.png", "/a b", "/admin HTTP/1.1", "/a\tb", "/a%09",
        "/a\r\nX-User: admin", "/a%0d%0aX", "/a%0a", "/a\x7f", "/a%7f", "/a%c2%85",
        "/admin%20", "/%20admin", "/a%20/b", "/%20",
        # Escapes of escapes, and broken ones.
        "/%2561dmin", "/a%25", "/%", "/a%", "/a%4", "/a%zz", "/a%u002e", "/%%61", "/a%2",
        # No UTF-8, or not in its one spelling.
        "/%ff", "/%c0%ae%c0%ae/", "/%c0%af", "/%e0%80%af", "/%ed%a0%80", "/ü", "/\xc3\xbc", "/a%c3",
        # Invisible, or other than it looks.
        "/a%e2%80%8bb", "/%e2%80%ae", "/%ef%bb%bfadmin", "/a%c2%a0",
        # A dot, a slash, a semicolon once it is normalised.
        "/%ef%bc%8e%ef%bc%8e/admin", "/%e2%80%a5/admin", "/a%ef%bc%8fb", "/%ef%bc%bcadmin", "/a%ef%bc%9bb",
        "/%e2%84%85",
        # Longer than anybody needs.
        "/" + "a" * MAX_TARGET, "/?" + "a" * MAX_TARGET,
    ],
)  # fmt: skip
def test_a_target_that_services_read_in_several_ways_is_refused(target: str) -> None:
    """FA-09, FA-11."""
    with pytest.raises(UnclearRequest):
        canonical_path(target)


@given(st.one_of(TEXT, st.lists(SEGMENT, max_size=5).map(lambda segments: "/" + "/".join(segments))))
@example("/a/")
def test_a_path_in_canonical_form_has_one_spelling_left_once_everything_is_escaped(path: str) -> None:
    assert (reading(quote(path, safe="/")) == path) is is_canonical_path(path)


@given(st.lists(SEGMENT.map(lambda text: quote(text, safe="%;\\?# ")), min_size=1, max_size=5))
def test_whatever_is_read_has_no_second_reading(segments: list[str]) -> None:
    """Decoding it once more, normalising it, resolving it or cutting it changes nothing."""
    path = reading("/" + "/".join(segments))

    if path is not None:
        assert unquote(path) == path
        for form in (path, unicodedata.normalize("NFKC", path)):
            assert not re.search(r"[\\;#?%\x00-\x1f\x7f]", form)
            assert not {"", ".", ".."} & set(form[1:].split("/")[:-1])
            assert form.split("/")[-1] not in (".", "..")
            assert form.count("/") == path.count("/")


@given(st.text(st.sampled_from("abcXYZ019-_~"), min_size=1, max_size=10), st.data())
def test_an_escaped_letter_is_the_letter(segment: str, data: st.DataObject) -> None:
    spelled = "".join(
        data.draw(st.sampled_from([letter, f"%{ord(letter):02x}", f"%{ord(letter):02X}"])) for letter in segment
    )

    assert canonical_path(f"/{spelled}?q") == f"/{segment}"


@pytest.mark.parametrize(
    ("value", "host"),
    [
        ("App.Example.com", "app.example.com"),
        ("app.example.com:8443", "app.example.com"),
        ("localhost:1", "localhost"),
        ("192.0.2.7:80", "192.0.2.7"),
        ("[2001:DB8::1]:443", "[2001:db8::1]"),
        ("[::1]", "[::1]"),
    ],
)
def test_a_host_is_its_name_in_lower_case_without_port(value: str, host: str) -> None:
    assert canonical_host(value) == host


@pytest.mark.parametrize(
    "value",
    [
        "", " ", ":80", "a:", "a:x", "a:65536", "a:123456", "a:-1", "a:+1", "a:8o", "a:80:80", "a.", "a..b", ".a",
        "a b", "a/", "a/b", "a?b", "a#b", "a@b", "user@a", "a\\b", "a,b", "a\r\nX: y", "a\x00", "a%2eb", "http://a",
        "*", "-a",
        "[::1", "::1", "[]", "[::1]x", "[::1]:", "[::1]:x", "[fe80::1%25eth0]", "[a]", "ä", "\u212a", "ⓐ", "a:٨",
    ],
)  # fmt: skip
def test_a_host_that_is_none_is_refused(value: str) -> None:
    """FA-14."""
    with pytest.raises(UnclearRequest):
        canonical_host(value)


@pytest.mark.parametrize("method", sorted(METHODS))
def test_a_known_method_is_taken_as_it_is_written(method: str) -> None:
    assert canonical_method(method) == method


@pytest.mark.parametrize(
    "method", ["", "get", "Get", "GET ", " GET", "GETS", "CONNECT", "TRACE", "PRI", "GET\r\n", "*"]
)
def test_any_other_method_is_refused(method: str) -> None:
    """FA-15."""
    with pytest.raises(UnclearRequest):
        canonical_method(method)


def test_only_methods_that_promise_to_change_nothing_are_safe() -> None:
    """RFC 9110 §9.2.1, and RFC 4918, RFC 3253, RFC 5323 for the relatives."""
    assert {method for method in METHODS if RequestFacts("a", "/", method).is_safe} == SAFE_METHODS
    assert not SAFE_METHODS & {"POST", "PUT", "PATCH", "DELETE", "MOVE", "COPY", "LOCK", "MKCOL", "PROPPATCH"}


@pytest.mark.parametrize(
    ("path", "prefix", "below"),
    [
        ("/a", "/a", True),
        ("/a/", "/a", True),
        ("/a/b", "/a", True),
        ("/ab", "/a", False),
        ("/a", "/a/", False),
        ("/a/b", "/a/", True),
        ("/A", "/a", False),
        ("/", "/", True),
        ("/a", "/", True),
    ],
)
def test_below_means_whole_segments(path: str, prefix: str, below: bool) -> None:
    assert is_below(path, prefix) is below
