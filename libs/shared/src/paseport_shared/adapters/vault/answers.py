"""What an answer of Vault means: done, no, or not now."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

import msgspec

# Of what Vault says only these words are passed on: an error page of something in between may repeat a header.
_KNOWN_WORDS: Final = (
    "Vault is sealed",
    "invalid role or secret ID",
    "invalid token",
    "key not found",
    "no handler for route",
    "node not active",
    "permission denied",
    "requested version",
)
# Vault answers 500 to a version that the key does not have yet: that is a "no", and Vault is well (traps.md).
_NO_IN_DISGUISE: Final = "requested version"
_PASSING: Final = frozenset({HTTPStatus.PRECONDITION_FAILED, HTTPStatus.TOO_MANY_REQUESTS})


class VaultRefused(Exception):
    """Vault works and says no; asking again changes nothing. ``status`` is its HTTP status."""

    def __init__(self, reason: str, status: int) -> None:
        super().__init__(reason)
        self.status = status


class VaultFailed(Exception):
    """Vault did not do its work: silent, sealed, without a leader, or it speaks something else.

    ``is_passing``: it said so itself, with a status that a moment later may be another (FT-13).
    """

    def __init__(self, reason: str, *, is_passing: bool = False) -> None:
        super().__init__(reason)
        self.is_passing = is_passing


class _Errors(msgspec.Struct, frozen=True):
    errors: tuple[str, ...] = ()


def check_status(status: int, body: bytes, request: str) -> None:
    """Return for a success. Raises ``VaultRefused`` or ``VaultFailed``, which say what became of ``request``."""
    if status < HTTPStatus.MULTIPLE_CHOICES:
        return
    words = _known_words(body)
    reason = f"Vault answered {status} to {request}" + (f" ({', '.join(words)})" if words else "")
    if status < HTTPStatus.BAD_REQUEST:
        # Following it would take the token to whatever address it names.
        raise VaultFailed(f"{reason}: redirects are not followed")
    if status in _PASSING or (status >= HTTPStatus.INTERNAL_SERVER_ERROR and _NO_IN_DISGUISE not in words):
        raise VaultFailed(reason, is_passing=True)
    raise VaultRefused(reason, status)


def _known_words(body: bytes) -> list[str]:
    try:
        said = "\n".join(msgspec.json.decode(body, type=_Errors).errors)
    except (ValueError, RecursionError):
        return []
    return [words for words in _KNOWN_WORDS if words in said]
