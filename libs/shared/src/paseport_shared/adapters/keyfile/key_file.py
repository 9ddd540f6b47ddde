"""The keys that sign access tokens where all runs in one process, in one file of its data folder."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from paseport.clock import Clock
from paseport.paserk import public_key_id
from paseport.secret import Secret

from paseport_shared.adapters.keyfile.key_file_format import StoredVersion, decode_versions, encode_versions
from paseport_shared.adapters.keyfile.key_versions import KeyVersions
from paseport_shared.adapters.keyfile.private_file import create_private_file, read_private_file
from paseport_shared.domain.errors import Unavailable
from paseport_shared.domain.models.signing_key import ED25519_BYTES, KeyAlgorithm, KeyStatus, VerificationKey
from paseport_shared.domain.ports.randomness import Randomness


class KeyFile(KeyVersions):
    """Ed25519 key versions from a file: ``SigningKeys``, ``VerificationKeys`` and ``RawSigner`` in one.

    The file is read once, when this is made; it is created with one ACTIVE version where there is none. Raises
    ``KeyFileProblem`` for a file that somebody else can read or has put there, and for one that is no key file: it is
    never replaced, because every token signed so far depends on it.

    The private key is in the process, which is what Vault is there to avoid (ADR 0008).
    """

    def __init__(self, path: Path, clock: Clock, randomness: Randomness) -> None:
        # Before anything can fail: reports of errors print their frames, this object among them.
        self._path = path
        content = read_private_file(path)
        if content is None:
            content = create_private_file(path, _first_version(clock.now(), randomness.token_bytes))
        versions = [_key_version(stored) for stored in decode_versions(path, content, KeyAlgorithm.ED25519)]
        super().__init__(path, [key for _, key in versions], clock)
        # Private keys show nothing of themselves in a repr.
        self._signers = {key.version: private for private, key in versions if key.status is KeyStatus.ACTIVE}

    async def sign(self, message: bytes, *, key_version: int) -> bytes:
        """Return the Ed25519 signature of ``message`` under exactly ``key_version``.

        Raises ``Unavailable`` unless this version is there and ACTIVE. Signs on the event loop: about 40 µs, less than
        the way to a worker thread and back.
        """
        private_key = self._signers.get(key_version)
        if private_key is None:
            raise Unavailable(f"the key file does not sign with version {key_version}")
        return private_key.sign(message)


def _first_version(now: datetime, token_bytes: Callable[[int], bytes]) -> Secret[bytes]:
    first = StoredVersion(
        version=1,
        private_key=token_bytes(ED25519_BYTES),
        status=KeyStatus.ACTIVE,
        not_before=now.replace(microsecond=0),
        not_after=None,
    )
    return encode_versions([first], KeyAlgorithm.ED25519)


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
