"""Knowing which version of a key signs and which ones verify, also while the record or the signer is down."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from paseport.clock import Clock
from paseport.revocation import Revocation, RevocationKind, SubjectChange
from paseport.revocation_list import Listener
from paseport_shared.domain.errors import AlreadyExists, Unavailable
from paseport_shared.domain.models.audit import Actor
from paseport_shared.domain.models.signing_key import HeldKeyVersion, KeyStatus, SigningKey, VerificationKey
from paseport_shared.domain.ports.key_holder import KeyHolder
from paseport_shared.domain.ports.record import Record, RecordTransaction

from paseport_issuer.use_cases.new_ids import NewIds

REFRESH_SECONDS: Final = 5.0
"""How old the copy may be: what another issuer did to a key is known here by then. A revocation is, at once."""
_LOOKS_IN_A_MAX_AGE: Final = 4
_FOLLOW_AFTER: Final = timedelta(seconds=2)
"""By then every issuer has heard of a revocation (P2) and has read what is on record in its place."""
_REFETCH_AFTER: Final = timedelta(seconds=10)
"""How long a verifier may not ask again for a key that it does not know (``paseport.key_set``), or the max-age."""
RETRY_SECONDS: Final = 1.0
"""Until the record is asked again after it did not answer."""

_MAY_SIGN: Final = (KeyStatus.PUBLISHED, KeyStatus.ACTIVE)
_ACTOR: Final = Actor("paseport", "paseport")
_log = logging.getLogger(__name__)


def refresh_seconds(document_max_age: timedelta) -> float:
    """Return how often an issuer looks at the record, whose key document is good for so long."""
    return min(REFRESH_SECONDS, document_max_age.total_seconds() / _LOOKS_IN_A_MAX_AGE)


def known_everywhere_after(document_max_age: timedelta) -> timedelta:
    """Return how long after a step every issuer knows it: one may just have looked, and the next look takes a while."""
    return timedelta(seconds=2 * refresh_seconds(document_max_age))


def ready_after(document_max_age: timedelta) -> timedelta:
    """Return how long after it was published every verifier knows a version, also one behind a cache (KR-02)."""
    return 2 * document_max_age + known_everywhere_after(document_max_age)


class KeepSigningKeys(Listener):
    """A copy of the states of one key on record: ``SigningKeys``, ``VerificationKeys`` and ``PastKeys``, from memory.

    The record alone says which keys are ours. The holder of the private keys is asked for two things: the first version
    of a new installation, and whether it still holds the keys on record. A holder that has other keys under the same
    name (KR-06: a Vault restored elsewhere, a changed address) is not believed: nothing is signed with them, and what
    is published stays.

    Where every version on record is RETIRED or REVOKED nothing is signed, so nobody has a token with which to activate
    one. Then the holder's newest version is recorded as on the first day, if its number is higher than those on record:
    an operator made it for that.

    A revocation that is heard (``RevocationList.listen``) counts before the record says so, and has the record read at
    once.
    """

    def __init__(
        self,
        *,
        key_name: str,
        record: Record,
        holder: KeyHolder,
        document_max_age: timedelta,
        clock: Clock,
        ids: NewIds,
    ) -> None:
        self.key_name = key_name
        self.holder = holder
        self._record = record
        self._clock = clock
        self._ids = ids
        self._refresh_seconds = refresh_seconds(document_max_age)
        # Never longer than an ordinary rotation waits, which matters where a document is good for a second.
        self._known_to_verifiers_after = min(
            _FOLLOW_AFTER + min(_REFETCH_AFTER, document_max_age), ready_after(document_max_age)
        )
        self._keys: tuple[VerificationKey, ...] | None = None
        self._is_current = False
        self._foreign: frozenset[str] = frozenset()
        self._revoked: set[str] = set()
        self._look_now = asyncio.Event()

    async def __call__(self) -> None:
        """Keep the copy current until cancelled."""
        while True:
            seconds = self._refresh_seconds if self._is_current else RETRY_SECONDS
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):  # noqa: TID251 - a pause
                    await self._look_now.wait()
            self._look_now.clear()
            with suppress(Unavailable):
                await self.load()

    def heard(self, new: Sequence[Revocation | SubjectChange]) -> None:
        """Sign and verify with a revoked version no more (KR-04), and see soon what the record has in its place."""
        revoked = {what.subject for what in new if isinstance(what, Revocation) and what.kind is RevocationKind.KEY}
        if revoked - self._revoked:
            self._revoked |= revoked
            self._look_now.set()

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
                held = await self.holder.versions()
            except Unavailable:
                return
        self._compare(self._known(), held)

    # --- SigningKeys, VerificationKeys and PastKeys ---------------------------------------------------------------

    async def active(self) -> VerificationKey:
        """See ``SigningKeys.active``. A version that the holder has another key for does not sign (KR-06).

        Nor does one that took the place of a revoked one without having been published long enough (KR-02): its tokens
        would be refused, and people be signed out, where a moment's ``Unavailable`` only makes them wait.
        """
        now, known = self._clock.now(), self._known()
        for key in known:
            if key.status is KeyStatus.ACTIVE and _counts_at(key, now):
                if key.kid in self._foreign:
                    raise Unavailable(f"the signer has another key than the record for version {key.version}")
                wait = key.not_before + self._known_to_verifiers_after - now
                # The first version of all has nothing before it that verifiers could know instead.
                if key is not known[0] and wait > timedelta(0):
                    raise Unavailable(f"version {key.version} was published a moment ago", wait)
                return key
        raise Unavailable(f"no version of {self.key_name} is active")

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
        if self._revoked:
            return tuple(
                replace(key, status=KeyStatus.REVOKED) if key.kid in self._revoked else key for key in self._keys
            )
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
                    _log.critical("the record has lost the versions of %s: going on with those known", self.key_name)
                raise Unavailable("the record has lost its key versions")
            held = await self.holder.versions()
            recorded = await self._record_active(held[-1])
        elif not any(stored.key.status in _MAY_SIGN for stored in recorded):
            recorded, held = await self._replace_spent(recorded)
        self._keys = tuple(stored.key for stored in recorded)
        return held

    async def _read(self, transaction: RecordTransaction) -> tuple[SigningKey, ...]:
        return await transaction.signing_keys.versions(self.key_name)

    async def _replace_spent(
        self, recorded: tuple[SigningKey, ...]
    ) -> tuple[tuple[SigningKey, ...], tuple[HeldKeyVersion, ...] | None]:
        """Return what is on record once the holder's newest version is, if that is a new one; and what it said."""
        try:
            held = await self.holder.versions()
            if held[-1].version > recorded[-1].key.version:
                recorded = await self._record_active(held[-1])
                _log.warning("version %d of %s signs: no other one could", held[-1].version, self.key_name)
        except Unavailable:
            return recorded, None
        return recorded, held

    async def _record_active(self, newest: HeldKeyVersion) -> tuple[SigningKey, ...]:
        now = self._clock.now()
        key = VerificationKey(
            newest.version, newest.kid, newest.public_key, KeyStatus.ACTIVE, now, None, newest.algorithm
        )
        first = SigningKey(self.key_name, key, now)
        event = self._ids.audit_event(
            _ACTOR,
            "signing_key.activated",
            key.kid,
            after={"key_name": self.key_name, "version": key.version, "status": key.status.value},
        )

        async def add_if_none(transaction: RecordTransaction) -> tuple[SigningKey, ...]:
            # Looked at again inside the transaction: of issuers that start together one records the key.
            recorded = await self._read(transaction)
            if any(stored.key.status in _MAY_SIGN for stored in recorded):
                return recorded
            await transaction.signing_keys.add(first)
            await transaction.audit.append(event)
            return (*recorded, first)

        try:
            return await self._record.transact(add_if_none)
        except AlreadyExists as error:
            _log.critical("the key of %s is on record under another name", self.key_name)
            raise Unavailable(f"a version of {self.key_name} cannot be recorded: {error.reason}") from error

    def _compare(self, recorded: tuple[VerificationKey, ...], held: tuple[HeldKeyVersion, ...]) -> None:
        by_version = {version.version: version for version in held}
        foreign = frozenset(key.kid for key in recorded if _is_foreign(key, by_version.get(key.version)))
        for key in recorded:
            if key.kid in foreign - self._foreign:
                _log.critical(
                    "the signer does not hold version %d of %s as it is on record (%s): nothing is signed with it. "
                    "It is another Vault, or one restored from a backup; see the decision record 0012",
                    key.version,
                    self.key_name,
                    key.kid,
                )
        if self._foreign - foreign:
            _log.warning("the signer holds the key versions of %s on record again", self.key_name)
        self._foreign = foreign


def _is_foreign(key: VerificationKey, held: HeldKeyVersion | None) -> bool:
    if held is None:
        # Old versions may have been archived there; one that signs now or next must exist.
        return key.status in _MAY_SIGN
    return (held.kid, held.public_key) != (key.kid, key.public_key)


def _counts_at(key: VerificationKey, now: datetime) -> bool:
    return key.not_after is None or now < key.not_after
