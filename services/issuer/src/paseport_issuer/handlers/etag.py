"""Entity tags of single resources (RFC 9110 §8.8.3, §13.1.1)."""

from __future__ import annotations

import re

from paseport_shared.domain.errors import PreconditionFailed, PreconditionRequired

_ETAG = re.compile(r'"([1-9][0-9]{0,17})"')


def etag(revision: int) -> str:
    """Return the strong entity tag of a revision."""
    return f'"{revision}"'


def expected_revision(if_match: str | None) -> int:
    """Return the revision that ``If-Match`` names.

    Raises ``PreconditionRequired`` without the header. Lists, ``*`` and weak tags never match: a writer has read
    exactly one revision, and that is the one it may replace.
    """
    if if_match is None:
        raise PreconditionRequired("no If-Match")
    match = _ETAG.fullmatch(if_match.strip())
    if match is None:
        raise PreconditionFailed("If-Match names no revision")
    return int(match[1])
