"""The adapter and a certified implementation of the other side, the npm package ``oidc-provider``; and one like GitHub.

What honest providers do is accepted as it is. What dishonest ones do has its own files, beside this one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from oidc_support import a_provider, a_sign_in
from paseport.clock import SystemClock
from paseport.secret import Secret
from paseport_shared.adapters.oidc.upstream_providers import OidcUpstreamProviders
from paseport_shared.adapters.outbound.guarded_client import GuardedHttpClient
from paseport_shared.domain.errors import ProviderAnswerRefused
from paseport_shared.domain.models.client import ClientAuthMethod
from paseport_shared.domain.models.identity_provider import (
    ClaimMapping,
    IdentityProvider,
    OAuth2Endpoints,
    ProviderKind,
)
from paseport_shared.domain.models.linked_identity import ExternalIdentity
from paseport_shared.domain.models.outbound_url import OutboundTarget
from paseport_shared.domain.ports.upstream import Outcome, UpstreamAnswer, UpstreamRequest
from paseport_testkit.harness.upstream import Upstream

CALLBACK = "https://client.example.test/callback"


@dataclass
class Party:
    """A relying party of both providers, and the person who signs in."""

    upstream: Upstream
    providers: OidcUpstreamProviders
    openid: IdentityProvider
    github: IdentityProvider

    @property
    def secret(self) -> Secret[str]:
        return Secret(self.upstream.client.secret)

    async def sign_in(self, provider: IdentityProvider, **request: Any) -> ExternalIdentity:
        """Go there, sign in, and come back."""
        sign_in = a_sign_in(redirect_uri=CALLBACK, **request)
        url = await self.providers.authorization_url(provider, UpstreamRequest(sign_in=sign_in))
        arrival = await asyncio.to_thread(self.upstream.sign_in, url)
        answer = arrival.parameters
        assert answer["state"] == sign_in.id
        code = UpstreamAnswer(Secret(answer["code"]), answer.get("iss"))
        return await self.providers.redeem(provider, self.secret, sign_in, code)


@pytest.fixture
async def party(upstream: Upstream) -> AsyncIterator[Party]:
    client = GuardedHttpClient(
        [OutboundTarget(*upstream.address), OutboundTarget(*upstream.github_address)], upstream.ca
    )
    yield Party(
        upstream,
        OidcUpstreamProviders(client, SystemClock()),
        a_provider(
            issuer=upstream.issuer,
            client_id=upstream.client.id,
            shared_callback=True,
            claims=ClaimMapping(groups="groups"),
            scopes=("openid", "profile", "email"),
        ),
        a_provider(
            kind=ProviderKind.OAUTH2,
            client_id=upstream.client.id,
            endpoints=OAuth2Endpoints(
                authorization=f"{upstream.github}/login/oauth/authorize",
                token=f"{upstream.github}/login/oauth/access_token",
                user=f"{upstream.github}/user",
                emails=f"{upstream.github}/user/emails",
            ),
            auth_method=ClientAuthMethod.POST,
            claims=ClaimMapping(subject=("id",), username="login"),
            scopes=("read:user", "user:email"),
        ),
    )
    client.close()


async def test_somebody_signs_in_through_an_openid_provider(party: Party) -> None:
    identity = await party.sign_in(party.openid)

    ada = Upstream.ADA
    assert (identity.namespace, identity.subject) == (party.upstream.issuer, ada["sub"])
    assert (identity.email, identity.email_claimed_verified) == (ada["email"], True)
    assert (identity.username, identity.name) == (ada["preferred_username"], ada["name"])


async def test_a_fresh_sign_in_is_proved(party: Party) -> None:
    assert (await party.sign_in(party.openid, max_age=60)).auth_time is not None


async def test_somebody_signs_in_through_a_provider_like_github(party: Party) -> None:
    identity = await party.sign_in(party.github)

    assert identity.subject == str(Upstream.OCTO["id"])
    assert (identity.email, identity.email_claimed_verified) == ("octo@example.com", True)
    assert identity.username == "octo"


@pytest.mark.parametrize("steps", [("publish",), ("publish", "sign"), ("publish", "sign", "drop"), ("sign", "publish")])
async def test_keys_rotate_between_two_sign_ins(party: Party, steps: tuple[Any, ...]) -> None:
    """XI-18."""
    await party.sign_in(party.openid)

    party.upstream.rotate(*steps)

    assert (await party.sign_in(party.openid)).subject == Upstream.ADA["sub"]


async def test_a_code_is_good_for_one_time(party: Party) -> None:
    for provider in (party.openid, party.github):
        sign_in = a_sign_in(redirect_uri=CALLBACK)
        url = await party.providers.authorization_url(provider, UpstreamRequest(sign_in=sign_in))
        arrived = (await asyncio.to_thread(party.upstream.sign_in, url)).parameters
        answer = UpstreamAnswer(Secret(arrived["code"]), arrived.get("iss"))
        await party.providers.redeem(provider, party.secret, sign_in, answer)

        with pytest.raises(ProviderAnswerRefused):
            await party.providers.redeem(provider, party.secret, sign_in, answer)


async def test_a_logout_token_is_understood(party: Party) -> None:
    token = await asyncio.to_thread(party.upstream.logout_token, sub="8f2d-ada", sid="a session")

    logout = await party.providers.read_logout_token(party.openid, token)

    assert (logout.subject, logout.session_id) == ("8f2d-ada", "a session")


async def test_connections_to_honest_providers_work(party: Party) -> None:
    for provider in (party.openid, party.github):
        await party.providers.check_target(provider)
        findings = await party.providers.check_connection(provider, party.secret, redirect_uri=CALLBACK)
        assert {finding.check: finding.message for finding in findings if finding.outcome is not Outcome.OK} == {}

        findings = await party.providers.check_connection(provider, Secret("wrong"), redirect_uri=CALLBACK)
        assert [finding.check for finding in findings if finding.outcome is Outcome.FAILED] == ["credentials"]
