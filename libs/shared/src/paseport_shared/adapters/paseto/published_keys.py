"""The keys that an issuer publishes, as a service without a signing right sees them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from paseport.errors import InvalidToken, KeysUnavailable
from paseport.key_set import KeySet

from paseport_shared.domain.errors import Unavailable
from paseport_shared.domain.models.signing_key import KeyStatus, VerificationKey
from paseport_shared.domain.ports.clock import Clock

UNNUMBERED: Final = 0
"""The version of a key whose number is not published: it means something to the signer only."""
_ALWAYS: Final = datetime(1970, 1, 1, tzinfo=UTC)


class PublishedKeys:
    """``VerificationKeys`` over a key document: usually a ``paseport.RemoteKeySet``, whose owner closes it.

    The document has no version numbers, so ``VerificationKey.version`` is ``UNNUMBERED``.
    """

    def __init__(self, key_set: KeySet, clock: Clock) -> None:
        self._key_set = key_set
        self._clock = clock

    async def find(self, kid: str) -> VerificationKey | None:
        """Return the key with this PASERK id while it verifies, else None.

        Raises ``Unavailable`` when it is unknown here and the key document cannot be had.
        """
        try:
            key = await self._key_set.get(kid, self._clock.now())
        except InvalidToken:
            return None
        except KeysUnavailable as error:
            raise Unavailable(error.reason) from error
        return VerificationKey(
            version=UNNUMBERED,
            kid=key.kid,
            public_key=key.public_key,
            status=KeyStatus(key.status.value),
            not_before=key.not_before or _ALWAYS,
            not_after=key.not_after,
        )
