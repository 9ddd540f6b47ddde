"""Through whom somebody can sign in: the page "linked accounts"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from paseport_shared.domain.models.identity_provider import IdentityProvider
from paseport_shared.domain.models.linked_identity import LinkedIdentity
from paseport_shared.domain.models.user import User
from paseport_shared.domain.ports.record import Record, RecordTransaction


@dataclass(frozen=True, slots=True)
class OwnIdentity:
    """A linked identity and its provider. ``is_last_credential``: without it nobody could sign in to the account."""

    identity: LinkedIdentity
    provider: IdentityProvider
    is_last_credential: bool


@dataclass(frozen=True, slots=True)
class OwnIdentities:
    """What somebody can sign in with, and the providers with which they could link another identity."""

    identities: tuple[OwnIdentity, ...]
    available: tuple[IdentityProvider, ...]
    has_password: bool


class ReadOwnIdentities:
    """Asks the record."""

    def __init__(self, record: Record) -> None:
        self._record = record

    async def __call__(self, user_id: UUID) -> OwnIdentities:
        """Return the user's identities, the oldest first. Raises ``NotFound`` and ``Unavailable``."""

        async def read(transaction: RecordTransaction) -> OwnIdentities:
            user = await transaction.users.get(user_id)
            providers = {provider.id: provider for provider in await transaction.providers.list_all()}
            linked = await transaction.identities.list_for_user(user.id)
            return OwnIdentities(
                tuple(
                    OwnIdentity(
                        identity,
                        providers[identity.provider_id],
                        is_last_credential(identity, linked, user, providers),
                    )
                    for identity in linked
                ),
                tuple(provider for provider in providers.values() if provider.enabled),
                user.password_hash is not None,
            )

        return await self._record.transact(read)


def is_last_credential(
    identity: LinkedIdentity, linked: Sequence[LinkedIdentity], user: User, providers: Mapping[UUID, IdentityProvider]
) -> bool:
    """Say whether nothing else signs ``user`` in today: neither a password nor an identity at an enabled provider."""
    others = (other for other in linked if other.id != identity.id)
    return user.password_hash is None and not any(providers[other.provider_id].enabled for other in others)
