"""How a command fails."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

FAILED: Final = 1
USAGE: Final = 2
NOT_RUNNING: Final = 3


class FieldError(msgspec.Struct, frozen=True):
    """One value that was refused."""

    field: str
    code: str
    message: str


class CommandFailed(Exception):
    """A command's end without success: a stable ``code``, a sentence, and, where there is one, what to do about it.

    ``retry_after``: in so many seconds, the issuer says, the same may succeed.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        advice: str | None = None,
        errors: Sequence[FieldError] = (),
        exit_code: int = FAILED,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.advice = advice
        self.errors = tuple(errors)
        self.exit_code = exit_code
        self.retry_after = retry_after
