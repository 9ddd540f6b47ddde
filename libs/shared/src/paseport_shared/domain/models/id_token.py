"""The claims of an ID token (OpenID Connect Core §2)."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

ACR: Final = "1"
"""The only authentication context class there is: somebody signed in here. Second factors will bring another."""

UserClaim = str | bool | int | tuple[str, ...]
"""What a claim about a user may be."""

RESERVED_CLAIMS: Final = frozenset(
    {"iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "azp", "at_hash", "sid"}
)
"""Claims about the sign-in and the token: none about the user may take one of these names."""


@dataclass(frozen=True, slots=True)
class IdTokenClaims:
    """What an ID token says. Times are aware UTC datetimes of whole seconds; on the wire they are numbers.

    ``audience`` and ``authorized_party`` are the client that asked. ``user_claims`` are those that its scope covers.
    Raises ``ValueError`` where one of these would replace a claim of the token itself.
    """

    issuer: str
    subject: str
    audience: str
    expires_at: datetime
    issued_at: datetime
    auth_time: datetime
    authorized_party: str
    at_hash: str
    amr: tuple[str, ...]
    acr: str = ACR
    nonce: str | None = None
    session_id: str | None = None
    user_claims: Mapping[str, UserClaim] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if taken := RESERVED_CLAIMS & self.user_claims.keys():
            message = f"claims of the token itself: {', '.join(sorted(taken))}"
            raise ValueError(message)


@dataclass(frozen=True, slots=True)
class IdTokenHint:
    """Who signed in at which client, and when, as an ID token of ours says: it may be long expired.

    It is no credential. ``session_id`` is None where the token was issued to an offline family.
    """

    subject: str
    client_id: str
    issued_at: datetime
    expires_at: datetime
    session_id: str | None = None
    auth_time: datetime | None = None


def access_token_hash(access_token: str) -> str:
    """Return ``at_hash`` for RS256: the left half of the token's SHA-256, as base64url (OIDC Core §3.1.3.6)."""
    digest = hashlib.sha256(access_token.encode("ascii")).digest()
    return base64.urlsafe_b64encode(digest[: len(digest) // 2]).decode("ascii").rstrip("=")
