"""The record: everything that must survive."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from paseport_shared.domain.ports.api_key_repository import ApiKeyRepository
from paseport_shared.domain.ports.audit_log import AuditLog
from paseport_shared.domain.ports.client_repository import ClientRepository
from paseport_shared.domain.ports.consent_repository import ConsentRepository
from paseport_shared.domain.ports.due_projections import DueProjections
from paseport_shared.domain.ports.linked_identity_repository import LinkedIdentityRepository
from paseport_shared.domain.ports.password_reset_repository import PasswordResetRepository
from paseport_shared.domain.ports.provider_repository import ProviderRepository
from paseport_shared.domain.ports.revocation_record import RevocationRecord
from paseport_shared.domain.ports.signing_key_repository import SigningKeyRepository
from paseport_shared.domain.ports.user_repository import UserRepository

T = TypeVar("T")


class RecordTransaction(Protocol):
    """What one transaction can touch."""

    @property
    def users(self) -> UserRepository:
        """Users."""
        ...

    @property
    def clients(self) -> ClientRepository:
        """Clients that administrators manage."""
        ...

    @property
    def api_keys(self) -> ApiKeyRepository:
        """API keys."""
        ...

    @property
    def audit(self) -> AuditLog:
        """The audit log."""
        ...

    @property
    def revocations(self) -> RevocationRecord:
        """Revocations."""
        ...

    @property
    def password_resets(self) -> PasswordResetRepository:
        """Password reset links."""
        ...

    @property
    def consents(self) -> ConsentRepository:
        """What users allowed clients."""
        ...

    @property
    def providers(self) -> ProviderRepository:
        """Identity providers."""
        ...

    @property
    def identities(self) -> LinkedIdentityRepository:
        """Linked identities."""
        ...

    @property
    def due_projections(self) -> DueProjections:
        """Changes that may not be in force everywhere yet."""
        ...

    @property
    def signing_keys(self) -> SigningKeyRepository:
        """Key states."""
        ...


class Record(Protocol):
    """The database of record."""

    async def transact(self, work: Callable[[RecordTransaction], Awaitable[T]]) -> T:
        """Run ``work`` in one serialisable transaction, commit, and return its answer.

        An exception from ``work`` rolls everything back and is passed on. ``work`` must be repeatable: an adapter may
        run it again after a deadlock or a lost connection, so it touches nothing but the transaction. Raises
        ``Unavailable`` when the database does not answer; then nothing was committed, unless the answer to the
        commit itself was lost.
        """
        ...

    async def read(self, work: Callable[[RecordTransaction], Awaitable[T]]) -> T:
        """Run ``work``, which only reads, on one snapshot of what is committed, and return its answer.

        It waits for no transaction, and none waits for it. Raises ``RuntimeError`` where ``work`` writes, otherwise as
        ``transact``.
        """
        ...

    async def ping(self) -> None:
        """Return when the database answers. Raises ``Unavailable``."""
        ...
