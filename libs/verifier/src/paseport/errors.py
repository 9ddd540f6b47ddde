"""Why a caller is not let in, as one family.

An error carries a stable ``code``, a public sentence that is the same for every cause, and a ``reason`` for the log
only: a caller who learns which check failed learns how to get past the others.
"""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar


class AuthError(Exception):
    """Root of the family. ``str()`` is the public sentence and may be shown to anyone; ``reason`` may not."""

    code: ClassVar[str]
    public: ClassVar[str]

    def __init__(self, reason: str = "") -> None:
        super().__init__(self.public)
        self.reason = reason or self.code


class AuthenticationRequired(AuthError):
    """No credential was presented: answer 401 with a challenge that names no error (RFC 6750 §3)."""

    code = "authentication_required"
    public = "Sign in to continue."


class InvalidToken(AuthError):
    """An access token that is not acceptable, whatever the cause: answer 401 ``invalid_token`` (RFC 6750 §3.1)."""

    code = "invalid_token"
    public = "The access token is not valid."


class InsufficientScope(AuthError):
    """A known caller whose token lacks a scope: answer 403 ``insufficient_scope`` (RFC 6750 §3.1)."""

    code = "insufficient_scope"
    public = "The access token does not cover this."

    def __init__(self, required: str) -> None:
        super().__init__(f"scope {required} required")
        self.required = required


class InsufficientRole(AuthError):
    """A known caller who holds none of the roles that this needs: answer 403."""

    code = "insufficient_role"
    public = "Your account is not allowed to do this."


class Unavailable(AuthError):
    """A part that is needed does not answer, so nobody can say: answer 503 with ``Retry-After``, never let in."""

    code = "unavailable"
    public = "The service is temporarily unavailable. Try again in a moment."

    def __init__(self, reason: str = "", retry_after: timedelta = timedelta(seconds=1)) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class Overloaded(Unavailable):
    """A bounded queue is full; the caller should come back."""

    code = "overloaded"
    public = "The service is busy. Try again in a moment."


class InvalidKeyDocument(ValueError):
    """A key document is not one: malformed, empty, or a ``kid`` that is not the id of its key."""
