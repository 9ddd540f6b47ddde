"""The signing keys of an installation that runs in one process, in one file of its data folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from paseport.paserk import public_key_id

from paseport_shared.adapters.keyfile.key_file_format import StoredVersion, decode_versions, encode_versions
from paseport_shared.adapters.keyfile.private_file import create_private_file, read_private_file
from paseport_shared.adapters.keyfile.problem import KeyFileProblem
from paseport_shared.domain.errors import Unavailable
from paseport_shared.domain.models.secret import Secret
from paseport_shared.domain.models.signing_key import KeyStatus, VerificationKey
from paseport_shared.domain.ports.clock import Clock
from paseport_shared.domain.ports.randomness import Randomness

_SEED_BYTES = 32


@dataclass(frozen=True, slots=True)
class _KeyVersion:
    # The private key shows nothing of itself in a repr.
    private_key: Ed25519PrivateKey
    verification_key: VerificationKey


class KeyFile:
    """Ed25519 key versions from a file: ``SigningKeys``, ``VerificationKeys`` and ``RawSigner`` in one.

    The file is read once, when this is made; it is created with one ACTIVE version where there is none. Raises
    ``KeyFileProblem`` for a file that somebody else can read or has put there, and for one that is no key file: it is
    never replaced, because every token signed so far depends on it.

    The private key is in the process, which is what Vault is there to avoid (ADR 0008).
    """

    def __init__(self, path: Path, clock: Clock, randomness: Randomness) -> None:
        self._path = path
        self._clock = clock
        content = read_private_file(path)
        if content is None:
            content = create_private_file(path, _first_version(clock.now(), randomness.token_bytes))
        versions = [_key_version(stored) for stored in decode_versions(path, content)]
        self._by_version = {version.verification_key.version: version for version in versions}
        self._by_kid = {version.verification_key.kid: version.verification_key for version in versions}
        if len(self._by_kid) != len(self._by_version):
            raise KeyFileProblem.malformed(path, "one key stands in it twice")

    def __repr__(self) -> str:
        return f"KeyFile({str(self._path)!r})"

    async def active(self) -> VerificationKey:
        """Return the version that signs now. Raises ``Unavailable`` when none is ACTIVE, or its time is over."""
        now = self._clock.now()
        for key in self._by_kid.values():
            if key.status is KeyStatus.ACTIVE and _counts_at(key, now):
                return key
        raise Unavailable("the key file has no version that signs now")

    async def published(self) -> tuple[VerificationKey, ...]:
        """Return every version but RETIRED ones, oldest first."""
        by_age = sorted(self._by_kid.values(), key=lambda key: key.version)
        return tuple(key for key in by_age if key.status is not KeyStatus.RETIRED)

    async def find(self, kid: str) -> VerificationKey | None:
        """Return the key with this PASERK id while it verifies, else None."""
        key = self._by_kid.get(kid)
        return key if key is not None and key.verifies and _counts_at(key, self._clock.now()) else None

    async def sign(self, message: bytes, *, key_version: int) -> bytes:
        """Return the Ed25519 signature of ``message`` under exactly ``key_version``.

        Raises ``Unavailable`` unless this version is there and ACTIVE. Signs on the event loop: about 40 µs, less than
        the way to a worker thread and back.
        """
        version = self._by_version.get(key_version)
        if version is None or version.verification_key.status is not KeyStatus.ACTIVE:
            raise Unavailable(f"the key file does not sign with version {key_version}")
        return version.private_key.sign(message)


def _counts_at(key: VerificationKey, now: datetime) -> bool:
    return key.not_after is None or now < key.not_after


def _first_version(now: datetime, token_bytes: Callable[[int], bytes]) -> Secret[bytes]:
    return encode_versions(
        [
            StoredVersion(
                version=1,
                seed=token_bytes(_SEED_BYTES),
                status=KeyStatus.ACTIVE,
                not_before=now.replace(microsecond=0),
                not_after=None,
            )
        ]
    )


def _key_version(stored: StoredVersion) -> _KeyVersion:
    private_key = Ed25519PrivateKey.from_private_bytes(stored.seed)
    public_key = private_key.public_key().public_bytes_raw()
    verification_key = VerificationKey(
        version=stored.version,
        kid=public_key_id(public_key),
        public_key=public_key,
        status=stored.status,
        not_before=stored.not_before,
        not_after=stored.not_after,
    )
    return _KeyVersion(private_key, verification_key)
