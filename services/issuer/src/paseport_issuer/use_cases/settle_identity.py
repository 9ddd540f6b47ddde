"""Whose an identity is, decided and put on record in one transaction."""

from __future__ import annotations

from dataclasses import replace
from typing import Final
from uuid import UUID

from paseport.clock import Clock
from paseport_shared.domain.errors import (
    AlreadyExists,
    ExternalSignInRefused,
    IdentityTaken,
    NotFound,
    ValidationFailed,
)
from paseport_shared.domain.models import base62
from paseport_shared.domain.models.account_linking import (
    AlreadyTheirs,
    CreateAccount,
    Decision,
    LinkTo,
    ProveFirst,
    Refused,
    SignInAs,
    TakenByAnother,
    decide,
)
from paseport_shared.domain.models.audit import Actor
from paseport_shared.domain.models.client import Client
from paseport_shared.domain.models.identity_provider import IdentityProvider
from paseport_shared.domain.models.linked_identity import ExternalIdentity
from paseport_shared.domain.models.new_username import MAX_SUFFIX, display_name_for, username_for
from paseport_shared.domain.models.profile import check_profile
from paseport_shared.domain.models.user import User
from paseport_shared.domain.ports.randomness import Randomness
from paseport_shared.domain.ports.record import Record, RecordTransaction

from paseport_issuer.use_cases.caller import Caller
from paseport_issuer.use_cases.find_provider import enabled_provider
from paseport_issuer.use_cases.link_identity import LinkIdentity, Settled
from paseport_issuer.use_cases.new_ids import NewIds
from paseport_issuer.use_cases.project_user import ProjectUser
from paseport_issuer.use_cases.user_audit import audited

_ATTEMPTS: Final = 5


class SettleIdentity:
    """Finds, links or makes the user; what that changes is in force when it returns."""

    def __init__(
        self,
        *,
        client: Client,
        record: Record,
        link: LinkIdentity,
        project: ProjectUser,
        clock: Clock,
        randomness: Randomness,
        ids: NewIds,
    ) -> None:
        self._client = client
        self._record = record
        self._link = link
        self._project = project
        self._clock = clock
        self._randomness = randomness
        self._ids = ids

    async def sign_in(self, provider_id: UUID, identity: ExternalIdentity, caller: Caller) -> User | ProveFirst:
        """Return who signs in, or whose account has to be proven first.

        Of two first sign-ins with one identity one makes the user and the other finds it. Raises ``UnknownProvider``,
        ``ExternalSignInRefused``, ``Unavailable``, ``RecordedNotInForce``.
        """
        suffix = ""
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                settled = await self._sign_in_once(provider_id, identity, caller, suffix)
            except AlreadyExists as taken:
                if attempt == _ATTEMPTS:
                    raise
                if taken.field == "username":
                    suffix = base62.encode_bytes(self._randomness.token_bytes(16))[:MAX_SUFFIX].lower()
            else:
                return settled if isinstance(settled, ProveFirst) else await self._in_force(settled)
        message = "the loop returns or raises"
        raise AssertionError(message)

    async def link_to(self, user_id: UUID, provider_id: UUID, identity: ExternalIdentity, caller: Caller) -> Settled:
        """Link the identity to somebody who wants that and has proven who they are.

        Nothing happens where it is theirs already. Raises ``IdentityTaken``, ``UnknownProvider``,
        ``ExternalSignInRefused``, ``Unavailable``, ``RecordedNotInForce``.
        """
        actor = caller.acting_as(str(user_id), self._client.client_id)

        async def work(transaction: RecordTransaction) -> Settled:
            provider = await enabled_provider(transaction, provider_id)
            user = await _usable_user(transaction, user_id)
            linked = await transaction.identities.find(identity.namespace, identity.subject)
            decision = decide(
                provider,
                identity,
                linked_to=None if linked is None else linked.user_id,
                same_email=None,
                linking=user,
            )
            match decision:
                case AlreadyTheirs():
                    return Settled(user, changed=False)
                case LinkTo(_, claims_ownership):
                    settled = await self._link.link(
                        transaction, provider, identity, user, actor, claims_ownership=claims_ownership
                    )
                    return await self._link.sync_roles(transaction, provider, identity, settled, actor)
                case TakenByAnother():
                    raise IdentityTaken(f"it is linked to another user than {user_id}")
                case _:
                    raise ExternalSignInRefused(_reason(decision))

        try:
            settled = await self._record.transact(work)
        except AlreadyExists as taken:
            # Somebody else was faster by a moment.
            raise IdentityTaken("it was linked meanwhile") from taken
        await self._in_force(settled)
        return settled

    async def _in_force(self, settled: Settled) -> User:
        if settled.changed:
            await self._project.changed(settled.user, ends_access=settled.ends_access)
        return settled.user

    async def _sign_in_once(
        self, provider_id: UUID, identity: ExternalIdentity, caller: Caller, suffix: str
    ) -> Settled | ProveFirst:
        new_id = self._ids.uuid()

        async def work(transaction: RecordTransaction) -> Settled | ProveFirst:
            provider = await enabled_provider(transaction, provider_id)
            linked = await transaction.identities.find(identity.namespace, identity.subject)
            same_email = None if identity.email is None else await transaction.users.find_by_login(identity.email)
            decision = decide(
                provider,
                identity,
                linked_to=None if linked is None else linked.user_id,
                same_email=same_email,
                linking=None,
            )
            match decision:
                case ProveFirst():
                    return decision
                case SignInAs(user_id):
                    settled = Settled(await _usable_user(transaction, user_id), changed=False)
                    if linked is not None:
                        await transaction.identities.note_use(linked.id, email=identity.email, at=self._clock.now())
                case LinkTo(user_id, claims_ownership):
                    user = await _usable_user(transaction, user_id)
                    settled = await self._link.link(
                        transaction,
                        provider,
                        identity,
                        user,
                        self._actor(user, caller),
                        claims_ownership=claims_ownership,
                    )
                case CreateAccount(email, email_verified):
                    user = self._account(
                        new_id, provider, identity, email, username_for(identity, suffix), email_verified=email_verified
                    )
                    await self._add(transaction, provider, user, caller)
                    settled = await self._link.link(
                        transaction, provider, identity, user, self._actor(user, caller), claims_ownership=False
                    )
                    settled = replace(settled, changed=True)
                case _:
                    raise ExternalSignInRefused(_reason(decision))
            return await self._link.sync_roles(
                transaction, provider, identity, settled, self._actor(settled.user, caller)
            )

        return await self._record.transact(work)

    def _account(
        self,
        user_id: UUID,
        provider: IdentityProvider,
        identity: ExternalIdentity,
        email: str,
        username: str,
        *,
        email_verified: bool,
    ) -> User:
        """Return the account of somebody new. Raises ``ExternalSignInRefused`` where none can be made of them."""
        now = self._clock.now()
        user = User(
            id=user_id,
            username=username,
            email=email,
            display_name=display_name_for(identity),
            password_hash=None,
            roles=provider.default_roles | provider.roles_of(identity.groups or frozenset()),
            disabled=False,
            built_in=False,
            version=1,
            revision=1,
            created_at=now,
            updated_at=now,
            email_verified=email_verified,
        )
        try:
            check_profile(username=user.username, email=user.email, display_name=user.display_name, roles=user.roles)
        except ValidationFailed as error:
            raise ExternalSignInRefused(f"no account can be made: {error.reason}") from error
        return user

    async def _add(
        self, transaction: RecordTransaction, provider: IdentityProvider, user: User, caller: Caller
    ) -> None:
        await transaction.users.add(user)
        event = self._ids.audit_event(
            self._actor(user, caller), "user.created", str(user.id), after={**audited(user), "provider": provider.name}
        )
        await transaction.audit.append(event)
        await self._project.due(transaction, user)

    def _actor(self, user: User, caller: Caller) -> Actor:
        return caller.acting_as(str(user.id), self._client.client_id)


async def _usable_user(transaction: RecordTransaction, user_id: UUID) -> User:
    try:
        user = await transaction.users.get(user_id)
    except NotFound as error:
        raise ExternalSignInRefused(f"user {user_id} is gone") from error
    if user.disabled or user.built_in:
        raise ExternalSignInRefused(f"user {user_id} is {'disabled' if user.disabled else 'built in'}")
    return user


def _reason(decision: Decision) -> str:
    return decision.reason if isinstance(decision, Refused) else f"cannot be {type(decision).__name__} here"
