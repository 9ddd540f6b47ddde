"""Changing API keys: what they are good for, disabling and enabling."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Final
from uuid import UUID

from paseport.clock import Clock
from paseport_shared.domain.errors import PreconditionFailed
from paseport_shared.domain.models.api_key import ApiKey
from paseport_shared.domain.models.api_key_rules import KeyAuthority, check_api_key
from paseport_shared.domain.ports.record import Record, RecordTransaction

from paseport_issuer.use_cases.api_key_audit import changes
from paseport_issuer.use_cases.create_api_key import moment_of
from paseport_issuer.use_cases.key_manager import KeyManager, get_key_of
from paseport_issuer.use_cases.new_ids import NewIds
from paseport_issuer.use_cases.project_api_key import ProjectApiKey
from paseport_issuer.use_cases.read_api_keys import OwnedApiKey

_FIELDS: Final = tuple(field.name for field in fields(ApiKey))
_WORDS: Final = frozenset({"name", "comment", "email"})
"""What says something about a key and gives it nothing."""


@dataclass(frozen=True, slots=True)
class ChangeApiKeyCommand:
    """A change of somebody's key by whoever read it at ``expected_revision``.

    ``values`` are fields of ``ApiKey``, ``expires_at`` among them may be an ``Expiry``. What is not named stays.
    """

    key_id: str
    owner_id: UUID
    expected_revision: int
    values: Mapping[str, Any]
    manager: KeyManager


class ChangeApiKey:
    """Stores the change, its audit event and the revocation of what verifiers know together, then carries it to them.

    Disabling is always possible, whatever the rules have become since.
    """

    def __init__(self, *, record: Record, project: ProjectApiKey, clock: Clock, ids: NewIds) -> None:
        self._record = record
        self._project = project
        self._clock = clock
        self._ids = ids

    async def __call__(self, command: ChangeApiKeyCommand) -> OwnedApiKey:
        """Return the key after the change, which then holds on every node.

        Raises ``NotFound``, ``PreconditionFailed``, ``ValidationFailed``, ``ReauthenticationRequired``,
        ``Unavailable``, ``RecordedNotInForce``.
        """

        async def store(transaction: RecordTransaction) -> OwnedApiKey:
            return await self._store(transaction, command)

        owned = await self._record.transact(store)
        # Also where nothing changed: whoever repeats a request need not wait for what an outage cut off.
        await self._project.changed(owned.key)
        return owned

    async def _store(self, transaction: RecordTransaction, command: ChangeApiKeyCommand) -> OwnedApiKey:
        now = self._clock.now()
        before = await get_key_of(transaction, command.key_id, command.owner_id)
        if before.revision != command.expected_revision:
            raise PreconditionFailed(f"revision is {before.revision}")
        owner = await transaction.users.get(before.owner_id)
        values = dict(command.values)
        if "expires_at" in values:
            values["expires_at"] = moment_of(values["expires_at"], now)
        after = replace(before, **values)
        changed = {name for name in _FIELDS if getattr(before, name) != getattr(after, name)}
        if not changed:
            return OwnedApiKey(before, owner.username)
        check_api_key(after, KeyAuthority(owner.roles, command.manager.is_admin), now, changed)
        gives = changed - _WORDS - ({"disabled"} if after.disabled else set())
        if gives:
            command.manager.require_fresh_for(after, now)
        after = replace(after, revision=before.revision + 1, updated_at=now)
        await transaction.api_keys.update(after, before.revision)
        await self._project.due(transaction, after)
        old, new = changes(before, after)
        event = self._ids.audit_event(command.manager.actor, "api_key.changed", after.id, before=old, after=new)
        await transaction.audit.append(event)
        return OwnedApiKey(after, owner.username)
