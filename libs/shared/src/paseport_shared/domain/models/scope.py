"""Scopes as text (RFC 6749 §3.3)."""

from __future__ import annotations

import re
from typing import Final

MAX_LENGTH: Final = 2_000
_TOKEN: Final = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")


def parse_scope(text: str) -> tuple[str, ...] | None:
    """Return the scopes that ``text`` names, each once, in its order; None for text that is not a scope.

    Several spaces in a row are taken for one, as most servers do.
    """
    if len(text) > MAX_LENGTH:
        return None
    tokens = text.split(" ")
    names = tuple(dict.fromkeys(token for token in tokens if token))
    return names if all(_TOKEN.fullmatch(name) for name in names) else None


def format_scope(scope: tuple[str, ...]) -> str:
    """Return the scope as the wire has it."""
    return " ".join(scope)
