"""Regular expressions of linear time.

RE2 never backtracks, so what a pattern costs is bounded by its size times that of the text. Both are bounded here: the
worst pattern takes the longest text about half a millisecond (GW-01).
"""

from __future__ import annotations

from typing import Final

import re2  # type: ignore[import-untyped]  # google-re2 ships no types

from paseport_shared.domain.errors import UnclearRequest

MAX_PROGRAM: Final = 256
"""Instructions that a pattern may compile to."""
MAX_TEXT_BYTES: Final = 1024
_MEMORY_BYTES: Final = 256 * 1024
"""For the automaton of one pattern. What needs more is matched without one, which is slower and as linear."""


class Re2Pattern:
    """``Pattern``."""

    def __init__(self, compiled: re2._Regexp) -> None:
        self._compiled = compiled

    def matches(self, text: str) -> bool:
        """Say whether all of ``text`` matches. Raises ``UnclearRequest`` for a text of more than 1,024 bytes.

        To answer "no" there would be a way around a rule that denies.
        """
        encoded = text.encode()
        if len(encoded) > MAX_TEXT_BYTES:
            raise UnclearRequest("the path is too long for the regular expression of a rule")
        return self._compiled.fullmatch(encoded) is not None


class Re2PatternMatcher:
    """``PatternMatcher``. Lookarounds and backreferences do not exist there: a pattern with one is refused."""

    def compile(self, pattern: str) -> Re2Pattern:
        """Return the compiled pattern. Raises ``ValueError`` with a reason for one that the engine cannot have."""
        options = re2.Options()
        options.max_mem = _MEMORY_BYTES
        options.never_capture = True
        options.log_errors = False
        try:
            compiled = re2.compile(pattern.encode(), options)
        except re2.error as error:
            raise ValueError(_reason(error)) from error
        if compiled.programsize > MAX_PROGRAM:
            raise ValueError("the pattern is too large")
        return Re2Pattern(compiled)


def _reason(error: re2.error) -> str:
    detail = error.args[0] if error.args else ""
    return detail.decode("utf-8", "replace") if isinstance(detail, bytes) else str(detail)
