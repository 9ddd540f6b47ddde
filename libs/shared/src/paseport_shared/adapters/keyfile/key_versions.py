"""The key versions that stand in a file, and making another."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from datetime import datetime
from pathlib import Path
from typing import Final

from paseport.clock import Clock

from paseport_shared.adapters.keyfile.key_file_format import StoredVersion, decode_versions, encode_versions
from paseport_shared.adapters.keyfile.private_file import read_private_file, replace_private_file
from paseport_shared.adapters.keyfile.problem import KeyFileProblem
from paseport_shared.domain.errors import Unavailable
from paseport_shared.domain.models.signing_key import HeldKeyVersion, KeyAlgorithm, KeyStatus, VerificationKey

KEPT: Final = 16
"""How many versions a file holds. What signs and what will are the newest two; a key that is gone cannot leak."""


class KeyVersions:
    """``KeyHolder`` of the keys in the file at ``path``, one of which signs.

    Where there is a record, it says the states (ADR 0012), and those in the file say nothing. For a file that is used
    alone this is also ``SigningKeys``, ``VerificationKeys`` and ``PastKeys``. Raises ``KeyFileProblem`` where one key
    stands in it twice.
    """

    algorithm: KeyAlgorithm

    def __init__(self, path: Path, keys: Collection[VerificationKey], clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._by_kid = {key.kid: key for key in sorted(keys, key=lambda key: key.version)}
        self._writing = asyncio.Lock()
        if len(self._by_kid) != len(keys):
            raise KeyFileProblem.malformed(path, "one key stands in it twice")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self._path)!r})"

    # --- KeyHolder ------------------------------------------------------------------------------------------------

    async def versions(self) -> tuple[HeldKeyVersion, ...]:
        """See ``KeyHolder.versions``."""
        return tuple(_held(key) for key in self._by_kid.values())

    async def create_version(self) -> HeldKeyVersion:
        """See ``KeyHolder.create_version``. The oldest of more than sixteen versions is forgotten."""
        async with self._writing:
            # Making an RSA key takes tenths of a second. What others read meanwhile changes on their own thread.
            return _held(self._add(await asyncio.to_thread(self._create)))

    def _create(self) -> StoredVersion:
        made = self._make(max(key.version for key in self._by_kid.values()) + 1, self._clock.now())
        try:
            content = read_private_file(self._path)
            if content is None:
                raise Unavailable("the key file is gone")
            stored = [*decode_versions(self._path, content, self.algorithm), made]
            stored.sort(key=lambda version: version.version)
            replace_private_file(self._path, encode_versions(stored[-KEPT:], self.algorithm))
        except KeyFileProblem as error:
            raise Unavailable(str(error)) from error
        return made

    def _make(self, version: int, now: datetime) -> StoredVersion:
        """Return a new key, PUBLISHED."""
        raise NotImplementedError

    def _add(self, stored: StoredVersion) -> VerificationKey:
        """Sign and verify with a version from now on."""
        raise NotImplementedError

    # --- the states in the file -----------------------------------------------------------------------------------

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


def signs(status: KeyStatus) -> bool:
    """Whether a file signs with a version: one that is ACTIVE there, or was made for the record to activate."""
    return status in (KeyStatus.PUBLISHED, KeyStatus.ACTIVE)


def _held(key: VerificationKey) -> HeldKeyVersion:
    return HeldKeyVersion(key.version, key.kid, key.public_key, key.not_before, key.algorithm)


def _counts_at(key: VerificationKey, now: datetime) -> bool:
    return key.not_after is None or now < key.not_after
