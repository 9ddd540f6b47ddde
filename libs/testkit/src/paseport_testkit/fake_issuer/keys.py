"""The keys of a fake issuer and what they sign."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from paseport.key_set import KeyStatus, PublishedKey, encode_key_document
from paseport.paserk import public_key_id
from paseport.v4_public import assemble, footer_for, signing_input

# A verifier fetches the key document at most once a second. Keys published this far ahead let a test rotate several
# times within one second, as an issuer does that publishes a key well before it signs with it.
_PUBLISHED_AHEAD: Final = 3


@dataclass(frozen=True, slots=True)
class SigningKey:
    """One key pair and its line in the key document."""

    private_key: Ed25519PrivateKey
    published: PublishedKey

    @staticmethod
    def of(private_key: Ed25519PrivateKey, status: KeyStatus) -> SigningKey:
        """Return the key under its PASERK id."""
        public_key = private_key.public_key().public_bytes_raw()
        return SigningKey(private_key, PublishedKey(public_key_id(public_key), public_key, status))

    @property
    def kid(self) -> str:
        """Its id (``k4.pid.…``)."""
        return self.published.kid

    def sign(self, message: bytes, footer: bytes | None = None, implicit_assertion: bytes = b"") -> str:
        """Return a v4.public token, whatever the message says. The footer names this key unless it is given."""
        footer = footer_for(self.kid) if footer is None else footer
        return assemble(message, self.private_key.sign(signing_input(message, footer, implicit_assertion)), footer)

    def moved_to(self, status: KeyStatus) -> SigningKey:
        """Return the same key in another state."""
        return replace(self, published=replace(self.published, status=status))


class KeyRing:
    """Every key of an issuer: one signs, some are published for later, one is retired, one revoked, from the start."""

    def __init__(self, generate: Callable[[], Ed25519PrivateKey] = Ed25519PrivateKey.generate) -> None:
        self._generate = generate
        statuses = (KeyStatus.ACTIVE, KeyStatus.RETIRED, KeyStatus.REVOKED, *[KeyStatus.PUBLISHED] * _PUBLISHED_AHEAD)
        self._keys = [SigningKey.of(generate(), status) for status in statuses]

    @property
    def active(self) -> SigningKey:
        """The key that signs."""
        return self.first(KeyStatus.ACTIVE)

    def first(self, status: KeyStatus) -> SigningKey:
        """Return the oldest key in this state; ``LookupError`` where there is none."""
        for key in self._keys:
            if key.published.status is status:
                return key
        message = f"no key is {status}"
        raise LookupError(message)

    def rotate(self) -> SigningKey:
        """Sign with the next published key from now on; tokens of the last one stay good. Return the new key."""
        self._move(self.active.kid, KeyStatus.RETIRING)
        self._move(self.first(KeyStatus.PUBLISHED).kid, KeyStatus.ACTIVE)
        self._keys.append(SigningKey.of(self._generate(), KeyStatus.PUBLISHED))
        return self.active

    def revoke(self, kid: str) -> None:
        """Revoke a key, the active one after a rotation. ``LookupError`` for one that is not of this issuer."""
        if kid == self.active.kid:
            self.rotate()
        self._move(kid, KeyStatus.REVOKED)

    def document(self) -> bytes:
        """Write the key document."""
        return encode_key_document(key.published for key in self._keys)

    def _move(self, kid: str, status: KeyStatus) -> None:
        for place, key in enumerate(self._keys):
            if key.kid == kid:
                self._keys[place] = key.moved_to(status)
                return
        message = f"no key of this issuer is {kid}"
        raise LookupError(message)
