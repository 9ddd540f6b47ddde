"""Key rotation: published → active → retiring → retired, or revoked (design §3), for access and ID tokens alike.

Each step is one transaction on the record, safe to repeat and to call from any node. The process that took it knows it
at once, the other issuers within ``known_everywhere_after``.
"""

from __future__ import annotations

import enum
import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from paseport.clock import Clock
from paseport.revocation import Revocation, RevocationKind
from paseport_shared.domain.errors import KeyNotReady, NotFound, RecordedNotInForce, Unavailable
from paseport_shared.domain.models.audit import Actor, AuditEvent
from paseport_shared.domain.models.signing_key import HeldKeyVersion, KeyStatus, SigningKey, VerificationKey
from paseport_shared.domain.ports.record import Record, RecordTransaction
from paseport_shared.domain.ports.revocation_publisher import RevocationPublisher

from paseport_issuer.use_cases.keep_signing_keys import KeepSigningKeys, ready_after
from paseport_issuer.use_cases.new_ids import NewIds

SLACK: Final = timedelta(seconds=60)
"""How long after an activation another issuer may still sign with the version before: until it has read the record, and
for what was under way; and by how much clocks may differ."""


_log = logging.getLogger(__name__)


class KeyStep(enum.Enum):
    """What may be next for a version, besides being revoked."""

    ACTIVATE = "activate"
    RETIRE = "retire"


@dataclass(frozen=True, slots=True)
class KeyVersionState:
    """A version on record and the step that it may take, from ``possible_from`` on; both None where there is none."""

    signing_key: SigningKey
    next_step: KeyStep | None = None
    possible_from: datetime | None = None


@dataclass(frozen=True, slots=True)
class RevokedVersion:
    """A version that was revoked, and the one that signs from now on, if any."""

    revoked: KeyVersionState
    signs: KeyVersionState | None


class RotateSigningKeys:
    """The steps of one key.

    A version may sign once every verifier can have read it (KR-02): by then every issuer has published it, and whatever
    was served before has aged out of a cache, and once more out of the verifier behind that cache. A version may go
    once every token that it signed has expired.
    """

    def __init__(
        self,
        *,
        keys: KeepSigningKeys,
        record: Record,
        publisher: RevocationPublisher,
        document_max_age: timedelta,
        token_lifetime: timedelta,
        clock: Clock,
        ids: NewIds,
    ) -> None:
        self._keys = keys
        self._key_name = keys.key_name
        self._holder = keys.holder
        self._record = record
        self._publisher = publisher
        self._ready_after = ready_after(document_max_age)
        self._outlived_after = token_lifetime + SLACK
        self._token_lifetime = token_lifetime
        self._clock = clock
        self._ids = ids

    @property
    def key_name(self) -> str:
        """What the holder of the private keys calls the key."""
        return self._key_name

    async def states(self) -> tuple[KeyVersionState, ...]:
        """Return every version on record with what may be next, oldest first. Raises ``Unavailable``."""
        recorded = await self.versions()
        return tuple(self._state(known, recorded) for known in recorded)

    async def versions(self) -> tuple[SigningKey, ...]:
        """Return every version on record, oldest first. Raises ``Unavailable``."""
        return await self._record.transact(self._read)

    async def publish(self, actor: Actor, *, create: bool = False) -> KeyVersionState:
        """Put the holder's newest version on record; it verifies from then on, and does not sign yet.

        With ``create`` the holder makes one where there is nothing to publish: so a rotation that was interrupted goes
        on with the version that it has. Without, a version that is on record already is returned as it is. Raises
        ``KeyVersionNotPermitted``, ``Unavailable``, and ``AlreadyExists`` where it is the key of something else.
        """
        recorded = await self.versions()
        newest = (await self._holder.versions())[-1]
        if create and _same(recorded, newest) is not None and _published(recorded) is None:
            newest = await self._holder.create_version()
        now = self._clock.now()
        key = VerificationKey(
            newest.version, newest.kid, newest.public_key, KeyStatus.PUBLISHED, now, None, newest.algorithm
        )

        async def add(transaction: RecordTransaction) -> KeyVersionState:
            recorded = await self._read(transaction)
            # Of callers who made one at the same time all get the one that was published first.
            if (known := _same(recorded, newest) or (_published(recorded) if create else None)) is not None:
                return self._state(known, recorded)
            published = SigningKey(self._key_name, key, now)
            await transaction.signing_keys.add(published)
            await transaction.audit.append(self._event(actor, "signing_key.published", key))
            return self._state(published, recorded)

        published = await self._record.transact(add)
        await self._know()
        return published

    async def activate(self, version: int, actor: Actor) -> KeyVersionState:
        """Let a published version sign, and the one before retire.

        Raises ``NotFound``, ``KeyNotReady`` for a version that not every verifier can know yet or that has been used
        up, and ``Unavailable``. Where nothing signs, because the last one was revoked, there is nothing to wait for:
        verifiers ask for a key that they do not know.
        """

        async def change(transaction: RecordTransaction) -> SigningKey:
            recorded = await self._read(transaction)
            chosen = _version(recorded, version)
            if chosen.key.status is KeyStatus.ACTIVE:
                return chosen
            if chosen.key.status is not KeyStatus.PUBLISHED:
                raise KeyNotReady(f"version {version} is {chosen.key.status.value}")
            self._check_time(self._state(chosen, recorded))
            if (before := _active(recorded)) is not None:
                end = self._clock.now() + self._outlived_after
                await self._step(transaction, before, KeyStatus.RETIRING, actor, not_after=end)
            return await self._step(transaction, chosen, KeyStatus.ACTIVE, actor)

        activated = await self._record.transact(change)
        await self._know()
        return KeyVersionState(activated)

    async def retire(self, version: int, actor: Actor) -> KeyVersionState:
        """Take a version out of use whose tokens have all expired.

        Raises ``NotFound``, ``KeyNotReady`` while one of its tokens may live, and ``Unavailable``.
        """

        async def change(transaction: RecordTransaction) -> SigningKey:
            recorded = await self._read(transaction)
            chosen = _version(recorded, version)
            if chosen.key.status is KeyStatus.RETIRED:
                return chosen
            if chosen.key.status is not KeyStatus.RETIRING:
                raise KeyNotReady(f"version {version} is {chosen.key.status.value}")
            self._check_time(self._state(chosen, recorded))
            return await self._step(transaction, chosen, KeyStatus.RETIRED, actor)

        retired = await self._record.transact(change)
        await self._know()
        return KeyVersionState(retired)

    async def revoke(self, version: int, actor: Actor, *, replacing: bool = False) -> RevokedVersion:
        """Refuse everything that a version has signed, at once (KR-04): somebody else may have its private key.

        Where it was the one that signs, one that is PUBLISHED takes its place in the same transaction; if verifiers may
        not know that one yet it signs some seconds later (``KeepSigningKeys.active``). With ``replacing`` there is one:
        it is published first, made if need be, and where that fails nothing is revoked. Without any, nothing is signed
        until the holder has a newer version: no access token is left with which somebody could activate one.

        On record first, then in force: after ``RecordedNotInForce`` the call is repeated. Raises ``NotFound``,
        ``Unavailable``, and with ``replacing`` what ``publish`` raises.
        """
        if replacing:
            recorded = await self.versions()
            if _active(recorded) in (None, _version(recorded, version)):
                await self.publish(actor, create=True)

        async def change(transaction: RecordTransaction) -> RevokedVersion:
            recorded = await self._read(transaction)
            chosen = revoked = _version(recorded, version)
            await transaction.revocations.add(self._revocation_of(chosen.key))
            if chosen.key.status is not KeyStatus.REVOKED:
                revoked = await self._step(transaction, chosen, KeyStatus.REVOKED, actor, not_after=self._clock.now())
            others = [known for known in recorded if known is not chosen]
            signs = _active(others)
            if signs is None and (spare := _published(others)) is not None:
                signs = await self._step(transaction, spare, KeyStatus.ACTIVE, actor)
            return RevokedVersion(KeyVersionState(revoked), None if signs is None else KeyVersionState(signs))

        done = await self._record.transact(change)
        await self._know()
        try:
            await self._publisher.publish(self._revocation_of(done.revoked.signing_key.key))
        except Unavailable as error:
            raise RecordedNotInForce(error.reason, error.retry_after) from error
        return done

    async def revoke_lost(self, actor: Actor) -> tuple[SigningKey, ...]:
        """Revoke what should sign, now or next, and is not with the holder any more; return what that was.

        For whoever knows that the keys are gone and not only out of reach (KR-06). Raises as ``revoke`` does.
        """
        held = {(version.version, version.kid) for version in await self._holder.versions()}
        lost = tuple(
            known
            for known in await self.versions()
            if known.key.status in (KeyStatus.PUBLISHED, KeyStatus.ACTIVE)
            and (known.key.version, known.key.kid) not in held
        )
        # Those that would take a place first.
        for known in sorted(lost, key=lambda known: known.key.status is KeyStatus.ACTIVE):
            _log.warning("version %d of %s is lost: it is revoked", known.key.version, self._key_name)
            await self.revoke(known.key.version, actor)
        return lost

    def _state(self, known: SigningKey, recorded: Sequence[SigningKey]) -> KeyVersionState:
        if known.key.status is KeyStatus.PUBLISHED:
            waits = _active(recorded) is not None
            possible_from = known.changed_at + (self._ready_after if waits else timedelta(0))
            return KeyVersionState(known, KeyStep.ACTIVATE, possible_from)
        if known.key.status is KeyStatus.RETIRING and known.key.not_after is not None:
            return KeyVersionState(known, KeyStep.RETIRE, known.key.not_after)
        return KeyVersionState(known)

    def _check_time(self, state: KeyVersionState) -> None:
        now = self._clock.now()
        if state.possible_from is None or now < state.possible_from:
            wait = None if state.possible_from is None else state.possible_from - now
            key = state.signing_key.key
            raise KeyNotReady(f"version {key.version} is {key.status.value}", state.possible_from, wait)

    async def _read(self, transaction: RecordTransaction) -> tuple[SigningKey, ...]:
        return await transaction.signing_keys.versions(self._key_name)

    async def _know(self) -> None:
        # The step is on record. That the copy is not read now is made up for by the background work.
        with suppress(Unavailable):
            await self._keys.load()

    def _revocation_of(self, key: VerificationKey) -> Revocation:
        now = self._clock.now()
        return Revocation(RevocationKind.KEY, key.kid, None, now, now + 2 * self._token_lifetime + SLACK)

    async def _step(
        self,
        transaction: RecordTransaction,
        known: SigningKey,
        status: KeyStatus,
        actor: Actor,
        *,
        not_after: datetime | None = None,
    ) -> SigningKey:
        now = self._clock.now()
        await transaction.signing_keys.change_status(
            self._key_name, known.key.version, expected=known.key.status, status=status, at=now, not_after=not_after
        )
        key = replace(known.key, status=status, not_after=not_after or known.key.not_after)
        await transaction.audit.append(self._event(actor, f"signing_key.{status.value}", key, before=known.key.status))
        return SigningKey(self._key_name, key, now)

    def _event(self, actor: Actor, action: str, key: VerificationKey, before: KeyStatus | None = None) -> AuditEvent:
        return self._ids.audit_event(
            actor,
            action,
            key.kid,
            before={} if before is None else {"status": before.value},
            after={"key_name": self._key_name, "version": key.version, "status": key.status.value},
        )


@dataclass(frozen=True, slots=True)
class KeyRotations:
    """The keys of an installation: ``access`` signs access tokens, ``id`` ID tokens, which live as long."""

    access: RotateSigningKeys
    id: RotateSigningKeys

    def named(self) -> Mapping[str, RotateSigningKeys]:
        """Return both by name."""
        return {"access": self.access, "id": self.id}

    def of(self, name: str) -> RotateSigningKeys:
        """Return one. Raises ``NotFound`` for any other name."""
        try:
            return self.named()[name]
        except KeyError as error:
            raise NotFound("no such key") from error


def _version(recorded: Sequence[SigningKey], version: int) -> SigningKey:
    for known in recorded:
        if known.key.version == version:
            return known
    raise NotFound(f"no version {version} is on record")


def _active(recorded: Sequence[SigningKey]) -> SigningKey | None:
    return next((known for known in recorded if known.key.status is KeyStatus.ACTIVE), None)


def _published(recorded: Sequence[SigningKey]) -> SigningKey | None:
    """Return the newest version that waits to sign."""
    return next((known for known in reversed(recorded) if known.key.status is KeyStatus.PUBLISHED), None)


def _same(recorded: Sequence[SigningKey], held: HeldKeyVersion) -> SigningKey | None:
    return next((known for known in recorded if (known.key.version, known.key.kid) == (held.version, held.kid)), None)
