"""The keys that sign access tokens where all runs in one process, in one file of its data folder."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from paseport.clock import Clock
from paseport.paserk import public_key_id

from paseport_shared.adapters.keyfile.key_file_format import StoredVersion, decode_versions, encode_versions
from paseport_shared.adapters.keyfile.key_versions import KeyVersions, signs
from paseport_shared.adapters.keyfile.private_file import create_private_file, read_private_file
from paseport_shared.domain.errors import Unavailable
from paseport_shared.domain.models.signing_key import ED25519_BYTES, KeyAlgorithm, KeyStatus, VerificationKey
from paseport_shared.domain.ports.randomness import Randomness


class KeyFile(KeyVersions):
    """Ed25519 key versions from a file: ``KeyHolder`` and ``RawSigner`` in one.

    The file is read when this is made. Where there is none it is created with one ACTIVE version, whose number is
    ``first_version``. Raises ``KeyFileProblem`` for a file that somebody else can read or has put there, and for one
    that is no key file: it is never replaced, because every token signed so far depends on it.

    The private key is in the process, which is what Vault is there to avoid (ADR 0008).
    """

    algorithm = KeyAlgorithm.ED25519

    def __init__(self, path: Path, clock: Clock, randomness: Randomness, *, first_version: int = 1) -> None:
        # Before anything can fail: reports of errors print their frames, this object among them.
        self._path = path
        self._randomness = randomness
        content = read_private_file(path)
        if content is None:
            first = _new_version(first_version, KeyStatus.ACTIVE, clock.now(), randomness)
            content = create_private_file(path, encode_versions([first], self.algorithm))
        versions = [_key_version(stored) for stored in decode_versions(path, content, self.algorithm)]
        super().__init__(path, [key for _, key in versions], clock)
        # Private keys show nothing of themselves in a repr.
        self._signers = {key.version: private for private, key in versions if signs(key.status)}

    async def sign(self, message: bytes, *, key_version: int) -> bytes:
        """Return the Ed25519 signature of ``message`` under exactly ``key_version``.

        Raises ``Unavailable`` unless this version is there and ``signs``. On the event loop: it takes about 40 µs, less
        than the way to a worker thread and back.
        """
        private_key = self._signers.get(key_version)
        if private_key is None:
            raise Unavailable(f"the key file does not sign with version {key_version}")
        return private_key.sign(message)

    def _make(self, version: int, now: datetime) -> StoredVersion:
        return _new_version(version, KeyStatus.PUBLISHED, now, self._randomness)

    def _add(self, stored: StoredVersion) -> VerificationKey:
        private_key, key = _key_version(stored)
        self._by_kid[key.kid] = key
        self._signers[key.version] = private_key
        return key


def _new_version(version: int, status: KeyStatus, now: datetime, randomness: Randomness) -> StoredVersion:
    return StoredVersion(
        version=version,
        private_key=randomness.token_bytes(ED25519_BYTES),
        status=status,
        not_before=now.replace(microsecond=0),
        not_after=None,
    )


def _key_version(stored: StoredVersion) -> tuple[Ed25519PrivateKey, VerificationKey]:
    private_key = Ed25519PrivateKey.from_private_bytes(stored.private_key)
    public_key = private_key.public_key().public_bytes_raw()
    verification_key = VerificationKey(
        version=stored.version,
        kid=public_key_id(public_key),
        public_key=public_key,
        status=stored.status,
        not_before=stored.not_before,
        not_after=stored.not_after,
    )
    return private_key, verification_key
