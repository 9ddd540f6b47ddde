"""What works here, for clients that read it: discovery documents (OIDC Discovery §4, RFC 8414 §3)."""

from __future__ import annotations

from typing import Final

import msgspec
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
_WITH_SECRET: Final = (ClientAuthMethod.BASIC.value, ClientAuthMethod.POST.value)


class DiscoveryDocument:
    """The document, encoded once: it says the same as long as the process lives, whatever else is down (TE-24)."""

    def __init__(self, issuer: str) -> None:
        self._content = msgspec.json.encode(metadata_of(issuer))

    async def render(self) -> bytes:
        """Return the JSON text."""
        return self._content


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
