"""A connection tried out for an administrator: what is wrong, and what to do about it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from paseport.secret import Secret

from paseport_shared.adapters.oidc.calls import read_answer
from paseport_shared.adapters.oidc.keys import UsableKey, read_keys
from paseport_shared.adapters.oidc.metadata import ProviderMetadata, UnusableMetadata, metadata_url, read_metadata
from paseport_shared.adapters.oidc.token_endpoint import (
    BAD_CLIENT,
    BAD_CODE,
    UNAUTHORIZED,
    ask_for_tokens,
    read_error,
)
from paseport_shared.adapters.oidc.upstream import Upstream
from paseport_shared.adapters.oidc.wire import shown
from paseport_shared.domain.errors import Unavailable
from paseport_shared.domain.models.authorization import ResponseMode
from paseport_shared.domain.models.identity_provider import IdentityProvider, ProviderKind
from paseport_shared.domain.models.outbound_url import parse_url
from paseport_shared.domain.models.pkce import METHOD
from paseport_shared.domain.ports.outbound import OutboundRefused, OutboundRule
from paseport_shared.domain.ports.upstream import Finding, Outcome

_NO_CODE: Final = "paseport-connection-check"
_NO_VERIFIER: Final = "paseport-connection-check-without-a-sign-in"
_ALLOW: Final = "If it is meant to be there, list {target} in PASEPORT_OUTBOUND_ALLOW."
_RULES: Final[Mapping[OutboundRule, str]] = {
    OutboundRule.URL: "{name} is not an address that can be read in one way only.",
    OutboundRule.HTTPS: "{name} is not an https address, and no setting allows another one.",
    OutboundRule.PORT: "{name} is on another port than 443. " + _ALLOW,
    OutboundRule.ADDRESS: "{name} has an address that is not public. " + _ALLOW,
    OutboundRule.CERTIFICATE: "{name} has no certificate for this host from a trusted authority. "
    "An authority of your own is added with PASEPORT_OUTBOUND_CA.",
    OutboundRule.ENCODING: "{name} sends compressed answers although nobody asks for them.",
    OutboundRule.SIZE: "{name} sends answers of more than 1 MiB.",
}


@dataclass(frozen=True, slots=True)
class Unreachable:
    """An endpoint that cannot be asked, and why."""

    name: str
    url: str
    error: Unavailable


async def reach(upstream: Upstream, provider: IdentityProvider) -> None:
    """Return if everything that is asked of the provider can be asked, by our rules (OIDC Discovery §4.3).

    Raises ``OutboundRefused`` where a rule forbids one of its addresses, else ``Unavailable`` where one is silent.
    """
    urls = _urls(provider) if provider.kind is ProviderKind.OAUTH2 else _urls_of(await upstream.fetch_metadata())
    unreachable = await _try_to_reach(upstream, urls)
    if unreachable is not None:
        raise unreachable.error


async def _try_to_reach(upstream: Upstream, urls: Mapping[str, str]) -> Unreachable | None:
    """Send each a plain GET, to which any answer will do; return the first that cannot be asked, refused ones first."""

    async def ask(name: str, url: str) -> Unreachable | None:
        try:
            await upstream.calls.get(url)
        except Unavailable as error:
            return Unreachable(name, url, error)
        return None

    asked = await asyncio.gather(*(ask(name, url) for name, url in urls.items()))
    failed = [one for one in asked if one is not None]
    return min(failed, key=lambda one: not isinstance(one.error, OutboundRefused), default=None)


def _urls(provider: IdentityProvider) -> dict[str, str]:
    endpoints = provider.endpoints
    if endpoints is None:
        raise Unavailable("the provider is registered without endpoints")
    urls = {"token": endpoints.token, "user": endpoints.user}
    return urls if endpoints.emails is None else {**urls, "emails": endpoints.emails}


def _urls_of(metadata: ProviderMetadata) -> dict[str, str]:
    urls = {"key set": metadata.jwks_uri, "token": metadata.token_endpoint}
    return urls if metadata.userinfo_endpoint is None else {**urls, "userinfo": metadata.userinfo_endpoint}


class ConnectionCheck:
    """Tries one provider and notes what it finds, in an order in which each finding explains those after it."""

    def __init__(
        self, upstream: Upstream, provider: IdentityProvider, secret: Secret[str] | None, redirect_uri: str
    ) -> None:
        self.findings: list[Finding] = []
        self._upstream = upstream
        self._provider = provider
        self._secret = secret
        self._redirect_uri = redirect_uri
        self._trying = "address"

    async def run(self) -> None:
        """Try everything. Stops where going on would say nothing new."""
        if self._provider.kind is ProviderKind.OIDC:
            metadata = await self._find_metadata()
            if metadata is not None:
                await self._try_openid(metadata)
        elif self._provider.endpoints is None:
            self._failed("endpoints", "The provider is registered without endpoints: name them.")
        elif await self._try_addresses():
            await self._try_credentials(self._provider.endpoints.token, None)

    def give_up(self, seconds: float) -> None:
        """Note that the provider took too long for what is being tried."""
        self._failed(self._trying, f"The provider did not answer within {seconds:g} seconds.")

    async def _find_metadata(self) -> ProviderMetadata | None:
        url = metadata_url(self._upstream.issuer)
        try:
            answer = await self._upstream.calls.get(url)
        except OutboundRefused as error:
            self._failed("address", _in_words(error, url, "The issuer"))
            return None
        except Unavailable as error:
            self._failed("address", f"The issuer does not answer: {shown(error.reason)}.")
            return None
        self._ok("address", "The issuer can be reached.")
        try:
            metadata = read_metadata(read_answer(answer, url), self._upstream.issuer)
        except Unavailable as error:
            message = f"There is no OpenID metadata below this issuer ({shown(error.reason)}). Check its address."
            self._failed("discovery", message)
            return None
        except UnusableMetadata as error:
            self._explain(error)
            return None
        self._ok("discovery", "The provider publishes its metadata.")
        self._ok("issuer", "The provider is the one that it says it is.")
        self._ok("endpoints", "All endpoints are https addresses.")
        return metadata

    def _explain(self, error: UnusableMetadata) -> None:
        if error.check == "discovery":
            self._failed("discovery", f"The metadata of the provider is not what OpenID Connect asks for: {error}.")
            return
        self._ok("discovery", "The provider publishes its metadata.")
        if error.check == "issuer":
            message = f"This is another provider than the one of this issuer: {error}. Register exactly that."
            self._failed("issuer", message)
            return
        self._failed("endpoints", f"The metadata of the provider has an endpoint that cannot be used: {error}.")

    async def _try_openid(self, metadata: ProviderMetadata) -> None:
        keys = await self._try_keys(metadata)
        self._try_algorithms(metadata, keys)
        provider = self._provider
        if METHOD in (metadata.challenge_methods or ()):
            self._ok("pkce", "The provider ties codes to sign-ins (PKCE, S256).")
        else:
            self._warn(
                "pkce", "The provider does not announce PKCE with S256. It is used all the same; the nonce counts."
            )
        unknown = [scope for scope in provider.scopes if scope not in (metadata.scopes or provider.scopes)]
        if unknown:
            self._warn("scopes", f"The provider does not announce these scopes: {', '.join(map(shown, unknown))}.")
        elif metadata.scopes is None:
            self._ok("scopes", "The provider does not say which scopes it knows.")
        else:
            self._ok("scopes", "The provider knows the scopes.")
        # Without a word about it, what there is are `query` and `fragment` (OAuth 2.0 Multiple Response Types).
        modes = metadata.response_modes or ("query", "fragment")
        if provider.response_mode is ResponseMode.FORM_POST and "form_post" not in modes:
            self._failed("response_mode", "The provider does not announce form_post. Choose query.")
        else:
            self._ok("response_mode", f"The provider answers by {provider.response_mode.value}.")
        if provider.shared_callback and not metadata.names_itself:
            message = "The provider does not name itself in its answers (RFC 9207): give it a callback of its own."
            self._failed("shared_callback", message)
        elif provider.shared_callback:
            self._ok("shared_callback", "The provider names itself in its answers (RFC 9207).")
        await self._try_credentials(metadata.token_endpoint, metadata)

    async def _try_keys(self, metadata: ProviderMetadata) -> tuple[UsableKey, ...]:
        self._trying = "keys"
        try:
            keys = read_keys(await self._upstream.calls.get_object(metadata.jwks_uri, "the key set"))
        except OutboundRefused as error:
            self._failed("keys", _in_words(error, metadata.jwks_uri, "The key set"))
            return ()
        except Unavailable as error:
            self._failed("keys", f"The keys of the provider cannot be read: {shown(error.reason)}.")
            return ()
        if keys:
            self._ok("keys", f"The provider publishes {len(keys)} keys that can be used.")
        else:
            self._failed(
                "keys", "The provider publishes no key that can be used: RSA from 2048 bits, P-256 and up, Ed25519."
            )
        return keys

    def _try_algorithms(self, metadata: ProviderMetadata, keys: Sequence[UsableKey]) -> None:
        if not metadata.algorithms:
            message = "The provider signs ID tokens in no way that is accepted. Let it use RS256, ES256 or EdDSA."
            self._failed("algorithms", message)
        elif keys and not any(key.algorithms & metadata.algorithms for key in keys):
            self._failed("algorithms", "None of the provider's keys fits an algorithm that it announces for ID tokens.")
        else:
            self._ok("algorithms", f"ID tokens may be signed by {', '.join(sorted(metadata.algorithms))}.")

    async def _try_addresses(self) -> bool:
        unreachable = await _try_to_reach(self._upstream, _urls(self._provider))
        if unreachable is None:
            self._ok("address", "The endpoints can be reached.")
            return True
        name, error = f"The {unreachable.name} endpoint", unreachable.error
        if isinstance(error, OutboundRefused):
            self._failed("address", _in_words(error, unreachable.url, name))
        else:
            self._failed("address", f"{name} does not answer: {shown(error.reason)}.")
        return False

    async def _try_credentials(self, url: str, metadata: ProviderMetadata | None) -> None:
        """Redeem a code that cannot be one: whoever says so has accepted id and secret (RFC 6749 §5.2)."""
        if self._secret is None:
            return
        self._trying = "credentials"
        form = {
            "grant_type": "authorization_code",
            "code": _NO_CODE,
            "redirect_uri": self._redirect_uri,
            "code_verifier": _NO_VERIFIER,
        }
        try:
            answer = await ask_for_tokens(self._upstream.calls, url, self._provider, self._secret, form=form)
        except OutboundRefused as error:
            self._failed("credentials", _in_words(error, url, "The token endpoint"))
            return
        except Unavailable as error:
            self._failed("credentials", f"The token endpoint does not answer: {shown(error.reason)}.")
            return
        code = read_error(answer)
        if code in BAD_CODE:
            self._ok("credentials", "The provider accepts the client id and the secret.")
        elif code in BAD_CLIENT or answer.status == UNAUTHORIZED:
            self._failed("credentials", f"The client id or secret are not right.{self._hint(metadata)}")
        else:
            said = "" if code is None else f"{code}, "
            message = f"Whether the client id and secret are right cannot be told ({said}status {answer.status})."
            self._warn("credentials", message)

    def _hint(self, metadata: ProviderMetadata | None) -> str:
        methods = metadata.auth_methods if metadata is not None else None
        if methods is None or self._provider.auth_method.value in methods:
            return ""
        return f" The provider announces other ways to send them: {', '.join(map(shown, methods[:5]))}."

    def _ok(self, check: str, message: str) -> None:
        self.findings.append(Finding(check, Outcome.OK, message))

    def _warn(self, check: str, message: str) -> None:
        self.findings.append(Finding(check, Outcome.WARNING, message))

    def _failed(self, check: str, message: str) -> None:
        self.findings.append(Finding(check, Outcome.FAILED, message))


def _in_words(error: OutboundRefused, url: str, name: str) -> str:
    """Return which rule forbids to ask a server, and what lifts it."""
    try:
        target = str(parse_url(url).target)
    except ValueError:
        target = "its host:port"
    return _RULES[error.rule].format(name=name, target=target)
