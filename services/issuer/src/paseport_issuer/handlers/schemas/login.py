"""Sign-in, refresh and password reset on the wire."""

from __future__ import annotations

from typing import Annotated

import msgspec
from paseport_shared.domain.models.password import MAX_LENGTH
from paseport_shared.domain.models.profile import MAX_EMAIL

from paseport_issuer.use_cases.sign_access_token import AccessToken

Login = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_EMAIL)]
Password = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_LENGTH)]


class LocalLoginRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``username`` takes a user name or an e-mail address."""

    username: Login
    password: Password
    transaction: Annotated[str, msgspec.Meta(max_length=64)] | None = None
    """The sign-in transaction that waits for this, as the address of the sign-in page names it."""
    link: Annotated[str, msgspec.Meta(max_length=64)] | None = None
    """The identity that waits to be linked to this account, as the address of the page that asks names it."""


class Continuation(msgspec.Struct, frozen=True):
    """Where the browser goes on with its sign-in transaction."""

    url: str = msgspec.field(name="continue")


class PasswordResetRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A token from a one-time link and the new password."""

    token: Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
    password: Password


class TokenResponse(msgspec.Struct, frozen=True):
    """A successful answer (RFC 6749 §5.1); the refresh token is in its cookie only."""

    access_token: str
    token_type: str
    expires_in: int
    scope: str

    @staticmethod
    def of(token: AccessToken) -> TokenResponse:
        """Return the answer for a token; ``expires_in`` is in seconds."""
        return TokenResponse(token.value, "Bearer", int(token.expires_in.total_seconds()), " ".join(token.scope))
