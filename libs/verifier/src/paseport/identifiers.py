"""Identifiers and their canonical forms."""

from __future__ import annotations

from uuid import UUID


def parse_uuid(text: str) -> UUID | None:
    """Return the UUID in its one canonical spelling, or None: braces, ``urn:`` and capitals are other strings."""
    try:
        value = UUID(text)
    except ValueError:
        return None
    return value if str(value) == text else None
