"""Exchanging the secret of an API key: a new one beside the old one for a while."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from paseport.clock import Clock
from paseport_shared.domain.errors import FieldProblem, RecordedNotInForce, TooManySecrets, ValidationFailed
from paseport_shared.domain.models.api_key import MAX_LIVE_SECRETS, ApiKey, ApiKeySecret
from paseport_shared.domain.models.api_key_rules import MAX_OVERLAP, OVERLAP
from paseport_shared.domain.ports.record import Record, RecordTransaction

from paseport_issuer.use_cases.api_key_audit import changes
from paseport_issuer.use_cases.create_api_key import MakeSecret, NewApiKey
from paseport_issuer.use_cases.key_manager import KeyManager, get_key_of
from paseport_issuer.use_cases.new_ids import NewIds
from paseport_issuer.use_cases.project_api_key import ProjectApiKey
from paseport_issuer.use_cases.read_api_keys import OwnedApiKey


@dataclass(frozen=True, slots=True)
class RotateApiKeyCommand:
    """A new secret for somebody's key. The one it has ends ``overlap`` from now; zero: at once, as after a leak."""

    key_id: str
    owner_id: UUID
    manager: KeyManager
    overlap: timedelta = OVERLAP


class RotateApiKey:
    """Stores the new secret and its audit event together. What the key is good for stays."""

    def __init__(
        self, *, record: Record, project: ProjectApiKey, make_secret: MakeSecret, clock: Clock, ids: NewIds
    ) -> None:
        self._record = record
        self._project = project
        self._make_secret = make_secret
        self._clock = clock
        self._ids = ids

    async def __call__(self, command: RotateApiKeyCommand) -> NewApiKey:
        """Return the key with its new text.

        Where two secrets are live, all have to end now: one whose answer was lost must not push out the one that is
        in use. Raises ``NotFound``, ``ValidationFailed`` also for a key of another system, which has no secret of ours,
        ``TooManySecrets``, ``ReauthenticationRequired``, ``Unavailable``; ``RecordedNotInForce`` only where others end
        at once, since a text can be shown now or never.
        """
        if not timedelta(0) <= command.overlap <= MAX_OVERLAP:
            longest = MAX_OVERLAP // timedelta(hours=1)
            raise ValidationFailed([FieldProblem("overlap_hours", "range", f"Use 0 to {longest} hours.")])
        now = self._clock.now()

        async def store(transaction: RecordTransaction) -> NewApiKey:
            before = await get_key_of(transaction, command.key_id, command.owner_id)
            if before.legacy_digest is not None:
                message = "A key of another system keeps its text. Make a new key, then revoke this one."
                raise ValidationFailed([FieldProblem("id", "legacy", message)])
            command.manager.require_fresh_for(before, now)
            kept = _ending(before, now, command.overlap)
            if len(kept) >= MAX_LIVE_SECRETS:
                raise TooManySecrets(f"{len(kept)} secrets are live")
            text, made = self._make_secret(before.id, now)
            after = replace(before, secrets=(*kept, made), revision=before.revision + 1, updated_at=now)
            await transaction.api_keys.update(after, before.revision)
            await self._project.due(transaction, after)
            old, new = changes(before, after)
            event = self._ids.audit_event(command.manager.actor, "api_key.rotated", after.id, before=old, after=new)
            await transaction.audit.append(event)
            return NewApiKey(OwnedApiKey(after, (await transaction.users.get(after.owner_id)).username), text)

        new = await self._record.transact(store)
        if command.overlap:
            with suppress(RecordedNotInForce):
                await self._project.changed(new.owned.key)
        else:
            await self._project.changed(new.owned.key)
        return new


def _ending(key: ApiKey, now: datetime, overlap: timedelta) -> tuple[ApiKeySecret, ...]:
    """Return the secrets that live on for a while, none later than ``overlap`` from now."""
    if not overlap:
        return ()
    end = now + overlap
    return tuple(
        replace(held, expires_at=end if held.expires_at is None else min(held.expires_at, end))
        for held in key.secrets
        if held.is_live(now)
    )
