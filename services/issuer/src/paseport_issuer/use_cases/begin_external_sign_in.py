"""Sending a browser to an identity provider, to sign in or to link an account (OIDC Core §3.1.2.1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from paseport.clock import Clock
from paseport.secret import Secret
from paseport_shared.domain.errors import UnknownProvider
from paseport_shared.domain.models import base62
from paseport_shared.domain.models.authorization import Prompt, hash_of_browser
from paseport_shared.domain.models.external_sign_in import EXTERNAL_SIGN_IN_LIFETIME, ExternalSignIn, Linking
from paseport_shared.domain.models.identity_provider import IdentityProvider, ProviderKind
from paseport_shared.domain.ports.randomness import Randomness
from paseport_shared.domain.ports.single_use_store import SingleUseStore
from paseport_shared.domain.ports.upstream import UpstreamProviders, UpstreamRequest

from paseport_issuer.use_cases.account_holder import AccountHolder
from paseport_issuer.use_cases.find_provider import FindProvider
from paseport_issuer.use_cases.fresh_sign_in import require_fresh
from paseport_issuer.use_cases.limit_attempts import LimitAttempts
from paseport_issuer.use_cases.new_ids import NewIds
from paseport_issuer.use_cases.sign_in_transactions import SignInTransactions

CALLBACK: Final = "/auth/v1/oauth/callback"
_VERIFIER_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class BeginExternalSignInCommand:
    """Somebody chose ``provider`` (None: the default one) for a transaction that waits in their browser."""

    provider: str | None
    transaction_id: str
    browser: Secret[str] | None
    address: str | None


@dataclass(frozen=True, slots=True)
class BeginLinkingCommand:
    """Somebody who is signed in, freshly, wants to link an account at ``provider``."""

    provider: str
    holder: AccountHolder
    browser: Secret[str] | None
    address: str | None


@dataclass(frozen=True, slots=True)
class AtProvider:
    """Where the browser goes, and the secret that it has to bring back."""

    url: str
    browser: Secret[str]


class BeginExternalSignIn:
    """``state``, nonce and code verifier are made anew each time and kept here; the browser carries only the first."""

    def __init__(
        self,
        *,
        issuer: str,
        find_provider: FindProvider,
        upstream: UpstreamProviders,
        sign_ins: SingleUseStore[ExternalSignIn],
        transactions: SignInTransactions,
        limits: LimitAttempts,
        clock: Clock,
        randomness: Randomness,
        ids: NewIds,
    ) -> None:
        self._issuer = issuer
        self._find_provider = find_provider
        self._upstream = upstream
        self._sign_ins = sign_ins
        self._transactions = transactions
        self._limits = limits
        self._clock = clock
        self._randomness = randomness
        self._ids = ids

    async def __call__(self, command: BeginExternalSignInCommand) -> AtProvider:
        """Begin a sign-in.

        Raises ``UnknownTransaction``, ``UnknownProvider``, ``ProviderUnavailable``, ``TooManyAttempts`` and
        ``Unavailable``.
        """
        await self._limits.on_waiting(command.address)
        waiting = await self._transactions.get(command.transaction_id, command.browser)
        provider = await self._find_provider.by_name(command.provider)
        request = waiting.request
        if request.max_age is not None and provider.kind is not ProviderKind.OIDC:
            raise UnknownProvider(f"{provider.name} cannot say when it last asked for a credential")
        browser = self._transactions.browser(command.browser)
        sign_in = self._sign_in(provider, browser, transaction_id=waiting.id, max_age=request.max_age)
        force_login = not request.prompt.isdisjoint({Prompt.LOGIN, Prompt.SELECT_ACCOUNT})
        return await self._send(provider, browser, UpstreamRequest(sign_in=sign_in, force_login=force_login))

    async def to_link(self, command: BeginLinkingCommand) -> AtProvider:
        """Begin to link. The provider is asked to ask again: whoever is signed in there may be somebody else.

        Raises ``ReauthenticationRequired``, ``UnknownProvider``, ``ProviderUnavailable``, ``TooManyAttempts`` and
        ``Unavailable``.
        """
        session_id = require_fresh(command.holder, self._clock.now())
        await self._limits.on_waiting(command.address)
        provider = await self._find_provider.by_name(command.provider)
        browser = self._transactions.browser(command.browser)
        sign_in = self._sign_in(provider, browser, linking=Linking(command.holder.user_id, session_id))
        return await self._send(provider, browser, UpstreamRequest(sign_in=sign_in, force_login=True))

    def _sign_in(
        self,
        provider: IdentityProvider,
        browser: Secret[str],
        *,
        transaction_id: str | None = None,
        linking: Linking | None = None,
        max_age: int | None = None,
    ) -> ExternalSignIn:
        now = self._clock.now()
        return ExternalSignIn(
            id=self._ids.id128(),
            browser_hash=hash_of_browser(browser),
            provider_id=provider.id,
            redirect_uri=redirect_uri_of(self._issuer, provider),
            nonce=self._ids.id128(),
            code_verifier=base62.encode_bytes(self._randomness.token_bytes(_VERIFIER_BYTES)),
            transaction_id=transaction_id,
            linking=linking,
            max_age=max_age,
            created_at=now,
            expires_at=now + EXTERNAL_SIGN_IN_LIFETIME,
        )

    async def _send(self, provider: IdentityProvider, browser: Secret[str], request: UpstreamRequest) -> AtProvider:
        url = await self._upstream.authorization_url(provider, request)
        await self._sign_ins.put(request.sign_in)
        return AtProvider(url, browser)


def redirect_uri_of(issuer: str, provider: IdentityProvider) -> str:
    """Return where the provider's answers arrive: an address of its own, unless it names itself in each of them.

    An answer of one provider that is taken for another's is the mix-up attack (RFC 9700 §4.4.2).
    """
    return issuer + CALLBACK if provider.shared_callback else f"{issuer}{CALLBACK}/{provider.name}"
