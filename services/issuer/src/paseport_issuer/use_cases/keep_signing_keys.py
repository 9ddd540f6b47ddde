"""Knowing which version of a key signs and which ones verify, also while the record or the signer is down."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from datetime import datetime
from typing import Final

from paseport.clock import Clock
from paseport_shared.domain.errors import AlreadyExists, Unavailable
from paseport_shared.domain.models.audit import Actor
from paseport_shared.domain.models.signing_key import HeldKeyVersion, KeyStatus, SigningKey, VerificationKey
from paseport_shared.domain.ports.key_holder import KeyHolder
from paseport_shared.domain.ports.record import Record, RecordTransaction

from paseport_issuer.use_cases.new_ids import NewIds

REFRESH_SECONDS: Final = 5.0
"""How old the copy may be: what another issuer did to a key is known here by then."""
RETRY_SECONDS: Final = 1.0
"""Until the record is asked again after it did not answer."""

_ACTOR: Final = Actor("paseport", "paseport")
_log = logging.getLogger(__name__)


class KeepSigningKeys:
    """A copy of the states of one key on record: ``SigningKeys``, ``VerificationKeys`` and ``PastKeys``, from memory.

    The record alone says which keys are ours. The holder of the private keys is asked for two things: the first version
    of a new installation, and whether it still holds the keys on record. A holder that has other keys under the same
    name (KR-06: a Vault restored elsewhere, a changed address) is not believed: nothing is signed with them, and what
    is published stays.
    """

    def __init__(
        self,
        *,
        key_name: str,
        record: Record,
        holder: KeyHolder,
        clock: Clock,
        ids: NewIds,
        refresh_seconds: float = REFRESH_SECONDS,
    ) -> None:
        self._key_name = key_name
        self._record = record
        self._holder = holder
        self._clock = clock
        self._ids = ids
        self._refresh_seconds = refresh_seconds
        self._keys: tuple[VerificationKey, ...] | None = None
        self._is_current = False
        self._foreign: frozenset[str] = frozenset()

    async def __call__(self) -> None:
        """Keep the copy current until cancelled."""
        while True:
            await asyncio.sleep(self._refresh_seconds if self._is_current else RETRY_SECONDS)
            with suppress(Unavailable):
                await self.load()

    async def load(self) -> None:
        """Read the states from the record; where there are none, record the newest version of the holder as ACTIVE.

        Then look whether the holder has the keys that are on record; that it does not answer changes nothing. Safe to
        repeat. Raises ``Unavailable`` when the record does not answer, and for a new installation also when the holder
        does not; then the copy is as it was.
        """
        try:
            held = await self._take_over()
        except Unavailable:
            self._is_current = False
            raise
        self._is_current = True
        if held is None:
            try:
                held = await self._holder.versions()
            except Unavailable:
                return
        self._compare(self._known(), held)

    # --- SigningKeys, VerificationKeys and PastKeys ---------------------------------------------------------------

    async def active(self) -> VerificationKey:
        """See ``SigningKeys.active``. A version that the holder has another key for does not sign (KR-06)."""
        now = self._clock.now()
        for key in self._known():
            if key.status is KeyStatus.ACTIVE and _counts_at(key, now):
                if key.kid in self._foreign:
                    raise Unavailable(f"the signer has another key than the record for version {key.version}")
                return key
        raise Unavailable(f"no version of {self._key_name} is active")

    async def published(self) -> tuple[VerificationKey, ...]:
        """See ``SigningKeys.published``. Raises ``Unavailable`` when the states were never read."""
        return tuple(key for key in self._known() if key.status is not KeyStatus.RETIRED)

    async def find(self, kid: str) -> VerificationKey | None:
        """See ``VerificationKeys.find``.

        A kid that is unknown while the record is out of reach may be one that another issuer has published: that is
        ``Unavailable``, not a "no" (TK-06).
        """
        key = self._recorded(kid)
        return key if key is not None and key.verifies and _counts_at(key, self._clock.now()) else None

    async def find_past(self, kid: str) -> VerificationKey | None:
        """See ``PastKeys.find_past``."""
        key = self._recorded(kid)
        return key if key is not None and key.status is not KeyStatus.REVOKED else None

    def _recorded(self, kid: str) -> VerificationKey | None:
        for key in self._known():
            if key.kid == kid:
                return key
        if not self._is_current:
            raise Unavailable("a key id that is not known, and the record does not answer")
        return None

    def _known(self) -> tuple[VerificationKey, ...]:
        if self._keys is None:
            raise Unavailable("the key states were never read")
        return self._keys

    # --- the record and the holder --------------------------------------------------------------------------------

    async def _take_over(self) -> tuple[HeldKeyVersion, ...] | None:
        """Make the states on record our own; return what the holder said, where it had to be asked for that."""
        held: tuple[HeldKeyVersion, ...] | None = None
        recorded = await self._record.transact(self._read)
        if not recorded:
            if self._keys is not None:
                # Somebody emptied the table, or it is another database. Verifiers would lose every key (KR-08).
                if self._is_current:
                    _log.critical("the record has lost the versions of %s: going on with those known", self._key_name)
                raise Unavailable("the record has lost its key versions")
            held = await self._holder.versions()
            recorded = await self._record_first(held[-1])
        self._keys = tuple(stored.key for stored in recorded)
        return held

    async def _read(self, transaction: RecordTransaction) -> tuple[SigningKey, ...]:
        return await transaction.signing_keys.versions(self._key_name)

    async def _record_first(self, newest: HeldKeyVersion) -> tuple[SigningKey, ...]:
        now = self._clock.now()
        key = VerificationKey(
            newest.version, newest.kid, newest.public_key, KeyStatus.ACTIVE, now, None, newest.algorithm
        )
        first = SigningKey(self._key_name, key, now)
        event = self._ids.audit_event(
            _ACTOR,
            "signing_key.activated",
            key.kid,
            after={"key_name": self._key_name, "version": key.version, "status": key.status.value},
        )

        async def add_if_none(transaction: RecordTransaction) -> tuple[SigningKey, ...]:
            # Looked at again inside the transaction: of issuers that start together one records the key.
            if recorded := await self._read(transaction):
                return recorded
            await transaction.signing_keys.add(first)
            await transaction.audit.append(event)
            return (first,)

        try:
            return await self._record.transact(add_if_none)
        except AlreadyExists as error:
            _log.critical("the key of %s is on record under another name", self._key_name)
            raise Unavailable(f"the first version of {self._key_name} cannot be recorded: {error.reason}") from error

    def _compare(self, recorded: tuple[VerificationKey, ...], held: tuple[HeldKeyVersion, ...]) -> None:
        by_version = {version.version: version for version in held}
        foreign = frozenset(key.kid for key in recorded if _is_foreign(key, by_version.get(key.version)))
        for key in recorded:
            if key.kid in foreign - self._foreign:
                _log.critical(
                    "the signer does not hold version %d of %s as it is on record (%s): nothing is signed with it. "
                    "It is another Vault, or one restored from a backup; see the decision record 0012",
                    key.version,
                    self._key_name,
                    key.kid,
                )
        if self._foreign - foreign:
            _log.warning("the signer holds the key versions of %s on record again", self._key_name)
        self._foreign = foreign


def _is_foreign(key: VerificationKey, held: HeldKeyVersion | None) -> bool:
    if held is None:
        # Old versions may have been archived there; one that signs now or next must exist.
        return key.status in (KeyStatus.PUBLISHED, KeyStatus.ACTIVE)
    return (held.kid, held.public_key) != (key.kid, key.public_key)


def _counts_at(key: VerificationKey, now: datetime) -> bool:
    return key.not_after is None or now < key.not_after
