"""Key rotation: published → active → retiring → retired, or revoked (design §3), for access and ID tokens alike.

Each step is one transaction on the record, safe to repeat and to call from any node. Versions are made where the
private keys are, by an operator; nothing here makes one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from paseport.clock import Clock
from paseport.revocation import Revocation, RevocationKind
from paseport_shared.domain.errors import KeyNotReady, NotFound
from paseport_shared.domain.models.audit import Actor, AuditEvent
from paseport_shared.domain.models.signing_key import HeldKeyVersion, KeyStatus, SigningKey, VerificationKey
from paseport_shared.domain.ports.key_holder import KeyHolder
from paseport_shared.domain.ports.record import Record, RecordTransaction
from paseport_shared.domain.ports.revocation_publisher import RevocationPublisher

from paseport_issuer.use_cases.new_ids import NewIds

SLACK: Final = timedelta(seconds=60)
"""How long after an activation another issuer may still sign with the version before: until it has read the record, and
for what was under way; and by how much clocks may differ."""


class RotateSigningKeys:
    """The steps of one key.

    A version may sign once every verifier can have read it: twice the key document's max-age after it was published
    (KR-02). It may go once every token that it signed has expired.
    """

    def __init__(
        self,
        *,
        key_name: str,
        record: Record,
        holder: KeyHolder,
        publisher: RevocationPublisher,
        document_max_age: timedelta,
        token_lifetime: timedelta,
        clock: Clock,
        ids: NewIds,
    ) -> None:
        self._key_name = key_name
        self._record = record
        self._holder = holder
        self._publisher = publisher
        self._ready_after = 2 * document_max_age
        self._outlived_after = token_lifetime + SLACK
        self._token_lifetime = token_lifetime
        self._clock = clock
        self._ids = ids

    async def versions(self) -> tuple[SigningKey, ...]:
        """Return every version on record, oldest first. Raises ``Unavailable``."""

        async def read(transaction: RecordTransaction) -> tuple[SigningKey, ...]:
            return await transaction.signing_keys.versions(self._key_name)

        return await self._record.transact(read)

    async def publish(self, actor: Actor) -> SigningKey:
        """Put the holder's newest version on record; it verifies from then on, and does not sign yet.

        A version that is on record already is returned as it is. Raises ``Unavailable``, and ``AlreadyExists`` where it
        is the key of something else.
        """
        newest = (await self._holder.versions())[-1]
        now = self._clock.now()
        key = VerificationKey(
            newest.version, newest.kid, newest.public_key, KeyStatus.PUBLISHED, now, None, newest.algorithm
        )
        published = SigningKey(self._key_name, key, now)

        async def add(transaction: RecordTransaction) -> SigningKey:
            recorded = await transaction.signing_keys.versions(self._key_name)
            if (known := _same(recorded, newest)) is not None:
                return known
            await transaction.signing_keys.add(published)
            await transaction.audit.append(self._event(actor, "signing_key.published", key))
            return published

        return await self._record.transact(add)

    async def activate(self, version: int, actor: Actor) -> SigningKey:
        """Let a published version sign, and the one before retire.

        Raises ``NotFound``, ``KeyNotReady`` for a version that not every verifier can know yet or that has been used
        up, and ``Unavailable``. Where nothing signs, because the last one was revoked, there is nothing to wait for:
        verifiers ask for a key that they do not know.
        """

        async def change(transaction: RecordTransaction) -> SigningKey:
            recorded = await transaction.signing_keys.versions(self._key_name)
            chosen = _version(recorded, version)
            if chosen.key.status is KeyStatus.ACTIVE:
                return chosen
            if chosen.key.status is not KeyStatus.PUBLISHED:
                raise KeyNotReady(f"version {version} is {chosen.key.status.value}")
            now = self._clock.now()
            before = next((known for known in recorded if known.key.status is KeyStatus.ACTIVE), None)
            if before is not None:
                if now < chosen.changed_at + self._ready_after:
                    raise KeyNotReady(f"version {version} may sign {self._ready_after} after it was published")
                await self._step(transaction, before, KeyStatus.RETIRING, actor, not_after=now + self._outlived_after)
            return await self._step(transaction, chosen, KeyStatus.ACTIVE, actor)

        return await self._record.transact(change)

    async def retire(self, version: int, actor: Actor) -> SigningKey:
        """Take a version out of use whose tokens have all expired.

        Raises ``NotFound``, ``KeyNotReady`` while one of its tokens may live, and ``Unavailable``.
        """

        async def change(transaction: RecordTransaction) -> SigningKey:
            chosen = _version(await transaction.signing_keys.versions(self._key_name), version)
            key = chosen.key
            if key.status is KeyStatus.RETIRED:
                return chosen
            if key.status is not KeyStatus.RETIRING or key.not_after is None or self._clock.now() < key.not_after:
                raise KeyNotReady(f"version {version} is {key.status.value} until {key.not_after}")
            return await self._step(transaction, chosen, KeyStatus.RETIRED, actor)

        return await self._record.transact(change)

    async def revoke(self, version: int, actor: Actor) -> SigningKey:
        """Refuse everything that a version has signed, at once (KR-04): somebody else may have its private key.

        On record first, then in force: a call that ends with ``Unavailable`` is repeated. Where it was the one that
        signs, nothing is signed until another version is activated. Raises ``NotFound``.
        """

        async def change(transaction: RecordTransaction) -> SigningKey:
            chosen = _version(await transaction.signing_keys.versions(self._key_name), version)
            await transaction.revocations.add(self._revocation_of(chosen.key))
            if chosen.key.status is KeyStatus.REVOKED:
                return chosen
            return await self._step(transaction, chosen, KeyStatus.REVOKED, actor, not_after=self._clock.now())

        revoked = await self._record.transact(change)
        await self._publisher.publish(self._revocation_of(revoked.key))
        return revoked

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


def _version(recorded: Sequence[SigningKey], version: int) -> SigningKey:
    for known in recorded:
        if known.key.version == version:
            return known
    raise NotFound(f"no version {version} is on record")


def _same(recorded: Sequence[SigningKey], held: HeldKeyVersion) -> SigningKey | None:
    return next((known for known in recorded if (known.key.version, known.key.kid) == (held.version, held.kid)), None)
