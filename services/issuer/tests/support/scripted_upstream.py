"""Identity providers of which a test says who signs in there: a ``UpstreamProviders`` without a network."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import parse_qs, urlencode, urlsplit

from paseport.secret import Secret
from paseport_shared.adapters.memory.outage import MemoryOutage
from paseport_shared.domain.errors import ProviderAnswerRefused, ProviderUnavailable, Unavailable
from paseport_shared.domain.models.external_sign_in import ExternalSignIn
from paseport_shared.domain.models.identity_provider import IdentityProvider
from paseport_shared.domain.models.linked_identity import ExternalIdentity
from paseport_shared.domain.ports.outbound import OutboundRefused
from paseport_shared.domain.ports.upstream import (
    Finding,
    UpstreamAnswer,
    UpstreamCaller,
    UpstreamLogout,
    UpstreamRequest,
)


class ScriptedUpstream:
    """Each code is good for what the test put there, once; ``outage`` takes all providers away."""

    def __init__(self) -> None:
        self.outage = MemoryOutage()
        self.identities: dict[str, ExternalIdentity] = {}
        self.logouts: dict[str, UpstreamLogout] = {}
        self.forbidden: OutboundRefused | None = None
        self.requests: list[UpstreamRequest] = []
        self.secrets: list[Secret[str]] = []

    async def authorization_url(self, provider: IdentityProvider, request: UpstreamRequest) -> str:
        self._check()
        self.requests.append(request)
        return f"{provider.issuer}/authorize?{urlencode({'state': request.sign_in.id})}"

    async def expects_issuer(self, provider: IdentityProvider) -> bool:
        return provider.shared_callback

    async def redeem(
        self, provider: IdentityProvider, secret: Secret[str], sign_in: ExternalSignIn, answer: UpstreamAnswer
    ) -> ExternalIdentity:
        self._check()
        self.secrets.append(secret)
        identity = self.identities.pop(answer.code.reveal(), None)
        if identity is None or identity.namespace != provider.namespace:
            raise ProviderAnswerRefused("no such code")
        return identity

    async def read_logout_token(self, provider: IdentityProvider, token: str) -> UpstreamLogout:
        self._check()
        if token not in self.logouts:
            raise ProviderAnswerRefused("no such token")
        return self.logouts[token]

    def claimed_issuer(self, token: str) -> str | None:
        return None

    async def read_access_token(self, provider: IdentityProvider, token: str) -> UpstreamCaller:
        self._check()
        raise ProviderAnswerRefused("no such token")

    async def end_session_url(
        self, provider: IdentityProvider, *, post_logout_redirect_uri: str, state: str
    ) -> str | None:
        self._check()
        return f"{provider.issuer}/end?{urlencode({'post_logout_redirect_uri': post_logout_redirect_uri})}"

    async def check_connection(
        self, provider: IdentityProvider, secret: Secret[str] | None, *, redirect_uri: str
    ) -> Sequence[Finding]:
        return ()

    async def check_target(self, provider: IdentityProvider) -> None:
        if self.forbidden is not None:
            raise self.forbidden
        self._check()

    def _check(self) -> None:
        try:
            self.outage.check()
        except Unavailable as error:
            raise ProviderUnavailable("the provider is away") from error


def state_of(url: str) -> str:
    """Return the ``state`` in an authorization request."""
    return parse_qs(urlsplit(url).query)["state"][0]
