"""``UpstreamProviders`` over OpenID Connect and OAuth 2.0."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID

from authlib.common.urls import add_params_to_uri  # type: ignore[import-untyped]  # Authlib ships no types
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri  # type: ignore[import-untyped]  # as above
from paseport.clock import Clock
from paseport.deadline import Deadline
from paseport.secret import Secret

from paseport_shared.adapters.oidc import access_token, id_token, logout_token
from paseport_shared.adapters.oidc.check_connection import ConnectionCheck, reach
from paseport_shared.adapters.oidc.claims import lacks_a_claim, map_email, map_identity, primary_email
from paseport_shared.adapters.oidc.id_token import check_id_token
from paseport_shared.adapters.oidc.logout_token import read_logout
from paseport_shared.adapters.oidc.metadata import ProviderMetadata
from paseport_shared.adapters.oidc.token_endpoint import UpstreamTokens, ask_for_tokens, code_grant, read_tokens
from paseport_shared.adapters.oidc.upstream import Upstream
from paseport_shared.adapters.oidc.user_info import ask_for_user
from paseport_shared.adapters.oidc.wire import shown
from paseport_shared.domain.errors import ProviderAnswerRefused, ProviderUnavailable, Unavailable
from paseport_shared.domain.models.authorization import ResponseMode
from paseport_shared.domain.models.external_sign_in import ExternalSignIn
from paseport_shared.domain.models.identity_provider import IdentityProvider, OAuth2Endpoints, ProviderKind
from paseport_shared.domain.models.linked_identity import ExternalIdentity
from paseport_shared.domain.models.pkce import METHOD, challenge_of
from paseport_shared.domain.ports.outbound import OutboundHttp, OutboundRefused
from paseport_shared.domain.ports.upstream import (
    Finding,
    UpstreamAnswer,
    UpstreamCaller,
    UpstreamLogout,
    UpstreamRequest,
)

DEADLINE_SECONDS: Final = 4.5
"""For all that one method asks of a provider; the page that then says so has to be there within five seconds."""


class OidcUpstreamProviders:
    """``UpstreamProviders`` that keeps what it knows of each provider in this process. Belongs to one event loop.

    ``http`` is asked for at most ``MAX_CALLS`` answers of one provider at a time. It should have room for more than one
    slow provider, and serve nothing else that must not wait for them.
    """

    def __init__(self, http: OutboundHttp, clock: Clock, *, deadline_seconds: float = DEADLINE_SECONDS) -> None:
        self._http = http
        self._clock = clock
        self._deadline_seconds = deadline_seconds
        # As many as administrators registered.
        self._upstreams: dict[UUID, Upstream] = {}

    async def authorization_url(self, provider: IdentityProvider, request: UpstreamRequest) -> str:
        """Return where a browser asks the provider who somebody is (RFC 6749 §4.1.1, OIDC Core §3.1.2.1)."""
        async with self._speaking():
            is_oidc = provider.kind is ProviderKind.OIDC
            endpoint = (
                (await self._upstream(provider).metadata()).authorization_endpoint
                if is_oidc
                else _endpoints(provider).authorization
            )
        sign_in = request.sign_in
        further = {
            "nonce": sign_in.nonce if is_oidc else None,
            "code_challenge": challenge_of(sign_in.code_verifier),
            "code_challenge_method": METHOD,
            "response_mode": "form_post" if provider.response_mode is ResponseMode.FORM_POST else None,
            "prompt": "login" if request.force_login else None,
            "max_age": None if sign_in.max_age is None else str(sign_in.max_age),
            "login_hint": request.login_hint,
        }
        own = {"response_type", "client_id", "redirect_uri", "scope", "state", *further}
        if own.intersection(name for name, _ in parse_qsl(urlsplit(endpoint).query, keep_blank_values=True)):
            raise ProviderUnavailable("the address of the authorization endpoint has a parameter of the request")
        return str(
            prepare_grant_uri(
                endpoint,
                provider.client_id,
                "code",
                redirect_uri=sign_in.redirect_uri,
                scope=list(provider.scopes),
                state=sign_in.id,
                **further,
            )
        )

    async def expects_issuer(self, provider: IdentityProvider) -> bool:
        """Say whether the provider announces to name itself in each answer (RFC 9207 §3)."""
        if provider.kind is not ProviderKind.OIDC:
            return False
        async with self._speaking():
            return (await self._upstream(provider).metadata()).names_itself

    async def redeem(
        self, provider: IdentityProvider, secret: Secret[str], sign_in: ExternalSignIn, answer: UpstreamAnswer
    ) -> ExternalIdentity:
        """Redeem a code and return who has signed in. See ``UpstreamProviders.redeem``."""
        async with self._speaking():
            upstream = self._upstream(provider)
            if provider.kind is ProviderKind.OAUTH2:
                return await _redeem_oauth2(upstream, provider, secret, sign_in, answer)
            metadata = await upstream.metadata()
            _check_issuer(provider, metadata, answer.issuer)
            tokens = await _redeem(upstream, metadata.token_endpoint, provider, secret, sign_in, answer)
            return await self._identify(upstream, metadata, provider, sign_in, tokens)

    async def read_logout_token(self, provider: IdentityProvider, token: str) -> UpstreamLogout:
        """Check a logout token. See ``UpstreamProviders.read_logout_token``."""
        if provider.kind is not ProviderKind.OIDC:
            raise ProviderAnswerRefused("only OpenID providers send logout tokens")
        async with self._speaking():
            upstream = self._upstream(provider)
            _, claims = await upstream.read_token(
                token, logout_token.TYPES, max_bytes=logout_token.MAX_BYTES, from_stranger=True
            )
            return read_logout(claims, provider, upstream.issuer, now=self._clock.now())

    def claimed_issuer(self, token: str) -> str | None:
        """Return whom a token says it is of. See ``UpstreamProviders.claimed_issuer``."""
        return access_token.claimed_issuer(token)

    async def read_access_token(self, provider: IdentityProvider, token: str) -> UpstreamCaller:
        """Check an access token. See ``UpstreamProviders.read_access_token``."""
        if provider.kind is not ProviderKind.OIDC or provider.api_access is None:
            raise ProviderAnswerRefused("access tokens of this provider are good for nothing here")
        async with self._speaking():
            upstream = self._upstream(provider)
            _, claims = await upstream.read_token(
                token, access_token.TYPES, max_bytes=access_token.MAX_BYTES, from_stranger=True
            )
        return access_token.read_caller(claims, provider, provider.api_access, now=self._clock.now())

    async def end_session_url(
        self, provider: IdentityProvider, *, post_logout_redirect_uri: str, state: str
    ) -> str | None:
        """Return where a browser ends the session at the provider (OpenID Connect RP-Initiated Logout §2)."""
        if provider.kind is not ProviderKind.OIDC:
            return None
        async with self._speaking():
            endpoint = (await self._upstream(provider).metadata()).end_session_endpoint
        if endpoint is None:
            return None
        parameters = {
            "client_id": provider.client_id,
            "post_logout_redirect_uri": post_logout_redirect_uri,
            "state": state,
        }
        return str(add_params_to_uri(endpoint, parameters))

    async def check_connection(
        self, provider: IdentityProvider, secret: Secret[str] | None, *, redirect_uri: str
    ) -> Sequence[Finding]:
        """Try everything that can be tried without a person. See ``UpstreamProviders.check_connection``.

        Nothing that is known of the provider already counts.
        """
        check = ConnectionCheck(self._new_upstream(provider), provider, secret, redirect_uri)
        try:
            async with Deadline(self._deadline_seconds):
                await check.run()
        except TimeoutError:
            check.give_up(self._deadline_seconds)
        return tuple(check.findings)

    async def check_target(self, provider: IdentityProvider) -> None:
        """Return if the provider can be reached by our rules, and is who it should be. Nothing known already counts."""
        async with self._speaking(refusals=True):
            await reach(self._new_upstream(provider), provider)

    async def _identify(
        self,
        upstream: Upstream,
        metadata: ProviderMetadata,
        provider: IdentityProvider,
        sign_in: ExternalSignIn,
        tokens: UpstreamTokens,
    ) -> ExternalIdentity:
        """Return who the tokens of an OpenID provider speak of."""
        if tokens.id_token is None:
            raise ProviderAnswerRefused("the token endpoint gave no ID token")
        algorithm, claims = await upstream.read_token(tokens.id_token, id_token.TYPES)
        check_id_token(
            claims,
            algorithm=algorithm,
            issuer=upstream.issuer,
            client_id=provider.client_id,
            sign_in=sign_in,
            access_token=tokens.access_token,
            now=self._clock.now(),
        )
        documents = [claims]
        if metadata.userinfo_endpoint is not None and lacks_a_claim(provider, claims):
            user = await ask_for_user(upstream.calls, metadata.userinfo_endpoint, tokens.access_token)
            if user.get("sub") != claims["sub"]:
                # OIDC Core §5.3.2: it speaks of somebody else.
                raise ProviderAnswerRefused("the sub of the userinfo endpoint is not that of the ID token")
            documents.append(user)
        return map_identity(provider, documents, map_email(provider, documents))

    def _upstream(self, provider: IdentityProvider) -> Upstream:
        """Return what is known of a provider; nothing where an administrator changed whom to ask, or how often."""
        known = self._upstreams.get(provider.id)
        asked = (provider.issuer or "", float(provider.refresh_seconds))
        if known is None or (known.issuer, known.fresh_seconds) != asked:
            known = self._upstreams[provider.id] = self._new_upstream(provider)
        return known

    def _new_upstream(self, provider: IdentityProvider) -> Upstream:
        return Upstream(
            self._http,
            self._clock,
            provider.issuer or "",
            deadline_seconds=self._deadline_seconds,
            fresh_seconds=float(provider.refresh_seconds),
        )

    @asynccontextmanager
    async def _speaking(self, *, refusals: bool = False) -> AsyncIterator[None]:
        """Hold all that is asked of a provider to one deadline, and to the errors that the port names.

        With ``refusals`` an ``OutboundRefused`` stays what it is.
        """
        try:
            async with Deadline(self._deadline_seconds):
                yield
        except ProviderUnavailable:
            raise
        except OutboundRefused as error:
            if refusals:
                raise
            raise ProviderUnavailable(shown(error.reason)) from error
        except Unavailable as error:
            raise ProviderUnavailable(shown(error.reason)) from error
        except TimeoutError as error:
            raise ProviderUnavailable(f"no answer within {self._deadline_seconds} s") from error


def _check_issuer(provider: IdentityProvider, metadata: ProviderMetadata, issuer: str | None) -> None:
    """Check that an answer is the provider's own and not one that was meant for another (RFC 9207 §2.4)."""
    if issuer is not None and issuer != metadata.issuer:
        raise ProviderAnswerRefused(f"the answer names {shown(issuer)} as its issuer")
    if issuer is None and (metadata.names_itself or provider.shared_callback):
        raise ProviderAnswerRefused("the answer does not name its issuer, as the provider announces to do")


async def _redeem(
    upstream: Upstream,
    url: str,
    provider: IdentityProvider,
    secret: Secret[str],
    sign_in: ExternalSignIn,
    answer: UpstreamAnswer,
) -> UpstreamTokens:
    form = code_grant(answer.code.reveal(), sign_in)
    return read_tokens(await ask_for_tokens(upstream.calls, url, provider, secret, form=form))


async def _redeem_oauth2(
    upstream: Upstream,
    provider: IdentityProvider,
    secret: Secret[str],
    sign_in: ExternalSignIn,
    answer: UpstreamAnswer,
) -> ExternalIdentity:
    """Redeem a code where no ID token says who somebody is: whom the access token is about, the provider says."""
    if sign_in.max_age is not None:
        raise ProviderAnswerRefused("a provider without ID tokens cannot say when it asked for a credential")
    endpoints = _endpoints(provider)
    tokens = await _redeem(upstream, endpoints.token, provider, secret, sign_in, answer)
    documents = [await ask_for_user(upstream.calls, endpoints.user, tokens.access_token)]
    if endpoints.emails is None:
        return map_identity(provider, documents, map_email(provider, documents))
    listed = await upstream.calls.get_list(endpoints.emails, "the emails endpoint", bearer=tokens.access_token)
    return map_identity(provider, documents, primary_email(listed))


def _endpoints(provider: IdentityProvider) -> OAuth2Endpoints:
    if provider.endpoints is None:
        raise ProviderUnavailable("the provider is registered without endpoints")
    return provider.endpoints
