"""Giving an identity at a provider to a user, inside a record transaction."""

from __future__ import annotations

from dataclasses import dataclass, replace

from paseport.clock import Clock
from paseport_shared.domain.errors import LastAdmin
from paseport_shared.domain.models.audit import Actor
from paseport_shared.domain.models.identity_provider import IdentityProvider
from paseport_shared.domain.models.linked_identity import ExternalIdentity, LinkedIdentity
from paseport_shared.domain.models.user import User
from paseport_shared.domain.ports.record import RecordTransaction

from paseport_issuer.use_cases.admin_guard import refuse_to_lose_last_admin
from paseport_issuer.use_cases.new_ids import NewIds
from paseport_issuer.use_cases.project_user import ProjectUser
from paseport_issuer.use_cases.revoke_access import RevokeAccess
from paseport_issuer.use_cases.user_audit import changes


@dataclass(frozen=True, slots=True)
class Settled:
    """A user as the transaction left it. ``ends_access``: all that was signed in before has to end."""

    user: User
    changed: bool
    ends_access: bool = False


class LinkIdentity:
    """What linking and signing in change of a user, each audited in the transaction that changes it."""

    def __init__(self, *, project: ProjectUser, revoke: RevokeAccess, clock: Clock, ids: NewIds) -> None:
        self._project = project
        self._revoke = revoke
        self._clock = clock
        self._ids = ids

    async def link(
        self,
        transaction: RecordTransaction,
        provider: IdentityProvider,
        identity: ExternalIdentity,
        user: User,
        actor: Actor,
        *,
        claims_ownership: bool,
    ) -> Settled:
        """Link the identity to ``user``.

        With ``claims_ownership`` the mailbox's owner has arrived at an account that anybody may have opened: what was
        known or held before ends. Raises ``AlreadyExists`` where the identity is somebody's.
        """
        now = self._clock.now()
        if claims_ownership:
            others = await transaction.identities.list_for_user(user.id)
            for other in others:
                await transaction.identities.remove(other.id, user.id)
            owned = replace(
                user,
                email_verified=True,
                password_hash=None,
                version=user.version + 1,
                revision=user.revision + 1,
                updated_at=now,
            )
            await transaction.users.update(owned, expected_revision=user.revision)
            await transaction.revocations.add(self._revoke.older_than(owned.id, owned.version))
            await self._project.due(transaction, owned, ends_access=True)
            before, after = changes(user, owned)
            unlinked = {"unlinked": [str(other.id) for other in others]}
            event = self._ids.audit_event(
                actor, "user.ownership_proven", str(user.id), before=before, after={**after, **unlinked}
            )
            await transaction.audit.append(event)
            user = owned
        linked = LinkedIdentity(
            id=self._ids.uuid(),
            namespace=identity.namespace,
            subject=identity.subject,
            user_id=user.id,
            provider_id=provider.id,
            email=identity.email,
            linked_at=now,
            last_used_at=now,
        )
        await transaction.identities.add(linked)
        event = self._ids.audit_event(
            actor, "identity.linked", str(user.id), after={"identity": str(linked.id), "provider": provider.name}
        )
        await transaction.audit.append(event)
        return Settled(user, changed=claims_ownership, ends_access=claims_ownership)

    async def sync_roles(
        self,
        transaction: RecordTransaction,
        provider: IdentityProvider,
        identity: ExternalIdentity,
        settled: Settled,
        actor: Actor,
    ) -> Settled:
        """Give and take the roles that the provider decides about; all others stay.

        A provider that names no groups names none: whoever left them all is told so by silence. The last administrator
        stays one, because a group that was renamed must not lock everybody out.
        """
        user = settled.user
        if not provider.group_roles:
            return settled
        held = provider.roles_of(identity.groups or frozenset())
        after = replace(user, roles=(user.roles - provider.managed_roles) | held)
        try:
            await refuse_to_lose_last_admin(transaction, user, after)
        except LastAdmin:
            after = replace(after, roles=after.roles | (user.roles & provider.managed_roles))
        if after.roles == user.roles:
            return settled
        after = replace(after, revision=user.revision + 1, updated_at=self._clock.now())
        await transaction.users.update(after, expected_revision=user.revision)
        await self._project.due(transaction, after, ends_access=settled.ends_access)
        old, new = changes(user, after)
        event = self._ids.audit_event(
            actor, "user.roles_synced", str(user.id), before=old, after={**new, "provider": provider.name}
        )
        await transaction.audit.append(event)
        return Settled(after, changed=True, ends_access=settled.ends_access)
