"""Taking over API keys that another system handed out: nobody has to be given a new one."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from typing import Final
from uuid import UUID

from paseport.clock import Clock
from paseport_shared.domain.errors import AlreadyExists, FieldProblem, ValidationFailed
from paseport_shared.domain.models.api_key import ID_BYTES, ApiKey, new_api_key_id
from paseport_shared.domain.models.api_key_rules import KeyAuthority, canonical_hosts, check_api_key
from paseport_shared.domain.models.legacy_token import is_legacy_digest
from paseport_shared.domain.models.rate_limit import RateLimit
from paseport_shared.domain.models.user import User
from paseport_shared.domain.ports.randomness import Randomness
from paseport_shared.domain.ports.record import Record, RecordTransaction

from paseport_issuer.use_cases.admin_guard import refuse_built_in
from paseport_issuer.use_cases.api_key_audit import audited
from paseport_issuer.use_cases.key_manager import KeyManager
from paseport_issuer.use_cases.new_ids import NewIds
from paseport_issuer.use_cases.project_api_key import ProjectApiKey

MAX_KEYS: Final = 500
"""In one request: a few seconds of work at most, in steps between which others are served (AD-15)."""
_STEP: Final = 20
"""In one transaction: what the record does well within the time that it is given, and others wait for."""
_MAX_PROBLEMS: Final = 50
"""Named at once. Whoever has more has made one mistake many times."""
_FIELDS: Final = frozenset(field.name for field in fields(ApiKey))


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignKey:
    """A key as another system has it. ``digest`` is what becomes its ``legacy_digest``; ``expires_at`` None: never."""

    digest: str
    name: str
    comment: str = ""
    email: str | None = None
    hosts: tuple[str, ...] = ()
    roles: frozenset[str] = frozenset()
    scopes: tuple[str, ...] = ()
    rate_limit: RateLimit | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ImportApiKeysCommand:
    """Keys that become those of ``owner_id``. With ``is_rehearsal`` nothing is changed, and all is checked."""

    owner_id: UUID
    keys: Sequence[ForeignKey]
    manager: KeyManager
    is_rehearsal: bool = False


class ImportOutcome(enum.Enum):
    """What became of a key, or would."""

    CREATED = "created"
    PRESENT = "present"
    """It was taken over before, and stays as it is now: whatever was changed since, and whose it is."""
    REVOKED = "revoked"
    """It was taken over and revoked. Nothing brings it back."""


@dataclass(frozen=True, slots=True)
class ImportedKey:
    """``key_id`` is None for a revoked key, and for one that a rehearsal would create."""

    digest: str
    outcome: ImportOutcome
    key_id: str | None = None


class ImportApiKeys:
    """Checks all keys of a request before it takes over the first, with an audit event each.

    It stores them in steps, of which an outage may leave some undone: repeating the request does these, and changes
    nothing else.

    An owner may have more of them than they could make: they are there already. What is new about them, roles and
    scopes, is held to the same rules as in a key that is made here.
    """

    def __init__(
        self, *, record: Record, project: ProjectApiKey, clock: Clock, randomness: Randomness, ids: NewIds
    ) -> None:
        self._record = record
        self._project = project
        self._clock = clock
        self._randomness = randomness
        self._ids = ids

    async def __call__(self, command: ImportApiKeysCommand) -> tuple[ImportedKey, ...]:
        """Return what became of each key, in their order.

        Raises ``ValidationFailed`` naming problems of all keys, ``NotFound`` for an owner that there is not,
        ``BuiltInAccount``, ``ReauthenticationRequired``, ``Unavailable``, and ``RecordedNotInForce``: repeating the
        request completes it.
        """
        now = self._clock.now()
        keys = tuple(self._key(foreign, command.owner_id, now) for foreign in command.keys)
        _check_digests(command.keys)
        owner = await self._record.transact(lambda transaction: _owner(transaction, command.owner_id))
        _check(keys, owner, command.manager, now)
        imported: list[ImportedKey] = []
        for part in _parts(keys):
            done = await self._import(part, command, now)
            if done.carried:
                await self._project.changed(*done.carried)
            imported += done.imported
        return tuple(imported)

    async def _import(self, keys: Sequence[ApiKey], command: ImportApiKeysCommand, now: datetime) -> _Done:
        """Store some keys in one transaction; in a rehearsal it is rolled back once all of it went well."""

        async def work(transaction: RecordTransaction) -> _Done:
            _check(keys, await _owner(transaction, command.owner_id), command.manager, now)
            done = _Done()
            for key in keys:
                await self._store(transaction, key, command.manager, done)
            if command.is_rehearsal:
                raise _Rehearsed(done)
            return done

        try:
            return await self._record.transact(work)
        except _Rehearsed as rehearsed:
            return rehearsed.done.undone()

    def _key(self, foreign: ForeignKey, owner_id: UUID, now: datetime) -> ApiKey:
        return ApiKey(
            id=new_api_key_id(self._randomness.token_bytes(ID_BYTES)),
            owner_id=owner_id,
            name=foreign.name,
            comment=foreign.comment,
            email=foreign.email,
            roles=foreign.roles,
            scopes=foreign.scopes,
            hosts=canonical_hosts(foreign.hosts),
            rate_limit=foreign.rate_limit,
            legacy_digest=foreign.digest,
            expires_at=foreign.expires_at,
            created_at=now,
            updated_at=now,
        )

    async def _store(self, transaction: RecordTransaction, key: ApiKey, manager: KeyManager, done: _Done) -> None:
        """Store a key unless its digest is taken, and note what came of it."""
        digest = key.legacy_digest or ""
        try:
            await transaction.api_keys.add(key)
        except AlreadyExists as error:
            if error.field != "legacy_digest":
                raise
            present = await transaction.api_keys.find_legacy(digest)
            if present is None:
                done.note(ImportedKey(digest, ImportOutcome.REVOKED), None)
            else:
                # What an outage cut off of the request before is completed by this one.
                done.note(ImportedKey(digest, ImportOutcome.PRESENT, present.id), present)
            return
        event = self._ids.audit_event(manager.actor, "api_key.imported", key.id, after=audited(key))
        await transaction.audit.append(event)
        done.note(ImportedKey(digest, ImportOutcome.CREATED, key.id), key)


@dataclass(slots=True)
class _Done:
    """What a transaction did: for whoever asked, and what is to be carried."""

    imported: list[ImportedKey] = field(default_factory=list)
    carried: list[ApiKey] = field(default_factory=list)

    def note(self, imported: ImportedKey, there: ApiKey | None) -> None:
        self.imported.append(imported)
        if there is not None:
            self.carried.append(there)

    def undone(self) -> _Done:
        """Return the same of a transaction that was rolled back: what was created has no id, nothing is carried."""
        created = ImportOutcome.CREATED
        return _Done([replace(one, key_id=None) if one.outcome is created else one for one in self.imported])


class _Rehearsed(Exception):
    """Rolls a transaction back that did all that was asked."""

    def __init__(self, done: _Done) -> None:
        super().__init__("rehearsed")
        self.done = done


async def _owner(transaction: RecordTransaction, owner_id: UUID) -> User:
    """Return a user who may have keys. Raises ``NotFound``, ``BuiltInAccount``."""
    owner = await transaction.users.get(owner_id)
    refuse_built_in(owner)
    return owner


def _parts(keys: Sequence[ApiKey]) -> Iterator[Sequence[ApiKey]]:
    return (keys[begin : begin + _STEP] for begin in range(0, len(keys), _STEP))


def _check_digests(keys: Sequence[ForeignKey]) -> None:
    """Raise ``ValidationFailed`` for what is no digest, and for one that is there twice."""
    if not all(is_legacy_digest(key.digest) for key in keys):
        raise ValidationFailed([FieldProblem("keys.digest", "format", "A digest has 64 hexadecimal digits, a to f.")])
    if len({key.digest for key in keys}) < len(keys):
        raise ValidationFailed([FieldProblem("keys.digest", "twice", "A digest is there twice.")])


def _check(keys: Sequence[ApiKey], owner: User, manager: KeyManager, now: datetime) -> None:
    """Raise ``ValidationFailed`` naming what is not acceptable and in which key, counted from 0."""
    authority = KeyAuthority(owner.roles, manager.is_admin)
    problems: list[FieldProblem] = []
    for number, key in enumerate(keys):
        try:
            check_api_key(key, authority, now, _FIELDS)
        except ValidationFailed as refused:
            problems += (replace(problem, field=f"keys.{number}.{problem.field}") for problem in refused.problems)
        if len(problems) >= _MAX_PROBLEMS:
            break
    if problems:
        raise ValidationFailed(problems[:_MAX_PROBLEMS])
    for key in keys:
        manager.require_fresh_for(key, now)
