"""Registering identity providers and changing what they may do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from paseport.clock import Clock
from paseport.secret import Secret
from paseport_shared.domain.errors import FieldProblem, PreconditionFailed, ProviderUnavailable, ValidationFailed
from paseport_shared.domain.models.audit import Actor
from paseport_shared.domain.models.identity_provider import SEALED_FOR, IdentityProvider, ProviderKind
from paseport_shared.domain.models.provider_rules import check_client_secret, check_provider
from paseport_shared.domain.ports.data_cipher import DataCipher
from paseport_shared.domain.ports.outbound import OutboundRefused
from paseport_shared.domain.ports.record import Record, RecordTransaction
from paseport_shared.domain.ports.upstream import UpstreamProviders

from paseport_issuer.use_cases.new_ids import NewIds
from paseport_issuer.use_cases.provider_audit import audited, changes


@dataclass(frozen=True, slots=True)
class RegisterProviderCommand:
    """A provider to be: ``values`` are fields of ``IdentityProvider`` that an administrator decides."""

    values: Mapping[str, Any]
    client_secret: Secret[str]
    actor: Actor


@dataclass(frozen=True, slots=True)
class ChangeProviderCommand:
    """A change by an administrator who read the provider at ``expected_revision``. What is not named stays."""

    provider_id: UUID
    expected_revision: int
    values: Mapping[str, Any]
    client_secret: Secret[str] | None
    actor: Actor


class RegisterProvider:
    """Stores the provider and the audit event together. Its secret is sealed before the record sees it."""

    def __init__(
        self, *, record: Record, cipher: DataCipher, upstream: UpstreamProviders, clock: Clock, ids: NewIds
    ) -> None:
        self._record = record
        self._cipher = cipher
        self._upstream = upstream
        self._clock = clock
        self._ids = ids

    async def __call__(self, command: RegisterProviderCommand) -> IdentityProvider:
        """Return the new provider.

        It must be one that our rules let us reach, and unless it is disabled it must answer. Raises
        ``ValidationFailed``, ``AlreadyExists``, ``Unavailable``.
        """
        now = self._clock.now()
        provider = IdentityProvider(id=self._ids.uuid(), created_at=now, updated_at=now, **command.values)
        check_provider(provider)
        await self._check_target(provider)
        provider = replace(provider, sealed_secret=await self._seal(provider.id, command.client_secret))
        event = self._ids.audit_event(command.actor, "provider.created", str(provider.id), after=audited(provider))

        async def store(transaction: RecordTransaction) -> None:
            await transaction.providers.add(provider)
            await transaction.audit.append(event)
            await self._only_default(transaction, provider, command.actor)

        await self._record.transact(store)
        return provider

    async def change(self, command: ChangeProviderCommand) -> IdentityProvider:
        """Return the provider after the change.

        Raises ``NotFound``, ``PreconditionFailed``, ``ValidationFailed``, ``Unavailable``. Disabling is always
        possible: whoever is on the way through the provider does not arrive (XI-19), sessions and identities stay.
        """

        async def read(transaction: RecordTransaction) -> IdentityProvider:
            return await transaction.providers.get(command.provider_id)

        before = await self._record.transact(read)
        if before.revision != command.expected_revision:
            raise PreconditionFailed(f"revision is {before.revision}")
        after = replace(before, **command.values)
        if not after.enabled:
            after = replace(after, is_default=False)
        if after != replace(before, enabled=after.enabled, is_default=after.is_default) or after.enabled:
            check_provider(after)
        if _must_be_reached(before, after):
            await self._check_target(after)
        if _is_elsewhere(before, after) and command.client_secret is None:
            # Or whoever may change addresses could have every stored secret sent to one of their own.
            message = "The secret is for the provider as it was: give the one for the new address."
            raise ValidationFailed([FieldProblem("client_secret", "required", message)])
        if command.client_secret is not None:
            after = replace(after, sealed_secret=await self._seal(after.id, command.client_secret))
        if after == before:
            return before
        after = replace(after, revision=before.revision + 1, updated_at=self._clock.now())
        old, new = changes(before, after)
        event = self._ids.audit_event(command.actor, "provider.changed", str(after.id), before=old, after=new)

        async def store(transaction: RecordTransaction) -> None:
            await transaction.providers.update(after, expected_revision=before.revision)
            await transaction.audit.append(event)
            await self._only_default(transaction, after, command.actor)

        await self._record.transact(store)
        return after

    async def _seal(self, provider_id: UUID, secret: Secret[str]) -> str:
        check_client_secret(secret.reveal())
        return await self._cipher.seal(secret, purpose=SEALED_FOR, owner=str(provider_id))

    async def _check_target(self, provider: IdentityProvider) -> None:
        """Raise ``ValidationFailed`` where our rules forbid the provider's addresses, or it is enabled and away."""
        field = "issuer" if provider.kind is ProviderKind.OIDC else "endpoints"
        try:
            await self._upstream.check_target(provider)
            if provider.shared_callback and not await self._upstream.expects_issuer(provider):
                message = "The provider does not name itself in its answers (RFC 9207): give it a callback of its own."
                raise ValidationFailed([FieldProblem("shared_callback", "not_announced", message)])
        except OutboundRefused as error:
            message = (
                f"Requests to it are not allowed ({error.rule.value}): use a public https address on port 443, or name "
                "its host and port in PASEPORT_OUTBOUND_ALLOW."
            )
            raise ValidationFailed([FieldProblem(field, "not_allowed", message)], error.reason) from error
        except ProviderUnavailable as error:
            if not provider.enabled:
                return
            message = "No usable answer came from it. Test the connection to see why, or save it disabled."
            raise ValidationFailed([FieldProblem(field, "no_answer", message)], error.reason) from error

    async def _only_default(self, transaction: RecordTransaction, provider: IdentityProvider, actor: Actor) -> None:
        """Let no other provider be the default one beside this."""
        if not provider.is_default:
            return
        for other in await transaction.providers.list_all():
            if other.is_default and other.id != provider.id:
                after = replace(other, is_default=False, revision=other.revision + 1, updated_at=self._clock.now())
                await transaction.providers.update(after, expected_revision=other.revision)
                old, new = changes(other, after)
                event = self._ids.audit_event(actor, "provider.changed", str(other.id), before=old, after=new)
                await transaction.audit.append(event)


def _must_be_reached(before: IdentityProvider, after: IdentityProvider) -> bool:
    is_newly_enabled = after.enabled and not before.enabled
    is_newly_shared = after.shared_callback and not before.shared_callback
    return _is_elsewhere(before, after) or is_newly_enabled or is_newly_shared


def _is_elsewhere(before: IdentityProvider, after: IdentityProvider) -> bool:
    return (before.issuer, before.endpoints) != (after.issuer, after.endpoints)
