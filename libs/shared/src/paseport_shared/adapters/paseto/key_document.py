"""The document that publishes the issuer's verification keys, ``/.well-known/paserk.json``."""

from __future__ import annotations

from paseport.key_set import KeyStatus, PublishedKey, encode_key_document

from paseport_shared.domain.errors import Unavailable
from paseport_shared.domain.models.signing_key import VerificationKey
from paseport_shared.domain.ports.signing_keys import SigningKeys


class KeyDocument:
    """The key document of an issuer, as bytes."""

    def __init__(self, keys: SigningKeys) -> None:
        self._keys = keys
        self._last: tuple[tuple[VerificationKey, ...], bytes] | None = None

    async def render(self) -> bytes:
        """Return the document as it stands now, or as it last stood while the keys cannot be read.

        A verifier that starts during an outage needs it too. Written anew only where the keys have changed, because
        everybody may ask. Raises ``Unavailable`` when it was never read.
        """
        try:
            keys = await self._keys.published()
        except Unavailable:
            if self._last is None:
                raise
        else:
            if self._last is None or self._last[0] != keys:
                self._last = keys, encode_key_document(to_published(key) for key in keys)
        return self._last[1]


def to_published(key: VerificationKey) -> PublishedKey:
    """Return a key as a key document shows it."""
    return PublishedKey(
        kid=key.kid,
        public_key=key.public_key,
        status=KeyStatus(key.status.value),
        not_before=key.not_before,
        not_after=key.not_after,
    )
