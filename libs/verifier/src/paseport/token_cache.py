"""Claims of tokens whose signature was verified, so that it need not be again."""

from __future__ import annotations

import hashlib
import os
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from paseport.claims import Claims

TOKENS_KEPT: Final = 20_000
_PROTECTED_SHARE: Final = 0.8
_DIGEST_BYTES: Final = 16


@dataclass(slots=True, eq=False)
class Kept:
    """What is remembered of one token: what it goes by, and its claims."""

    digest: bytes
    claims: Claims


class TokenCache:
    """Remembers what tokens say that passed every check once. It takes the place of the signature check and no other.

    Tokens go by a keyed hash, which nobody outside this process can aim at, over the token and what it was checked for.
    Only the string that passed the grammar gate is ever found, since two strings have two hashes. Bounded: a token that
    was seen once waits in line and leaves first; one that came again is kept apart, so a flood of tokens that are used
    once (a scan) drives out none that is in use. Nothing that failed ever enters.
    """

    def __init__(self, size: int = TOKENS_KEPT) -> None:
        """Keep at most ``size`` tokens, about 1 KiB each; ``ValueError`` below one."""
        if size < 1:
            raise ValueError("a token cache keeps at least one token")
        self._key = os.urandom(32)
        self._begun: dict[str, hashlib.blake2b] = {}
        self._last = ("", "", b"")
        self._protected_size = int(size * _PROTECTED_SHARE)
        self._waiting_size = size - self._protected_size
        self._waiting: OrderedDict[bytes, Kept] = OrderedDict()
        self._protected: OrderedDict[bytes, Kept] = OrderedDict()

    def __len__(self) -> int:
        return len(self._waiting) + len(self._protected)

    def digest(self, token: str, audience: str) -> bytes:
        """Return what a token goes by here when it is checked for ``audience``."""
        # Whoever does not find a token asks for its digest again, to keep it. The same object: how long two tokens take
        # to compare would tell something of the other one.
        last_token, last_audience, last_digest = self._last
        if token is last_token and audience == last_audience:
            return last_digest
        begun = self._begun.get(audience)
        if begun is None:
            # A NUL is in no audience, so no other pair of audience and token has these bytes.
            begun = hashlib.blake2b(audience.encode() + b"\0", key=self._key, digest_size=_DIGEST_BYTES)
            self._begun[audience] = begun
        digest = begun.copy()
        digest.update(token.encode())
        self._last = (token, audience, digest.digest())
        return self._last[2]

    def find(self, digest: bytes) -> Kept | None:
        """Return what is remembered of a token, or None."""
        kept = self._protected.get(digest)
        if kept is not None:
            self._protected.move_to_end(digest)
            return kept
        kept = self._waiting.pop(digest, None)
        if kept is not None and self._protected_size:
            self._protected[digest] = kept
            if len(self._protected) > self._protected_size:
                # What has not been used for longest has to wait in line again.
                self._enter(self._protected.popitem(last=False)[1])
        elif kept is not None:
            self._enter(kept)
        return kept

    def add(self, digest: bytes, claims: Claims) -> None:
        """Remember the claims of a token that passed every check."""
        if digest not in self._protected:
            self._enter(Kept(digest, claims))

    def forget(self, digest: bytes) -> None:
        """Drop a token: it expired, or its key no longer counts."""
        self._protected.pop(digest, None)
        self._waiting.pop(digest, None)

    def _enter(self, kept: Kept) -> None:
        self._waiting[kept.digest] = kept
        if len(self._waiting) > self._waiting_size:
            self._waiting.popitem(last=False)
