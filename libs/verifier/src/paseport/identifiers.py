"""Identifiers and their canonical forms."""

from __future__ import annotations

import re
from typing import Final
from uuid import UUID

_CANONICAL: Final = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")


def is_uuid(text: str) -> bool:
    """Say whether a text is a UUID in its one canonical spelling: braces, ``urn:`` and capitals are other strings."""
    return _CANONICAL.fullmatch(text) is not None


def parse_uuid(text: str) -> UUID | None:
    """Return the UUID that a text is in its canonical spelling, or None."""
    return UUID(text) if is_uuid(text) else None
