"""The issuer's own keys, as the verifier library looks for them."""

from __future__ import annotations

from datetime import datetime

from paseport.errors import InvalidToken
from paseport.key_set import PublishedKey

from paseport_shared.adapters.paseto.key_document import to_published
from paseport_shared.domain.ports.signing_keys import VerificationKeys


class OwnKeys:
    """``paseport.KeySet`` over the keys that this process knows without a key document."""

    def __init__(self, keys: VerificationKeys) -> None:
        self._keys = keys

    async def get(self, kid: str, now: datetime) -> PublishedKey:
        """Return the key while it verifies. Raises ``InvalidToken``, and ``Unavailable`` where nobody can tell."""
        key = await self._keys.find(kid)
        if key is None:
            raise InvalidToken("kid is unknown, or its key no longer verifies")
        return to_published(key)

    def known(self, kid: str, now: datetime) -> PublishedKey | None:
        """Return None: its states are asked for each time."""
        return None
