"""Hosts are names and suffixes of whole labels, never regular expressions (GW-06)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paseport_shared.domain.models.host_pattern import host_fits, is_host_name, is_host_pattern

LABEL = st.from_regex(r"[a-z0-9_]([a-z0-9_-]{0,20}[a-z0-9_])?", fullmatch=True)
NAME = st.lists(LABEL, min_size=1, max_size=5).map(".".join)


@pytest.mark.parametrize(
    "name", ["localhost", "app.example.com", "1.2.3.4", "xn--bcher-kva.example", "_dmarc.a", "a-b"]
)
def test_a_host_name_in_its_canonical_spelling_is_one(name: str) -> None:
    assert is_host_name(name)
    assert is_host_pattern(name)


@pytest.mark.parametrize(
    "name",
    [
        "", ".", "a.", ".a", "a..b", "A.example", "a.example:80", "-a", "a-", "a b", "a/b", "a\n", "a%", "ä.example",
        "[::1]", "a@b", "a*b", "a,b", "\u212aa", "x" * 64, ".".join(["x" * 63] * 4) + "y",
    ],
)  # fmt: skip
def test_any_other_text_is_none(name: str) -> None:
    assert not is_host_name(name)
    assert not is_host_pattern(name)


@pytest.mark.parametrize(
    "pattern", ["*", "*.", "*.com", "**.example.com", "*.*.example.com", "a.*.com", "*example.com"]
)
def test_a_star_stands_once_at_the_beginning_and_before_two_labels(pattern: str) -> None:
    assert not is_host_pattern(pattern)


@pytest.mark.parametrize(
    ("host", "fits"),
    [
        ("a.example.com", True),
        ("a.b.example.com", True),
        ("example.com", False),
        ("evilexample.com", False),
        ("a.example.com.evil.net", False),
        ("axexample.com", False),
        ("*.example.com", True),  # which is no host name, and so never asked
    ],
)
def test_a_suffix_means_whole_labels_below_it(host: str, fits: bool) -> None:
    assert host_fits("*.example.com", host) is fits


def test_the_dot_of_a_pattern_is_a_dot() -> None:
    assert not host_fits("a.example.com", "axexample.com")


@given(NAME, NAME)
def test_an_exact_pattern_means_itself_alone(name: str, other: str) -> None:
    assert host_fits(name, name)
    assert host_fits(name, other) is (name == other)


@given(LABEL, NAME)
def test_a_name_below_a_suffix_fits_and_one_that_only_ends_like_it_does_not(label: str, suffix: str) -> None:
    assert host_fits(f"*.{suffix}", f"{label}.{suffix}")
    assert not host_fits(f"*.{suffix}", suffix)
    assert not host_fits(f"*.x{suffix}", f"{label}.{suffix}")
