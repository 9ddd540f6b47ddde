"""Passwords as bcrypt over a peppered HMAC; imported hashes are accepted and reported as outdated."""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
import os
import threading
from collections.abc import Mapping
from functools import partial
from typing import Final

import bcrypt
from paseport.secret import Secret

from paseport_shared.adapters.bcrypt.stored_password import (
    MAX_BCRYPT_COST,
    ImportedBcrypt,
    ImportedPbkdf2,
    PepperedBcrypt,
    format_peppered,
    parse_stored,
)
from paseport_shared.domain.models.password import normalise
from paseport_shared.domain.ports.password_hasher import PasswordCheck
from paseport_shared.threads.worker_pool import WorkerPool

_log = logging.getLogger(__name__)

MIN_PEPPER_BYTES: Final = 32
"""The output of SHA-256: a shorter HMAC key would be the easier thing to guess (RFC 2104 §3)."""
MIN_WORK_FACTOR: Final = 4
_BCRYPT_BYTES: Final = 72


class BcryptPasswordHasher:
    """Hashes and checks passwords on threads of its own. Belongs to one event loop.

    Stored is ``{bcrypt-hmac,p=N}$2b$…``: bcrypt over base64(HMAC-SHA256(pepper N, NFKC(password))). The base64 has 44
    plain characters, so neither bcrypt's 72 bytes nor a NUL cut a password short (LG-04).

    Every call that is let in does exactly one slow hash, whatever is stored: a check against nothing, or against a form
    that cannot be read, does one at the current cost (LG-01, LG-02). No outcome is remembered: a cache of failures
    would answer a repeated guess faster than a first one, and be keyed by something made of the password (LG-06).
    """

    def __init__(
        self,
        peppers: Mapping[int, Secret[bytes]],
        current: int,
        work_factor: int = 12,
        *,
        workers: int | None = None,
        queue: int = 32,
    ) -> None:
        """Take the peppers by version and the version that new hashes use; ``ValueError`` for any that cannot serve.

        ``workers`` is the number of processors where it is None: bcrypt releases the interpreter lock, so more would
        only take turns. ``queue`` callers may wait for one of them.
        """
        if current not in peppers:
            raise ValueError(f"no pepper has the current version {current}")
        if any(version < 1 for version in peppers):
            raise ValueError("pepper versions are counted from 1")
        if any(len(pepper.reveal()) < MIN_PEPPER_BYTES for pepper in peppers.values()):
            raise ValueError(f"a pepper needs at least {MIN_PEPPER_BYTES} bytes")
        if not MIN_WORK_FACTOR <= work_factor <= MAX_BCRYPT_COST:
            raise ValueError(f"the work factor lies between {MIN_WORK_FACTOR} and {MAX_BCRYPT_COST}")
        self._peppers = dict(peppers)
        self._current = current
        self._work_factor = work_factor
        self._pool = WorkerPool(workers or os.cpu_count() or 1, queue, "password-hash")
        self._computed = 0
        self._computed_lock = threading.Lock()

    @property
    def computed(self) -> int:
        """How many slow hashes were computed, right and wrong passwords and checks against nothing alike."""
        return self._computed

    @property
    def capacity(self) -> int:
        """How many hashes run at a time."""
        return self._pool.capacity

    @property
    def in_use(self) -> int:
        """How many hashes run now."""
        return self._pool.in_use

    @property
    def waiting(self) -> int:
        """How many callers wait for one of the threads."""
        return self._pool.waiting

    async def hash(self, password: Secret[str]) -> str:
        """Return the stored form of a password, with a fresh salt, the current pepper and the current cost."""
        return await self._pool.run(partial(self._hash, password))

    async def verify(self, password: Secret[str], stored: str | None) -> PasswordCheck:
        """Compare a password with a stored form, and say whether that form is still the current one.

        Imported forms (``{bcrypt}…``, ``{pbkdf2-sha256}…``, ``{pbkdf2-sha512}…``) were made from the password as it was
        typed, so NFKC is not applied to them; they cost what their own parameters say until they are replaced.
        """
        return await self._pool.run(partial(self._verify, password, stored))

    def close(self) -> None:
        """Hash nothing more: whoever waits or comes later gets ``Unavailable``."""
        self._pool.close()

    # --- on a worker thread ---------------------------------------------------------------------------------------

    def _hash(self, password: Secret[str]) -> str:
        self._count()
        prehashed = self._prehash(password, self._current)
        return format_peppered(self._current, bcrypt.hashpw(prehashed, bcrypt.gensalt(self._work_factor)))

    def _verify(self, password: Secret[str], stored: str | None) -> PasswordCheck:
        form = None if stored is None else parse_stored(stored)
        match form:
            case PepperedBcrypt() if form.pepper in self._peppers:
                if not self._matches_bcrypt(self._prehash(password, form.pepper), form.bcrypt):
                    return PasswordCheck.MISMATCH
                is_current = form.pepper == self._current and form.cost == self._work_factor
                return PasswordCheck.MATCH if is_current else PasswordCheck.MATCH_OUTDATED
            case ImportedBcrypt() if _fits_bcrypt(raw := _utf8(password)):
                matches = self._matches_bcrypt(raw, form.bcrypt)
            case ImportedPbkdf2():
                matches = self._matches_pbkdf2(_utf8(password), form)
            case _:
                if stored is not None and not isinstance(form, ImportedBcrypt):
                    # The form itself stays out of the log: it may be anything, a password in clear included.
                    _log.warning("a stored password cannot be read: unknown scheme, parameters or pepper version")
                self._hash(password)
                matches = False
        return PasswordCheck.MATCH_OUTDATED if matches else PasswordCheck.MISMATCH

    def _prehash(self, password: Secret[str], version: int) -> bytes:
        pepper = self._peppers[version].reveal()
        return base64.b64encode(hmac.digest(pepper, _utf8(normalise(password)), "sha256"))

    def _matches_bcrypt(self, secret: bytes, bcrypt_hash: bytes) -> bool:
        self._count()
        return bcrypt.checkpw(secret, bcrypt_hash)

    def _matches_pbkdf2(self, secret: bytes, form: ImportedPbkdf2) -> bool:
        self._count()
        derived = hashlib.pbkdf2_hmac(form.digest, secret, form.salt, form.iterations, dklen=len(form.derived))
        return hmac.compare_digest(derived, form.derived)

    def _count(self) -> None:
        with self._computed_lock:
            self._computed += 1


def _utf8(password: Secret[str]) -> bytes:
    # JSON can spell half a surrogate pair: such a password is wrong like any other, not an exception.
    return password.reveal().encode("utf-8", "surrogatepass")


def _fits_bcrypt(password: bytes) -> bool:
    """Say whether bare bcrypt sees all of a password.

    Beyond 72 bytes it sees nothing, so all longer ones would be equal. And since it repeats its key with a NUL between,
    ``x`` and ``x NUL x`` are one key to it.
    """
    return len(password) <= _BCRYPT_BYTES and b"\0" not in password
