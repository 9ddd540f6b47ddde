"""Identity providers in the record."""

from __future__ import annotations

from typing import Protocol
from uuid import UUID

from paseport_shared.domain.models.identity_provider import IdentityProvider


class ProviderRepository(Protocol):
    """Identity providers, inside a record transaction. A few dozen at most, so they are listed whole."""

    async def get(self, provider_id: UUID) -> IdentityProvider:
        """Return the provider. Raises ``NotFound``."""
        ...

    async def find_by_name(self, name: str) -> IdentityProvider | None:
        """Return the provider with this name, or None. Any text may be asked for."""
        ...

    async def list_all(self) -> tuple[IdentityProvider, ...]:
        """Return all of them, disabled ones too, by position, then by name."""
        ...

    async def add(self, provider: IdentityProvider) -> None:
        """Store a new provider. Raises ``AlreadyExists`` with ``name`` where the name is taken."""
        ...

    async def update(self, provider: IdentityProvider, *, expected_revision: int) -> None:
        """Replace the stored provider; ``provider.revision`` is ``expected_revision + 1``, its name stays.

        Raises ``NotFound``, ``PreconditionFailed`` where the stored revision is another.
        """
        ...
