"""The record in dictionaries: for tests, and as the reference that the contracts are checked against."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TypeVar
from uuid import UUID

from paseport.revocation import Revocation, RevocationKind
from paseport.revocation_list import stricter
from paseport.subject import SubjectState

from paseport_shared.adapters.memory.outage import MemoryOutage
from paseport_shared.domain.errors import AlreadyExists, InvalidRequest, NotFound, PreconditionFailed, Unavailable
from paseport_shared.domain.models.api_key import (
    ApiKey,
    ApiKeyEntry,
    ApiKeyPage,
    ApiKeyQuery,
    ApiKeyUse,
    DeletedApiKey,
)
from paseport_shared.domain.models.audit import AuditEvent
from paseport_shared.domain.models.client import Client, ClientKind
from paseport_shared.domain.models.client_registry import ClientEntry, ClientPage, ClientQuery, DeletedClient
from paseport_shared.domain.models.consent import Consent
from paseport_shared.domain.models.due_projection import DueProjection
from paseport_shared.domain.models.identifiers import canonical
from paseport_shared.domain.models.identity_provider import IdentityProvider
from paseport_shared.domain.models.linked_identity import LinkedIdentity
from paseport_shared.domain.models.password_reset import PasswordReset
from paseport_shared.domain.models.signing_key import KeyStatus, SigningKey
from paseport_shared.domain.models.user import User, UserPage, UserQuery, UserSort
from paseport_shared.domain.ports.record import RecordTransaction

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _StoredApiKey:
    """A key or what is left of it. ``due_since`` is None where the directory knows it."""

    entry: ApiKeyEntry
    created_at: datetime
    due_since: datetime | None


@dataclass(frozen=True, slots=True)
class _Tables:
    """One committed state. Never changed, only replaced."""

    users: Mapping[UUID, User] = field(default_factory=dict)
    clients: Mapping[str, ClientEntry] = field(default_factory=dict)
    due_clients: frozenset[str] = frozenset()
    api_keys: Mapping[str, _StoredApiKey] = field(default_factory=dict)
    audit: Mapping[UUID, AuditEvent] = field(default_factory=dict)
    revocations: Mapping[tuple[RevocationKind, str], Revocation] = field(default_factory=dict)
    consents: Mapping[tuple[UUID, str], Consent] = field(default_factory=dict)
    password_resets: Mapping[UUID, PasswordReset] = field(default_factory=dict)
    providers: Mapping[UUID, IdentityProvider] = field(default_factory=dict)
    identities: Mapping[UUID, LinkedIdentity] = field(default_factory=dict)
    signing_keys: Mapping[tuple[str, int], SigningKey] = field(default_factory=dict)
    due_projections: Mapping[UUID, DueProjection] = field(default_factory=dict)


class MemoryRecord:
    """A ``Record`` in one process: transactions run one after the other, each on a draft that replaces the state."""

    def __init__(self, outage: MemoryOutage | None = None) -> None:
        self._outage = outage or MemoryOutage()
        self._lock = asyncio.Lock()
        self._tables = _Tables()

    async def transact(self, work: Callable[[RecordTransaction], Awaitable[T]]) -> T:
        """See ``Record.transact``. Nothing is ever run twice here."""
        self._outage.check()
        async with self._lock:
            draft = _Draft(self._tables, self._outage)
            try:
                answer = await work(MemoryRecordTransaction(draft))
                self._tables = draft.tables
            finally:
                draft.end()
        return answer

    async def read(self, work: Callable[[RecordTransaction], Awaitable[T]]) -> T:
        """See ``Record.read``."""
        self._outage.check()
        draft = _Draft(self._tables, self._outage, only_reads=True)
        try:
            return await work(MemoryRecordTransaction(draft))
        finally:
            draft.end()

    async def ping(self) -> None:
        """See ``Record.ping``."""
        self._outage.check()


class _Draft:
    """The state as one transaction sees it. Writing replaces a table, so the committed state stays as it was."""

    def __init__(self, tables: _Tables, outage: MemoryOutage, *, only_reads: bool = False) -> None:
        self._tables = tables
        self._outage = outage
        self._only_reads = only_reads
        self._failure: Unavailable | None = None
        self._ended = False

    @property
    def tables(self) -> _Tables:
        """The state so far.

        Raises ``Unavailable`` during an outage and ever after: a transaction that lost its database cannot commit.
        """
        if self._ended:
            message = "the transaction has ended"
            raise RuntimeError(message)
        try:
            self._outage.check()
        except Unavailable as error:
            self._failure = error
        if self._failure is not None:
            raise self._failure
        return self._tables

    @tables.setter
    def tables(self, tables: _Tables) -> None:
        if self._only_reads:
            message = "what only reads may not write"
            raise RuntimeError(message)
        self._tables = tables

    def end(self) -> None:
        """Refuse whatever is asked from now on, as a database does."""
        self._ended = True


class MemoryRecordTransaction:
    """A ``RecordTransaction``."""

    def __init__(self, draft: _Draft) -> None:
        self._users = MemoryUserRepository(draft)
        self._clients = MemoryClientRepository(draft)
        self._api_keys = MemoryApiKeyRepository(draft)
        self._audit = MemoryAuditLog(draft)
        self._revocations = MemoryRevocationRecord(draft)
        self._consents = MemoryConsentRepository(draft)
        self._password_resets = MemoryPasswordResetRepository(draft)
        self._providers = MemoryProviderRepository(draft)
        self._identities = MemoryLinkedIdentityRepository(draft)
        self._signing_keys = MemorySigningKeyRepository(draft)
        self._due_projections = MemoryDueProjections(draft)

    @property
    def users(self) -> MemoryUserRepository:
        """Users."""
        return self._users

    @property
    def clients(self) -> MemoryClientRepository:
        """Clients that administrators manage."""
        return self._clients

    @property
    def api_keys(self) -> MemoryApiKeyRepository:
        """API keys."""
        return self._api_keys

    @property
    def audit(self) -> MemoryAuditLog:
        """The audit log."""
        return self._audit

    @property
    def revocations(self) -> MemoryRevocationRecord:
        """Revocations."""
        return self._revocations

    @property
    def password_resets(self) -> MemoryPasswordResetRepository:
        """Password reset links."""
        return self._password_resets

    @property
    def consents(self) -> MemoryConsentRepository:
        """What users allowed clients."""
        return self._consents

    @property
    def providers(self) -> MemoryProviderRepository:
        """Identity providers."""
        return self._providers

    @property
    def identities(self) -> MemoryLinkedIdentityRepository:
        """Linked identities."""
        return self._identities

    @property
    def due_projections(self) -> MemoryDueProjections:
        """Changes that may not be in force everywhere yet."""
        return self._due_projections

    @property
    def signing_keys(self) -> MemorySigningKeyRepository:
        """Key states."""
        return self._signing_keys


class MemoryUserRepository:
    """A ``UserRepository``."""

    def __init__(self, draft: _Draft) -> None:
        self._draft = draft

    async def get(self, user_id: UUID) -> User:
        """See ``UserRepository.get``."""
        user = self._draft.tables.users.get(user_id)
        if user is None:
            raise NotFound("no such user")
        return user

    async def usernames(self, user_ids: Collection[UUID]) -> dict[UUID, str]:
        """See ``UserRepository.usernames``."""
        stored = self._draft.tables.users
        return {user_id: stored[user_id].username for user_id in user_ids if user_id in stored}

    async def find_by_login(self, login: str) -> User | None:
        """See ``UserRepository.find_by_login``."""
        wanted = canonical(login)
        for user in self._draft.tables.users.values():
            if wanted == (user.canonical_email if "@" in wanted else user.canonical_username):
                return user
        return None

    async def add(self, user: User) -> None:
        """See ``UserRepository.add``."""
        if user.id in self._draft.tables.users:
            raise AlreadyExists("id")
        self._refuse_taken_names(user)
        self._put(user)

    async def update(self, user: User, *, expected_revision: int) -> None:
        """See ``UserRepository.update``."""
        await self._check_revision(user.id, expected_revision)
        self._refuse_taken_names(user)
        self._put(user)

    async def delete(self, user_id: UUID, *, expected_revision: int) -> None:
        """See ``UserRepository.delete``."""
        await self._check_revision(user_id, expected_revision)
        tables = self._draft.tables
        self._draft.tables = replace(
            tables,
            users={key: user for key, user in tables.users.items() if key != user_id},
            password_resets={key: reset for key, reset in tables.password_resets.items() if key != user_id},
            consents={key: consent for key, consent in tables.consents.items() if consent.user_id != user_id},
            identities={key: identity for key, identity in tables.identities.items() if identity.user_id != user_id},
        )

    async def replace_password_hash(self, user_id: UUID, *, old: str, new: str) -> bool:
        """See ``UserRepository.replace_password_hash``."""
        user = self._draft.tables.users.get(user_id)
        if user is None or user.password_hash != old:
            return False
        self._put(replace(user, password_hash=new))
        return True

    async def count_active_admins(self) -> int:
        """See ``UserRepository.count_active_admins``."""
        return sum(user.is_active_admin for user in self._draft.tables.users.values())

    async def page(self, query: UserQuery) -> UserPage:
        """See ``UserRepository.page``."""
        after = None if query.after is None else (_read_position(query.sort, query.after[0]), query.after[1])
        matching = sorted(
            (user for user in self._draft.tables.users.values() if _matches(user, query)),
            key=lambda user: (_position(query.sort, user), user.id),
            reverse=query.descending,
        )
        following = [user for user in matching if after is None or _is_behind(user, after, query)]
        items = tuple(following[: query.limit])
        return UserPage(
            items=items,
            next=(_position(query.sort, items[-1]), items[-1].id) if len(following) > len(items) else None,
            total=len(matching),
        )

    async def subject_states(self, after: UUID | None, limit: int) -> tuple[SubjectState, ...]:
        """See ``UserRepository.subject_states``."""
        users = sorted(self._draft.tables.users.values(), key=lambda user: user.id)
        return tuple(user.state for user in users if after is None or user.id > after)[:limit]

    async def _check_revision(self, user_id: UUID, expected_revision: int) -> None:
        stored = await self.get(user_id)
        if stored.revision != expected_revision:
            raise PreconditionFailed(f"revision is {stored.revision}")

    def _refuse_taken_names(self, user: User) -> None:
        others = [other for other in self._draft.tables.users.values() if other.id != user.id]
        if any(other.canonical_username == user.canonical_username for other in others):
            raise AlreadyExists("username")
        if any(other.canonical_email == user.canonical_email for other in others):
            raise AlreadyExists("email")

    def _put(self, user: User) -> None:
        tables = self._draft.tables
        self._draft.tables = replace(tables, users={**tables.users, user.id: user})


def _matches(user: User, query: UserQuery) -> bool:
    needle = canonical(query.search)
    haystacks = (user.canonical_username, user.canonical_email, canonical(user.display_name or ""))
    return (
        any(needle in haystack for haystack in haystacks)
        and (query.role is None or query.role in user.roles)
        and (query.disabled is None or query.disabled == user.disabled)
    )


def _position(sort: UserSort, user: User) -> str:
    """Return the sort key as text; times have a fixed width, so text order is time order."""
    match sort:
        case "username":
            return user.canonical_username
        case "email":
            return user.canonical_email
        case "created_at":
            return user.created_at.astimezone(UTC).isoformat(timespec="microseconds")


def _read_position(sort: UserSort, key: str) -> str:
    if sort != "created_at":
        return key
    try:
        at = datetime.fromisoformat(key)
    except ValueError as error:
        raise InvalidRequest("the page position is not a time") from error
    if at.utcoffset() != timedelta(0):
        raise InvalidRequest("the page position is not in UTC")
    return at.isoformat(timespec="microseconds")


def _is_behind(user: User, after: tuple[str, UUID], query: UserQuery) -> bool:
    here = (_position(query.sort, user), user.id)
    return here < after if query.descending else here > after


class MemoryClientRepository:
    """A ``ClientRepository``."""

    def __init__(self, draft: _Draft) -> None:
        self._draft = draft

    async def get(self, client_id: str, kind: ClientKind = ClientKind.OAUTH) -> Client:
        """See ``ClientRepository.get``."""
        client = await self.find(client_id)
        if client is None or client.kind is not kind:
            raise NotFound("no such client")
        return client

    async def find(self, client_id: str) -> Client | None:
        """See ``ClientRepository.find``."""
        held = self._draft.tables.clients.get(client_id)
        return held if isinstance(held, Client) else None

    async def add(self, client: Client) -> None:
        """See ``ClientRepository.add``."""
        if client.client_id in self._draft.tables.clients:
            raise AlreadyExists("client_id")
        self._put(client)

    async def update(self, client: Client, *, expected_revision: int) -> None:
        """See ``ClientRepository.update``."""
        await self._check_revision(client.client_id, expected_revision)
        self._put(client)

    async def delete(self, client_id: str, *, expected_revision: int, at: datetime) -> None:
        """See ``ClientRepository.delete``."""
        await self._check_revision(client_id, expected_revision)
        self._put(DeletedClient(client_id, expected_revision + 1, at))

    async def page(self, query: ClientQuery) -> ClientPage:
        """See ``ClientRepository.page``."""
        needle = canonical(query.search)
        matching = [
            client
            for _, client in sorted(self._draft.tables.clients.items())
            if isinstance(client, Client)
            and client.kind is query.kind
            and client.client_id not in query.excluded
            and (needle in client.client_id.lower() or needle in canonical(client.name))
        ]
        following = [client for client in matching if query.after is None or client.client_id > query.after]
        items = tuple(following[: query.limit])
        return ClientPage(items, items[-1].client_id if len(following) > len(items) else None, len(matching))

    async def entries(self, after: str | None, limit: int) -> tuple[ClientEntry, ...]:
        """See ``ClientRepository.entries``."""
        stored = sorted(self._draft.tables.clients.items())
        return tuple(entry for client_id, entry in stored if after is None or client_id > after)[:limit]

    async def find_entry(self, client_id: str) -> ClientEntry | None:
        """See ``ClientRepository.find_entry``."""
        return self._draft.tables.clients.get(client_id)

    async def due(self, limit: int) -> tuple[ClientEntry, ...]:
        """See ``ClientRepository.due``."""
        tables = self._draft.tables
        return tuple(tables.clients[client_id] for client_id in sorted(tables.due_clients))[:limit]

    async def settle(self, client_id: str, revision: int) -> None:
        """See ``ClientRepository.settle``."""
        tables = self._draft.tables
        held = tables.clients.get(client_id)
        if held is not None and held.revision <= revision:
            self._draft.tables = replace(tables, due_clients=tables.due_clients - {client_id})

    async def _check_revision(self, client_id: str, expected_revision: int) -> None:
        stored = await self.find(client_id)
        if stored is None:
            raise NotFound("no such client")
        if stored.revision != expected_revision:
            raise PreconditionFailed(f"revision is {stored.revision}")

    def _put(self, entry: ClientEntry) -> None:
        tables = self._draft.tables
        self._draft.tables = replace(
            tables,
            clients={**tables.clients, entry.client_id: entry},
            due_clients=tables.due_clients | {entry.client_id},
        )


class MemoryApiKeyRepository:
    """An ``ApiKeyRepository``."""

    def __init__(self, draft: _Draft) -> None:
        self._draft = draft

    async def add(self, key: ApiKey) -> None:
        """See ``ApiKeyRepository.add``."""
        if key.id in self._draft.tables.api_keys:
            raise AlreadyExists("id")
        self._refuse_taken_digest(key)
        self._put(_StoredApiKey(key, key.created_at, due_since=key.updated_at))

    async def get(self, key_id: str) -> ApiKey:
        """See ``ApiKeyRepository.get``."""
        return self._live(key_id)[1]

    async def find_legacy(self, digest: str) -> ApiKey | None:
        """See ``ApiKeyRepository.find_legacy``."""
        return next((key for key in self._all_live() if key.legacy_digest == digest), None)

    async def page(self, query: ApiKeyQuery) -> ApiKeyPage:
        """See ``ApiKeyRepository.page``."""
        matching = sorted(
            (key for key in self._all_live() if self._matches(key, query)),
            key=lambda key: (key.created_at, key.id),
            reverse=True,
        )
        following = matching
        if query.after is not None:
            last = self._draft.tables.api_keys.get(query.after)
            if last is None:
                raise InvalidRequest("the page position is no key")
            following = [key for key in matching if (key.created_at, key.id) < (last.created_at, query.after)]
        items = tuple(following[: query.limit])
        return ApiKeyPage(items, items[-1].id if len(following) > len(items) else None, len(matching))

    async def count_for(self, owner_id: UUID) -> int:
        """See ``ApiKeyRepository.count_for``."""
        return sum(key.owner_id == owner_id for key in self._all_live())

    async def update(self, key: ApiKey, expected_revision: int) -> None:
        """See ``ApiKeyRepository.update``."""
        stored, held = self._live(key.id)
        if held.revision != expected_revision:
            raise PreconditionFailed(f"revision is {held.revision}")
        self._refuse_taken_digest(key)
        changed = replace(key, last_used_at=held.last_used_at, use_count=held.use_count)
        self._put(replace(stored, entry=changed, due_since=key.updated_at))

    async def remove(self, key_id: str, now: datetime) -> ApiKeyEntry:
        """See ``ApiKeyRepository.remove``."""
        stored, held = self._live(key_id)
        left = DeletedApiKey(key_id, held.revision + 1, held.legacy_digest)
        self._put(replace(stored, entry=left, due_since=now))
        return left

    async def remove_all_of(self, owner_id: UUID, now: datetime) -> tuple[ApiKeyEntry, ...]:
        """See ``ApiKeyRepository.remove_all_of``."""
        owned = sorted(key.id for key in self._all_live() if key.owner_id == owner_id)
        return tuple([await self.remove(key_id, now) for key_id in owned])

    async def find_entry(self, key_id: str) -> ApiKeyEntry | None:
        """See ``ApiKeyRepository.find_entry``."""
        stored = self._draft.tables.api_keys.get(key_id)
        return None if stored is None else stored.entry

    async def entries(self, after: str | None, limit: int) -> tuple[ApiKeyEntry, ...]:
        """See ``ApiKeyRepository.entries``."""
        stored = sorted(self._draft.tables.api_keys.items())
        return tuple(held.entry for key_id, held in stored if after is None or key_id > after)[:limit]

    async def due(self, limit: int) -> tuple[ApiKeyEntry, ...]:
        """See ``ApiKeyRepository.due``."""
        due = [
            (stored.due_since, key_id)
            for key_id, stored in self._draft.tables.api_keys.items()
            if stored.due_since is not None
        ]
        return tuple(self._draft.tables.api_keys[key_id].entry for _, key_id in sorted(due)[:limit])

    async def settle(self, key_id: str, revision: int) -> None:
        """See ``ApiKeyRepository.settle``."""
        stored = self._draft.tables.api_keys.get(key_id)
        if stored is not None and stored.entry.revision == revision:
            self._put(replace(stored, due_since=None))

    async def note_uses(self, uses: Sequence[ApiKeyUse]) -> None:
        """See ``ApiKeyRepository.note_uses``."""
        for use in uses:
            stored = self._draft.tables.api_keys.get(use.key_id)
            if stored is not None and isinstance(key := stored.entry, ApiKey):
                last = use.last_used_at if key.last_used_at is None else max(key.last_used_at, use.last_used_at)
                used = replace(key, use_count=key.use_count + use.count, last_used_at=last)
                self._put(replace(stored, entry=used))

    def _all_live(self) -> list[ApiKey]:
        return [stored.entry for stored in self._draft.tables.api_keys.values() if isinstance(stored.entry, ApiKey)]

    def _live(self, key_id: str) -> tuple[_StoredApiKey, ApiKey]:
        stored = self._draft.tables.api_keys.get(key_id)
        if stored is None or not isinstance(stored.entry, ApiKey):
            raise NotFound("no such key")
        return stored, stored.entry

    def _matches(self, key: ApiKey, query: ApiKeyQuery) -> bool:
        needle = canonical(query.search)
        owner = self._draft.tables.users.get(key.owner_id)
        haystacks = (canonical(key.name), canonical(key.comment), owner.canonical_username if owner else "")
        return (query.owner_id is None or key.owner_id == query.owner_id) and any(
            needle in haystack for haystack in haystacks
        )

    def _refuse_taken_digest(self, key: ApiKey) -> None:
        others = (stored.entry for stored in self._draft.tables.api_keys.values() if stored.entry.id != key.id)
        if key.legacy_digest is not None and any(other.legacy_digest == key.legacy_digest for other in others):
            raise AlreadyExists("legacy_digest")

    def _put(self, stored: _StoredApiKey) -> None:
        tables = self._draft.tables
        self._draft.tables = replace(tables, api_keys={**tables.api_keys, stored.entry.id: stored})


class MemoryAuditLog:
    """An ``AuditLog``."""

    def __init__(self, draft: _Draft) -> None:
        self._draft = draft

    async def append(self, event: AuditEvent) -> None:
        """See ``AuditLog.append``."""
        tables = self._draft.tables
        stored = replace(event, before=_as_json(event.before), after=_as_json(event.after))
        self._draft.tables = replace(tables, audit={event.id: stored, **tables.audit})

    async def latest(self, limit: int, before: UUID | None = None) -> tuple[AuditEvent, ...]:
        """See ``AuditLog.latest``."""
        events = sorted(self._draft.tables.audit.values(), key=lambda event: event.id, reverse=True)
        return tuple(event for event in events if before is None or event.id < before)[:limit]


def _as_json(values: Mapping[str, object]) -> dict[str, object]:
    """Return the values as a database that stores JSON gives them back; TypeError where JSON has no word for one."""
    result: dict[str, object] = json.loads(json.dumps(dict(values), allow_nan=False))
    return result


class MemoryRevocationRecord:
    """A ``RevocationRecord``."""

    def __init__(self, draft: _Draft) -> None:
        self._draft = draft

    async def add(self, *added: Revocation) -> None:
        """See ``RevocationRecord.add``."""
        tables = self._draft.tables
        merged = dict(tables.revocations)
        for revocation in added:
            key = (revocation.kind, revocation.subject)
            held = merged.get(key)
            merged[key] = revocation if held is None else stricter(held, revocation)
        self._draft.tables = replace(tables, revocations=merged)

    async def in_force(self, now: datetime) -> tuple[Revocation, ...]:
        """See ``RevocationRecord.in_force``."""
        living = (revocation for revocation in self._draft.tables.revocations.values() if revocation.expires_at > now)
        return tuple(sorted(living, key=lambda living: (living.recorded_at, living.kind.value, living.subject)))

    async def purge(self, now: datetime) -> int:
        """See ``RevocationRecord.purge``."""
        tables = self._draft.tables
        living = {key: revocation for key, revocation in tables.revocations.items() if revocation.expires_at > now}
        self._draft.tables = replace(tables, revocations=living)
        return len(tables.revocations) - len(living)


class MemoryPasswordResetRepository:
    """A ``PasswordResetRepository``."""

    def __init__(self, draft: _Draft) -> None:
        self._draft = draft

    async def put(self, reset: PasswordReset) -> None:
        """See ``PasswordResetRepository.put``."""
        tables = self._draft.tables
        if reset.user_id not in tables.users:
            raise NotFound("no such user")
        self._draft.tables = replace(tables, password_resets={**tables.password_resets, reset.user_id: reset})

    async def find(self, token_hash: bytes, now: datetime) -> PasswordReset | None:
        """See ``PasswordResetRepository.find``."""
        for reset in self._draft.tables.password_resets.values():
            if reset.token_hash == token_hash:
                return reset if now < reset.expires_at else None
        return None

    async def consume(self, token_hash: bytes, now: datetime) -> PasswordReset | None:
        """See ``PasswordResetRepository.consume``."""
        reset = await self.find(token_hash, now)
        if reset is not None:
            tables = self._draft.tables
            remaining = {key: other for key, other in tables.password_resets.items() if key != reset.user_id}
            self._draft.tables = replace(tables, password_resets=remaining)
        return reset


class MemoryConsentRepository:
    """A ``ConsentRepository``."""

    def __init__(self, draft: _Draft) -> None:
        self._draft = draft

    async def find(self, user_id: UUID, client_id: str) -> Consent | None:
        """See ``ConsentRepository.find``."""
        return self._draft.tables.consents.get((user_id, client_id))

    async def list_for_user(self, user_id: UUID) -> tuple[Consent, ...]:
        """See ``ConsentRepository.list_for_user``."""
        granted = [consent for consent in self._draft.tables.consents.values() if consent.user_id == user_id]
        by_client = sorted(granted, key=lambda consent: consent.client_id)
        return tuple(sorted(by_client, key=lambda consent: consent.granted_at, reverse=True))

    async def save(self, consent: Consent) -> None:
        """See ``ConsentRepository.save``."""
        tables = self._draft.tables
        if consent.user_id not in tables.users:
            raise NotFound("no such user")
        key = (consent.user_id, consent.client_id)
        self._draft.tables = replace(tables, consents={**tables.consents, key: consent})

    async def remove(self, user_id: UUID, client_id: str) -> bool:
        """See ``ConsentRepository.remove``."""
        tables = self._draft.tables
        kept = {key: consent for key, consent in tables.consents.items() if key != (user_id, client_id)}
        self._draft.tables = replace(tables, consents=kept)
        return len(kept) < len(tables.consents)


class MemoryProviderRepository:
    """A ``ProviderRepository``."""

    def __init__(self, draft: _Draft) -> None:
        self._draft = draft

    async def get(self, provider_id: UUID) -> IdentityProvider:
        """See ``ProviderRepository.get``."""
        provider = self._draft.tables.providers.get(provider_id)
        if provider is None:
            raise NotFound("no such provider")
        return provider

    async def find_by_name(self, name: str) -> IdentityProvider | None:
        """See ``ProviderRepository.find_by_name``."""
        named = (provider for provider in self._draft.tables.providers.values() if provider.name == name)
        return next(named, None)

    async def list_all(self) -> tuple[IdentityProvider, ...]:
        """See ``ProviderRepository.list_all``."""
        stored = self._draft.tables.providers.values()
        return tuple(sorted(stored, key=lambda provider: (provider.position, provider.name)))

    async def add(self, provider: IdentityProvider) -> None:
        """See ``ProviderRepository.add``."""
        if await self.find_by_name(provider.name) is not None:
            raise AlreadyExists("name")
        if provider.id in self._draft.tables.providers:
            raise AlreadyExists("id")
        self._put(provider)

    async def update(self, provider: IdentityProvider, *, expected_revision: int) -> None:
        """See ``ProviderRepository.update``."""
        stored = await self.get(provider.id)
        if stored.revision != expected_revision:
            raise PreconditionFailed(f"revision is {stored.revision}")
        self._put(replace(provider, name=stored.name))

    def _put(self, provider: IdentityProvider) -> None:
        tables = self._draft.tables
        self._draft.tables = replace(tables, providers={**tables.providers, provider.id: provider})


class MemoryLinkedIdentityRepository:
    """A ``LinkedIdentityRepository``."""

    def __init__(self, draft: _Draft) -> None:
        self._draft = draft

    async def find(self, namespace: str, subject: str) -> LinkedIdentity | None:
        """See ``LinkedIdentityRepository.find``."""
        for identity in self._draft.tables.identities.values():
            if (identity.namespace, identity.subject) == (namespace, subject):
                return identity
        return None

    async def list_for_user(self, user_id: UUID) -> tuple[LinkedIdentity, ...]:
        """See ``LinkedIdentityRepository.list_for_user``."""
        linked = (identity for identity in self._draft.tables.identities.values() if identity.user_id == user_id)
        return tuple(sorted(linked, key=lambda identity: (identity.linked_at, identity.id)))

    async def add(self, identity: LinkedIdentity) -> None:
        """See ``LinkedIdentityRepository.add``."""
        tables = self._draft.tables
        if await self.find(identity.namespace, identity.subject) is not None:
            raise AlreadyExists("identity")
        if identity.user_id not in tables.users:
            raise NotFound("no such user")
        if identity.id in tables.identities:
            raise AlreadyExists("id")
        self._put(identity)

    async def note_use(self, identity_id: UUID, *, email: str | None, at: datetime) -> None:
        """See ``LinkedIdentityRepository.note_use``."""
        identity = self._draft.tables.identities.get(identity_id)
        if identity is not None:
            self._put(replace(identity, email=email, last_used_at=at))

    async def remove(self, identity_id: UUID, user_id: UUID) -> LinkedIdentity | None:
        """See ``LinkedIdentityRepository.remove``."""
        tables = self._draft.tables
        identity = tables.identities.get(identity_id)
        if identity is None or identity.user_id != user_id:
            return None
        remaining = {key: other for key, other in tables.identities.items() if key != identity_id}
        self._draft.tables = replace(tables, identities=remaining)
        return identity

    def _put(self, identity: LinkedIdentity) -> None:
        tables = self._draft.tables
        self._draft.tables = replace(tables, identities={**tables.identities, identity.id: identity})


class MemorySigningKeyRepository:
    """A ``SigningKeyRepository``."""

    def __init__(self, draft: _Draft) -> None:
        self._draft = draft

    async def versions(self, key_name: str) -> tuple[SigningKey, ...]:
        """See ``SigningKeyRepository.versions``."""
        stored = (held for held in self._draft.tables.signing_keys.values() if held.key_name == key_name)
        return tuple(sorted(stored, key=lambda held: held.key.version))

    async def add(self, signing_key: SigningKey) -> None:
        """See ``SigningKeyRepository.add``."""
        stored = self._draft.tables.signing_keys
        if (signing_key.key_name, signing_key.key.version) in stored:
            raise AlreadyExists("version")
        if any(held.key.kid == signing_key.key.kid for held in stored.values()):
            raise AlreadyExists("kid")
        self._put(signing_key)

    async def change_status(
        self,
        key_name: str,
        version: int,
        *,
        expected: KeyStatus,
        status: KeyStatus,
        at: datetime,
        not_after: datetime | None = None,
    ) -> None:
        """See ``SigningKeyRepository.change_status``."""
        held = self._draft.tables.signing_keys.get((key_name, version))
        if held is None:
            raise NotFound("no such key version")
        if held.key.status is not expected:
            raise PreconditionFailed(f"the key version is {held.key.status.value}")
        key = replace(held.key, status=status, not_after=not_after or held.key.not_after)
        self._put(SigningKey(key_name, key, at))

    def _put(self, signing_key: SigningKey) -> None:
        tables = self._draft.tables
        identity = (signing_key.key_name, signing_key.key.version)
        others = {key: held for key, held in tables.signing_keys.items() if key != identity}
        if signing_key.key.status is KeyStatus.ACTIVE and any(
            held.key_name == signing_key.key_name and held.key.status is KeyStatus.ACTIVE for held in others.values()
        ):
            raise AlreadyExists("status")
        self._draft.tables = replace(tables, signing_keys={**others, identity: signing_key})


class MemoryDueProjections:
    """A ``DueProjections``."""

    def __init__(self, draft: _Draft) -> None:
        self._draft = draft

    async def put(self, due: DueProjection) -> None:
        """See ``DueProjections.put``."""
        tables = self._draft.tables
        held = tables.due_projections.get(due.user_id)
        if held is not None:
            due = DueProjection(
                due.user_id,
                max(held.version, due.version),
                max(held.revision, due.revision),
                held.ends_access or due.ends_access,
                min(held.since, due.since),
            )
        self._draft.tables = replace(tables, due_projections={**tables.due_projections, due.user_id: due})

    async def settle(self, user_id: UUID, revision: int) -> None:
        """See ``DueProjections.settle``."""
        tables = self._draft.tables
        left = {key: held for key, held in tables.due_projections.items() if key != user_id or held.revision > revision}
        self._draft.tables = replace(tables, due_projections=left)

    async def find(self, user_id: UUID) -> DueProjection | None:
        """See ``DueProjections.find``."""
        return self._draft.tables.due_projections.get(user_id)

    async def oldest(self, limit: int) -> tuple[DueProjection, ...]:
        """See ``DueProjections.oldest``."""
        stored = self._draft.tables.due_projections.values()
        return tuple(sorted(stored, key=lambda due: (due.since, due.user_id))[:limit])
