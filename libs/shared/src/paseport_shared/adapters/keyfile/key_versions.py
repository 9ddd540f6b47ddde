"""The states of key versions that stand in a file."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from pathlib import Path

from paseport.clock import Clock

from paseport_shared.adapters.keyfile.problem import KeyFileProblem
from paseport_shared.domain.errors import Unavailable
from paseport_shared.domain.models.signing_key import KeyStatus, VerificationKey


class KeyVersions:
    """``SigningKeys``, ``VerificationKeys`` and ``PastKeys`` in one, of the keys in the file at ``path``.

    Raises ``KeyFileProblem`` where one key stands in it twice.
    """

    def __init__(self, path: Path, keys: Collection[VerificationKey], clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._by_kid = {key.kid: key for key in sorted(keys, key=lambda key: key.version)}
        if len(self._by_kid) != len(keys):
            raise KeyFileProblem.malformed(path, "one key stands in it twice")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self._path)!r})"

    async def active(self) -> VerificationKey:
        """Return the version that signs now. Raises ``Unavailable`` when none is ACTIVE, or its time is over."""
        now = self._clock.now()
        for key in self._by_kid.values():
            if key.status is KeyStatus.ACTIVE and _counts_at(key, now):
                return key
        raise Unavailable("the key file has no version that signs now")

    async def published(self) -> tuple[VerificationKey, ...]:
        """Return every version but RETIRED ones, oldest first."""
        return tuple(key for key in self._by_kid.values() if key.status is not KeyStatus.RETIRED)

    async def find(self, kid: str) -> VerificationKey | None:
        """Return the key with this id while it verifies, else None."""
        key = self._by_kid.get(kid)
        return key if key is not None and key.verifies and _counts_at(key, self._clock.now()) else None

    async def find_past(self, kid: str) -> VerificationKey | None:
        """Return the key with this id unless it is REVOKED."""
        key = self._by_kid.get(kid)
        return key if key is not None and key.status is not KeyStatus.REVOKED else None


def _counts_at(key: VerificationKey, now: datetime) -> bool:
    return key.not_after is None or now < key.not_after
