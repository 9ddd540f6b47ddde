"""A browser comes back from an identity provider (OIDC Core §3.1.2.5–3.1.3.7)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from paseport.clock import Clock
from paseport.secret import Secret
from paseport_shared.domain.errors import AuthError, ProviderAnswerRefused, ProviderDeclined, UnknownSignIn
from paseport_shared.domain.models.account_linking import ProveFirst
from paseport_shared.domain.models.client import Client
from paseport_shared.domain.models.external_sign_in import PENDING_LINK_LIFETIME, ExternalSignIn, Linking, PendingLink
from paseport_shared.domain.models.identifiers import is_id128
from paseport_shared.domain.models.identity_provider import SEALED_FOR, IdentityProvider
from paseport_shared.domain.models.linked_identity import ExternalIdentity, UpstreamSession
from paseport_shared.domain.models.user import User
from paseport_shared.domain.ports.data_cipher import DataCipher
from paseport_shared.domain.ports.session_store import SessionStore
from paseport_shared.domain.ports.single_use_store import SingleUseStore
from paseport_shared.domain.ports.upstream import UpstreamAnswer, UpstreamProviders

from paseport_issuer.use_cases.begin_external_sign_in import CALLBACK
from paseport_issuer.use_cases.caller import Caller
from paseport_issuer.use_cases.find_held_session import find_held_session
from paseport_issuer.use_cases.find_provider import FindProvider
from paseport_issuer.use_cases.new_ids import NewIds
from paseport_issuer.use_cases.open_session import OpenSession
from paseport_issuer.use_cases.revoke_access import RevokeAccess
from paseport_issuer.use_cases.settle_identity import SettleIdentity
from paseport_issuer.use_cases.sign_in_transactions import SignInTransactions

AMR: Final = ("fed",)
"""Somebody else asked for the credential. RFC 8176 has no value for it; this one is in use elsewhere."""
_CLOCKS_APART: Final = timedelta(seconds=60)
_READABLE: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalCallback:
    """An authorization response as it arrived. ``provider`` is the name in its address, None for the shared one.

    All of it is what anybody may have written there.
    """

    provider: str | None
    state: str | None
    code: str | None
    error: str | None
    issuer: str | None
    browser: Secret[str] | None
    session: Secret[str] | None
    caller: Caller


@dataclass(frozen=True, slots=True)
class ExternallySignedIn:
    """Somebody signed in for the transaction, which can go on."""

    transaction_id: str
    cookie: Secret[str]


@dataclass(frozen=True, slots=True)
class ProofNeeded:
    """A local account has the address: its owner has to prove that it is meant."""

    pending: PendingLink


@dataclass(frozen=True, slots=True)
class IdentityLinked:
    """The identity is the user's now. ``cookie`` is a new session, where the one that asked had to end with it."""

    provider: str
    cookie: Secret[str] | None


@dataclass(frozen=True, slots=True)
class Stopped:
    """It ended with ``error``. In the transaction somebody may go on in another way; None: in their account."""

    error: AuthError
    transaction_id: str | None


Outcome = ExternallySignedIn | ProofNeeded | IdentityLinked | Stopped


class CompleteExternalSignIn:
    """Takes an answer apart, in this order: whose browser, which provider, once, what it says, who that is here.

    What could be away is asked before the answer is spent; only the provider itself comes after.
    """

    def __init__(
        self,
        *,
        issuer: str,
        client: Client,
        sign_ins: SingleUseStore[ExternalSignIn],
        pending_links: SingleUseStore[PendingLink],
        transactions: SignInTransactions,
        find_provider: FindProvider,
        upstream: UpstreamProviders,
        cipher: DataCipher,
        settle: SettleIdentity,
        open_session: OpenSession,
        sessions: SessionStore,
        revoke: RevokeAccess,
        clock: Clock,
        ids: NewIds,
    ) -> None:
        self._issuer = issuer
        self._client = client
        self._sign_ins = sign_ins
        self._pending_links = pending_links
        self._transactions = transactions
        self._find_provider = find_provider
        self._upstream = upstream
        self._cipher = cipher
        self._settle = settle
        self._open_session = open_session
        self._sessions = sessions
        self._revoke = revoke
        self._clock = clock
        self._ids = ids

    async def __call__(self, callback: ExternalCallback) -> Outcome:
        """Return what became of it.

        Raises ``UnknownSignIn`` where nobody in this browser waits for it, and ``Unavailable`` where nobody can tell.
        """
        sign_in = await self._awaited(callback)
        try:
            return await self._complete(callback, sign_in)
        except AuthError as error:
            return Stopped(error, sign_in.transaction_id)

    async def _awaited(self, callback: ExternalCallback) -> ExternalSignIn:
        if callback.browser is None or callback.state is None or not is_id128(callback.state):
            raise UnknownSignIn("no state of ours, or no browser")
        sign_in = await self._sign_ins.find(callback.state, self._clock.now())
        if sign_in is None or not sign_in.is_held_by(callback.browser):
            raise UnknownSignIn("unknown, used, over, or begun in another browser")
        path = CALLBACK if callback.provider is None else f"{CALLBACK}/{callback.provider}"
        if sign_in.redirect_uri != self._issuer + path:
            raise UnknownSignIn("the answer came to another provider's address")
        return sign_in

    async def _complete(self, callback: ExternalCallback, sign_in: ExternalSignIn) -> Outcome:
        provider = await self._find_provider.by_id(sign_in.provider_id)
        if sign_in.transaction_id is not None:
            await self._transactions.get(sign_in.transaction_id, callback.browser)
        secret = await self._cipher.open(provider.sealed_secret, purpose=SEALED_FOR, owner=str(provider.id))
        if await self._sign_ins.consume(sign_in.id, self._clock.now()) is None:
            raise UnknownSignIn("used meanwhile")
        if callback.error is not None or callback.code is None:
            raise ProviderDeclined(f"{provider.name} answered {_readable(callback.error)}")
        if provider.shared_callback and callback.issuer is None:
            raise ProviderAnswerRefused("no iss at the shared address (RFC 9207 §2.4)")
        answer = UpstreamAnswer(Secret(callback.code), callback.issuer)
        identity = await self._upstream.redeem(provider, secret, sign_in, answer)
        if sign_in.linking is not None:
            return await self._linked(callback, sign_in, sign_in.linking, provider, identity)
        return await self._signed_in(callback, sign_in, sign_in.transaction_id or "", provider, identity)

    async def _signed_in(
        self,
        callback: ExternalCallback,
        sign_in: ExternalSignIn,
        transaction_id: str,
        provider: IdentityProvider,
        identity: ExternalIdentity,
    ) -> Outcome:
        user = await self._settle.sign_in(provider.id, identity, callback.caller)
        if isinstance(user, ProveFirst):
            return ProofNeeded(await self._pending(sign_in, transaction_id, identity, user.user_id))
        cookie = await self._session(callback, sign_in, provider, identity, user)
        # Its cookie is overwritten: nobody could sign the earlier session out any more (LG-18).
        replaced = await find_held_session(self._sessions, callback.session, self._clock.now())
        if replaced is not None:
            actor = callback.caller.acting_as(str(replaced.user_id), self._client.client_id)
            await self._revoke.session(replaced, actor)
        return ExternallySignedIn(transaction_id, cookie)

    async def _linked(
        self,
        callback: ExternalCallback,
        sign_in: ExternalSignIn,
        linking: Linking,
        provider: IdentityProvider,
        identity: ExternalIdentity,
    ) -> Outcome:
        # Whoever signed in here meanwhile is not who asked for it (XI-03).
        session = await find_held_session(self._sessions, callback.session, self._clock.now())
        if session is None or session.id != linking.session_id or session.user_id != linking.user_id:
            raise UnknownSignIn("the session that asked to link is not there any more")
        settled = await self._settle.link_to(linking.user_id, provider.id, identity, callback.caller)
        if not settled.ends_access:
            return IdentityLinked(provider.name, None)
        return IdentityLinked(provider.name, await self._session(callback, sign_in, provider, identity, settled.user))

    async def _session(
        self,
        callback: ExternalCallback,
        sign_in: ExternalSignIn,
        provider: IdentityProvider,
        identity: ExternalIdentity,
        user: User,
    ) -> Secret[str]:
        new = self._open_session.make(
            user,
            amr=AMR,
            caller=callback.caller,
            auth_time=self._auth_time(sign_in, identity),
            upstream=upstream_session(provider.id, identity),
        )
        await self._open_session.store(new, user, self._client, caller=callback.caller)
        return new.cookie

    def _auth_time(self, sign_in: ExternalSignIn, identity: ExternalIdentity) -> datetime | None:
        """Return when the provider last asked for a credential, None for "just now".

        A provider in which somebody is signed in already asks for nothing: whoever needs a fresh sign-in must not take
        the way there and back for one. Within a minute it is told by our clock, since theirs is another one.
        """
        stated = identity.auth_time
        if stated is None or stated >= sign_in.created_at - _CLOCKS_APART:
            return None
        return stated

    async def _pending(
        self, sign_in: ExternalSignIn, transaction_id: str, identity: ExternalIdentity, user_id: UUID
    ) -> PendingLink:
        now = self._clock.now()
        pending = PendingLink(
            id=self._ids.id128(),
            browser_hash=sign_in.browser_hash,
            transaction_id=transaction_id,
            provider_id=sign_in.provider_id,
            user_id=user_id,
            identity=identity,
            created_at=now,
            expires_at=now + PENDING_LINK_LIFETIME,
        )
        await self._pending_links.put(pending)
        return pending


def upstream_session(provider_id: UUID, identity: ExternalIdentity) -> UpstreamSession:
    """Return the session at the provider that somebody signed in out of."""
    return UpstreamSession(provider_id, identity.namespace, identity.subject, identity.session_id)


def _readable(error: str | None) -> str:
    """Return what may stand in a log of what anybody may have written (XI-14)."""
    return "no code" if error is None else ascii(error[:_READABLE])
