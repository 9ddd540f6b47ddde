"""The keys that sign ID tokens where all runs in one process, in a file beside those of access tokens."""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from paseport.clock import Clock

from paseport_shared.adapters.keyfile.key_file_format import StoredVersion, decode_versions, encode_versions
from paseport_shared.adapters.keyfile.key_versions import KeyVersions, signs
from paseport_shared.adapters.keyfile.private_file import create_private_file, read_private_file
from paseport_shared.adapters.keyfile.problem import KeyFileProblem
from paseport_shared.domain.errors import Unavailable
from paseport_shared.domain.models.rsa_public_key import EXPONENT, MIN_BITS, RsaPublicKey
from paseport_shared.domain.models.signing_key import KeyAlgorithm, KeyStatus, VerificationKey

BITS: Final = MIN_BITS
"""As in Vault: what RS256 clients expect, and three times as fast as the next size."""


class RsaKeyFile(KeyVersions):
    """RSA key versions from a file: ``KeyHolder`` and ``RsaSigner`` in one. Otherwise as ``KeyFile``.

    A first start makes a key, which takes some tenths of a second.
    """

    algorithm = KeyAlgorithm.RS256

    def __init__(self, path: Path, clock: Clock, *, first_version: int = 1) -> None:
        # Before anything can fail: reports of errors print their frames, this object among them.
        self._path = path
        content = read_private_file(path)
        if content is None:
            first = _new_version(first_version, KeyStatus.ACTIVE, clock.now())
            content = create_private_file(path, encode_versions([first], self.algorithm))
        versions = [_key_version(path, stored) for stored in decode_versions(path, content, self.algorithm)]
        super().__init__(path, [key for _, key in versions], clock)
        self._signers = {key.version: private for private, key in versions if signs(key.status)}

    async def sign(self, message: bytes, *, key_version: int) -> bytes:
        """See ``RsaSigner.sign``. Raises ``Unavailable`` unless this version is there and ``signs``.

        On a worker thread: a signature takes about a millisecond.
        """
        private_key = self._signers.get(key_version)
        if private_key is None:
            raise Unavailable(f"the key file does not sign with version {key_version}")
        return await asyncio.to_thread(private_key.sign, message, padding.PKCS1v15(), hashes.SHA256())

    def _make(self, version: int, now: datetime) -> StoredVersion:
        return _new_version(version, KeyStatus.PUBLISHED, now)

    def _add(self, stored: StoredVersion) -> VerificationKey:
        private_key, key = _key_version(self._path, stored)
        self._by_kid[key.kid] = key
        self._signers[key.version] = private_key
        return key


def _new_version(version: int, status: KeyStatus, now: datetime) -> StoredVersion:
    private_key = rsa.generate_private_key(EXPONENT, BITS)
    return StoredVersion(
        version=version,
        private_key=private_key.private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
        status=status,
        not_before=now.replace(microsecond=0),
        not_after=None,
    )


def _key_version(path: Path, stored: StoredVersion) -> tuple[rsa.RSAPrivateKey, VerificationKey]:
    try:
        private_key = serialization.load_der_private_key(stored.private_key, password=None)
        if not isinstance(private_key, rsa.RSAPrivateKey):
            raise KeyFileProblem.malformed(path, f"version {stored.version} is no RSA key")
        numbers = private_key.public_key().public_numbers()
        public_key = RsaPublicKey.of(numbers.n, numbers.e)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        # Whatever the library says of it, a key is not quoted.
        raise KeyFileProblem.malformed(path, f"version {stored.version} is no RSA key that signs ID tokens") from error
    verification_key = VerificationKey(
        version=stored.version,
        kid=public_key.kid,
        public_key=public_key.to_bytes(),
        status=stored.status,
        not_before=stored.not_before,
        not_after=stored.not_after,
        algorithm=KeyAlgorithm.RS256,
    )
    return private_key, verification_key
