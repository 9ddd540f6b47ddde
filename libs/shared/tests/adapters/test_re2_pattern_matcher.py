"""Patterns that administrators write, and paths that anybody does (GW-01)."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paseport_shared.adapters.re2.pattern_matcher import MAX_PROGRAM, MAX_TEXT_BYTES, Re2PatternMatcher
from paseport_shared.domain.errors import UnclearRequest

MATCHER = Re2PatternMatcher()


@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        ("/v[0-9]+/public", "/v12/public", True),
        ("/v[0-9]+/public", "/v12/public/x", False),
        ("/v[0-9]+/public", "/x/v12/public", False),
        ("/a|/ab", "/ab", True),
        ("/a|/b/c", "/b/c", True),
        ("/a|/b/c", "/a/c", False),
        ("^/a$", "/a", True),
        ("/a$", "/a\n", False),
        ("/.*", "/a\nb", False),
        ("(?i)/ADMIN", "/admin", True),
        ("/ü.", "/üß", True),
        ("/.", "/🎉", True),
        ("", "", True),
        ("", "/", False),
    ],
)
def test_a_pattern_means_the_whole_text(pattern: str, text: str, matches: bool) -> None:
    assert MATCHER.compile(pattern).matches(text) is matches


@pytest.mark.parametrize(
    "pattern",
    [
        "(?=a)", "(?!admin).*", "(?<=a)b", r"(a)\1", "(", "[", "a**b{", "a{1001}", r"\p{Nothing}", "*",
        r"\Qa\Z\E\1",
    ],
)  # fmt: skip
def test_what_the_engine_cannot_have_is_refused_with_a_reason(pattern: str) -> None:
    """GW-01: at the load, not at the first request."""
    with pytest.raises(ValueError, match=r".+"):
        MATCHER.compile(pattern)


@pytest.mark.parametrize("pattern", ["a" * MAX_PROGRAM, "(a{100}){10}", ".{300}", "(((a{9}){9}){9}){9}", r"\pL{50}"])
def test_a_pattern_that_would_be_slow_by_its_size_is_refused(pattern: str) -> None:
    """GW-01."""
    with pytest.raises(ValueError, match=r"too large|repetition"):
        MATCHER.compile(pattern)


@pytest.mark.parametrize(
    ("pattern", "piece"),
    [("(a+)+$", "a"), ("(a|aa)+$", "a"), ("(.*a){12}", "a"), ("(a|b)*a[ab]{60}", "ab"), (".*a.{20}", "ab")],
)
def test_the_patterns_that_hang_other_engines_are_done_at_once(pattern: str, piece: str) -> None:
    """GW-01: one of them takes Python's own engine longer than the sun will shine."""
    compiled = MATCHER.compile(pattern)
    text = (piece * MAX_TEXT_BYTES)[: MAX_TEXT_BYTES - 1] + "!"
    begun = time.process_time()

    for _ in range(20):
        compiled.matches(text)

    # Half a millisecond each where nothing else runs; a tenth of a second is what backtracking is not done in.
    assert time.process_time() - begun < 20 * 0.1


@pytest.mark.parametrize("text", ["/" + "a" * MAX_TEXT_BYTES, "/" + "ü" * (MAX_TEXT_BYTES // 2), "/" * 100_000])
def test_a_path_that_is_too_long_to_be_matched_is_unclear_and_not_taken_for_another(text: str) -> None:
    """GW-01: else a long path would be the way around a rule that denies."""
    with pytest.raises(UnclearRequest):
        MATCHER.compile("/.*").matches(text)


def test_the_longest_path_is_matched() -> None:
    assert MATCHER.compile("/a*").matches("/" + "a" * (MAX_TEXT_BYTES - 1))


@given(st.text(st.characters(codec="utf-8"), max_size=60))
def test_any_text_is_a_pattern_or_refused(text: str) -> None:
    try:
        compiled = MATCHER.compile(text)
    except ValueError:
        return
    assert compiled.matches("/a") in (True, False)
