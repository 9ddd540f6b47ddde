"""Creating API keys."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from paseport.clock import Clock
from paseport.secret import Secret
from paseport_shared.domain.errors import FieldProblem, RecordedNotInForce, ValidationFailed
from paseport_shared.domain.models.api_key import (
    ID_BYTES,
    SECRET_BYTES,
    ApiKey,
    ApiKeyPeppers,
    ApiKeySecret,
    new_api_key,
    new_api_key_id,
    parse_api_key,
)
from paseport_shared.domain.models.api_key_rules import (
    DEFAULT_LIFETIME,
    MAX_KEYS_PER_OWNER,
    KeyAuthority,
    check_api_key,
)
from paseport_shared.domain.ports.randomness import Randomness
from paseport_shared.domain.ports.record import Record, RecordTransaction

from paseport_issuer.use_cases.admin_guard import refuse_built_in
from paseport_issuer.use_cases.api_key_audit import audited
from paseport_issuer.use_cases.key_manager import KeyManager
from paseport_issuer.use_cases.new_ids import NewIds
from paseport_issuer.use_cases.project_api_key import ProjectApiKey
from paseport_issuer.use_cases.read_api_keys import OwnedApiKey

Expiry = datetime | timedelta | None
"""A moment, how long from now, or never."""
_FIELDS: Final = frozenset(field.name for field in fields(ApiKey))


@dataclass(frozen=True, slots=True)
class CreateApiKeyCommand:
    """A key to be for ``owner_id``. ``values`` are fields of ``ApiKey``; without ``name`` it cannot be made."""

    owner_id: UUID
    values: Mapping[str, Any]
    manager: KeyManager
    expiry: Expiry = DEFAULT_LIFETIME


@dataclass(frozen=True, slots=True)
class NewApiKey:
    """A key with the text that was made for it just now: the only time that it is shown."""

    owned: OwnedApiKey
    text: Secret[str]


class MakeSecret:
    """Makes the secrets of keys, and what is kept of them."""

    def __init__(self, peppers: ApiKeyPeppers, randomness: Randomness) -> None:
        self._peppers = peppers
        self._randomness = randomness

    def id(self) -> str:
        """Return the id of a new key."""
        return new_api_key_id(self._randomness.token_bytes(ID_BYTES))

    def __call__(self, key_id: str, now: datetime) -> tuple[Secret[str], ApiKeySecret]:
        """Return the text of a key, and its digest under the newest pepper."""
        text = new_api_key(key_id, self._randomness.token_bytes(SECRET_BYTES))
        presented = parse_api_key(text.reveal())
        digest = None if presented is None else self._peppers.digest(presented, self._peppers.current)
        if digest is None:
            message = "a new key does not pass its own grammar"
            raise RuntimeError(message)
        return text, ApiKeySecret(digest, self._peppers.current, now)


class CreateApiKey:
    """Stores the key and the audit event together."""

    def __init__(
        self, *, record: Record, project: ProjectApiKey, make_secret: MakeSecret, clock: Clock, ids: NewIds
    ) -> None:
        self._record = record
        self._project = project
        self._make_secret = make_secret
        self._clock = clock
        self._ids = ids

    async def __call__(self, command: CreateApiKeyCommand) -> NewApiKey:
        """Return the new key with its text.

        Raises ``NotFound`` for an owner that there is not, ``BuiltInAccount``, ``ValidationFailed``,
        ``ReauthenticationRequired``, ``Unavailable``. Not ``RecordedNotInForce``: the text can be shown now or never.
        Where the directory is away, it hears of the key once it is back, and until then the key may be refused.
        """
        now = self._clock.now()
        key_id = self._make_secret.id()
        text, held = self._make_secret(key_id, now)
        key = ApiKey(
            id=key_id,
            owner_id=command.owner_id,
            secrets=(held,),
            expires_at=moment_of(command.expiry, now),
            created_at=now,
            updated_at=now,
            **command.values,
        )
        event = self._ids.audit_event(command.manager.actor, "api_key.created", key_id, after=audited(key))

        async def store(transaction: RecordTransaction) -> OwnedApiKey:
            owner = await transaction.users.get(command.owner_id)
            refuse_built_in(owner)
            check_api_key(key, KeyAuthority(owner.roles, command.manager.is_admin), now, _FIELDS)
            command.manager.require_fresh_for(key, now)
            if await transaction.api_keys.count_for(owner.id) >= MAX_KEYS_PER_OWNER:
                message = f"There are {MAX_KEYS_PER_OWNER} keys already. Revoke one of them first."
                raise ValidationFailed([FieldProblem("owner", "too_many_keys", message)])
            await transaction.api_keys.add(key)
            await transaction.audit.append(event)
            return OwnedApiKey(key, owner.username)

        owned = await self._record.transact(store)
        with suppress(RecordedNotInForce):
            await self._project.changed(key)
        return NewApiKey(owned, text)


def moment_of(expiry: Expiry, now: datetime) -> datetime | None:
    """Return when a key ends that is made now, in UTC; None: never."""
    if isinstance(expiry, timedelta):
        return now + expiry
    try:
        return None if expiry is None else expiry.astimezone(UTC)
    except OverflowError:
        # In its own zone it is a moment, and in ours none: no key's, in either.
        return expiry
