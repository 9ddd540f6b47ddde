"""What a client learns of a user, in ID tokens and at userinfo alike."""

from __future__ import annotations

from collections.abc import Collection

from paseport_shared.domain.models.id_token import UserClaim
from paseport_shared.domain.models.user import User


def claims_for(user: User, scope: Collection[str]) -> dict[str, UserClaim]:
    """Return the claims that ``scope`` covers (OIDC Core §5.1, §5.4), without ``sub``.

    A user without a display name goes by the user name, because most clients have nothing else to greet somebody with.
    """
    claims: dict[str, UserClaim] = {}
    if "profile" in scope:
        claims["name"] = user.display_name or user.username
        claims["preferred_username"] = user.username
        claims["updated_at"] = int(user.updated_at.timestamp())
    if "email" in scope:
        claims["email"] = user.email
        claims["email_verified"] = user.email_verified
    if "roles" in scope:
        claims["roles"] = tuple(sorted(user.roles))
    return claims
