"""Which hosts a rule, a key or a setting is about: exact names, and ``*.`` with a suffix.

A pattern is never a regular expression, and its dot is a dot (GW-06). ``*.example.com`` is every name below
``example.com``, at any depth, and not ``example.com`` itself.
"""

from __future__ import annotations

import re
from typing import Final

_LABEL: Final = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME: Final = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_MAX_LENGTH: Final = 253


def is_host_name(text: str) -> bool:
    """Say whether ``text`` is a host name in canonical spelling: lower case, no port, no trailing dot."""
    return len(text) <= _MAX_LENGTH and _NAME.fullmatch(text) is not None


def is_host_pattern(text: str) -> bool:
    """Say whether ``text`` is a host name, or ``*.`` before one of at least two labels."""
    suffix = text.removeprefix("*.")
    return is_host_name(suffix) and (suffix == text or "." in suffix)


def host_fits(pattern: str, host: str) -> bool:
    """Say whether a canonical ``host`` is meant by ``pattern``."""
    return host == pattern or (pattern[:2] == "*." and host.endswith(pattern[1:]))
