"""What can be wrong with a token, or with the keys that check it."""

from typing import ClassVar


class TokenError(Exception):
    """A token was not accepted.

    ``str()`` is one constant sentence per class and may be shown to anyone: a caller who learns which check failed
    learns how to get past the others. ``reason`` says which one it was and belongs in a log only.
    """

    public_message: ClassVar[str] = "The access token was not accepted."

    def __init__(self, reason: str) -> None:
        super().__init__(self.public_message)
        self.reason = reason


class InvalidToken(TokenError):
    """The token is refused for good: answer 401 ``invalid_token`` (RFC 6750 §3.1)."""

    public_message = "The access token is invalid, expired or revoked."


class KeysUnavailable(TokenError):
    """Nobody can say yet: the key document could not be fetched. Answer 503, never allow."""

    public_message = "Access tokens cannot be checked at the moment."


class InvalidKeyDocument(ValueError):
    """A key document is not one: malformed, empty, or a ``kid`` that is not the id of its key."""
