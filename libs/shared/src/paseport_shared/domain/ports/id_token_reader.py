"""Reading ID tokens that come back as a hint."""

from __future__ import annotations

from typing import Protocol

from paseport_shared.domain.models.id_token import IdTokenHint


class IdTokenReader(Protocol):
    """Recognises ID tokens of this issuer, however old."""

    async def read_hint(self, token: str) -> IdTokenHint | None:
        """Return what an ``id_token_hint`` says, None unless we signed it with a version that is not REVOKED.

        That it has expired, or that its key is RETIRED, is no matter (OIDC Core §3.1.2.1). Raises ``Unavailable`` when
        its key is unknown here and nobody could be asked.
        """
        ...
