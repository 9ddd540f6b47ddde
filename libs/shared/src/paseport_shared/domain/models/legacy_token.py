"""Credentials that another system handed out: any text, known here by a digest as that system made it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from typing import Final

from paseport.secret import Secret

LegacyDigest = Callable[[str], str]
"""From the text of a credential to its digest: 64 hexadecimal digits in lower case."""

_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


def is_legacy_digest(text: str) -> bool:
    """Say whether ``text`` is a digest as ``ApiKey.legacy_digest`` has it."""
    return _DIGEST.fullmatch(text) is not None


def sha256_digest(pepper: Secret[str]) -> LegacyDigest:
    """Return what makes SHA-256(text + pepper)."""

    def digest(text: str) -> str:
        return hashlib.sha256((text + pepper.reveal()).encode("utf-8", "surrogatepass")).hexdigest()

    return digest
