"""What works here, for clients that read it: discovery documents (OIDC Discovery §4, RFC 8414 §3)."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import msgspec
from litestar import MediaType, Response, get
from litestar.di import NamedDependency
from litestar.openapi import ResponseSpec
from paseport_shared.domain.models.authorization import Prompt, ResponseMode
from paseport_shared.domain.models.client import SCOPES, ClientAuthMethod, GrantType
from paseport_shared.domain.models.id_token import ACR
from paseport_shared.domain.models.pkce import METHOD

from paseport_issuer.handlers.paths import AUTHORIZE, LOGOUT
from paseport_issuer.handlers.schemas.oauth import Metadata

_CLAIMS: Final = (
    "iss",
    "sub",
    "aud",
    "exp",
    "iat",
    "auth_time",
    "nonce",
    "acr",
    "amr",
    "azp",
    "at_hash",
    "sid",
    "name",
    "preferred_username",
    "updated_at",
    "email",
    "email_verified",
    "roles",
)
_SHAPE = ResponseSpec(Metadata, generate_examples=False, description="What works here.")
_WITH_SECRET: Final = (ClientAuthMethod.BASIC.value, ClientAuthMethod.POST.value)


class DiscoveryDocument:
    """The document, encoded once: it says the same as long as the process lives, whatever else is down (TE-24)."""

    def __init__(self, issuer: str) -> None:
        self._content = msgspec.json.encode(metadata_of(issuer))

    def answer(self, max_age: timedelta) -> Response[bytes]:
        """Return it as an answer that may be kept for so long."""
        return Response(
            self._content,
            media_type=MediaType.JSON,
            headers={
                "Cache-Control": f"public, max-age={int(max_age.total_seconds())}",
                # Public, and read by clients that run in browsers of other origins.
                "Access-Control-Allow-Origin": "*",
            },
        )


def metadata_of(issuer: str) -> Metadata:
    """Return what an issuer tells. Every address is made of the configured origin, of no header (AZ-25)."""
    any_method = (ClientAuthMethod.NONE.value, *_WITH_SECRET)
    return Metadata(
        issuer=issuer,
        authorization_endpoint=f"{issuer}{AUTHORIZE}",
        token_endpoint=f"{issuer}/oauth2/token",
        userinfo_endpoint=f"{issuer}/userinfo",
        jwks_uri=f"{issuer}/.well-known/jwks.json",
        revocation_endpoint=f"{issuer}/oauth2/revoke",
        introspection_endpoint=f"{issuer}/oauth2/introspect",
        end_session_endpoint=f"{issuer}{LOGOUT}",
        scopes_supported=SCOPES,
        response_types_supported=("code",),
        response_modes_supported=tuple(mode.value for mode in ResponseMode),
        grant_types_supported=tuple(grant.value for grant in GrantType),
        subject_types_supported=("public",),
        id_token_signing_alg_values_supported=("RS256",),
        token_endpoint_auth_methods_supported=any_method,
        revocation_endpoint_auth_methods_supported=any_method,
        introspection_endpoint_auth_methods_supported=_WITH_SECRET,
        code_challenge_methods_supported=(METHOD,),
        prompt_values_supported=tuple(prompt.value for prompt in Prompt),
        acr_values_supported=(ACR,),
        claims_supported=_CLAIMS,
    )


@get("/.well-known/openid-configuration", media_type=MediaType.JSON, responses={200: _SHAPE})
async def openid_configuration(
    document: NamedDependency[DiscoveryDocument], key_document_max_age: NamedDependency[timedelta]
) -> Response[bytes]:
    """Return what works here (OIDC Discovery §4)."""
    return document.answer(key_document_max_age)


@get("/.well-known/oauth-authorization-server", media_type=MediaType.JSON, responses={200: _SHAPE})
async def authorization_server_metadata(
    document: NamedDependency[DiscoveryDocument], key_document_max_age: NamedDependency[timedelta]
) -> Response[bytes]:
    """Return the same to clients that know no OpenID Connect (RFC 8414 §3)."""
    return document.answer(key_document_max_age)
