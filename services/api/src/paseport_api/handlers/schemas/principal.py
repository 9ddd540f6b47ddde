"""The caller on the wire."""

from __future__ import annotations

from datetime import datetime

import msgspec
from paseport.principal import Principal


class PrincipalResponse(msgspec.Struct, frozen=True):
    """Who a token stands for now. ``roles`` are empty where the token lacks scope ``roles``."""

    subject: str
    client_id: str
    scope: tuple[str, ...]
    roles: list[str]
    session_id: str | None
    expires_at: datetime

    @staticmethod
    def of(caller: Principal) -> PrincipalResponse:
        """Describe a caller."""
        claims = caller.claims
        return PrincipalResponse(
            subject=claims.subject,
            client_id=claims.client_id,
            scope=claims.scope,
            roles=sorted(caller.roles),
            session_id=claims.session_id,
            expires_at=claims.expires_at,
        )
