"""What is known about widespread identity providers, so that an administrator fills in the rest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from paseport_shared.domain.models.authorization import ResponseMode
from paseport_shared.domain.models.client import ClientAuthMethod
from paseport_shared.domain.models.identity_provider import (
    STANDARD_CLAIMS,
    ClaimMapping,
    OAuth2Endpoints,
    ProviderKind,
    TrustEmail,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderPreset:
    """The start of a registration.

    ``issuer`` may have parts in braces, which are the administrator's to fill in. ``trust_email`` is what the provider
    deserves where nobody knows better.
    """

    name: str
    display_name: str
    kind: ProviderKind = ProviderKind.OIDC
    issuer: str | None = None
    endpoints: OAuth2Endpoints | None = None
    auth_method: ClientAuthMethod = ClientAuthMethod.BASIC
    scopes: tuple[str, ...] = ("openid", "profile", "email")
    claims: ClaimMapping = STANDARD_CLAIMS
    trust_email: TrustEmail = TrustEmail.CLAIM
    response_mode: ResponseMode = ResponseMode.QUERY
    icon: str


PRESETS: Final = (
    ProviderPreset(
        name="rauthy",
        display_name="Rauthy",
        issuer="https://{host}/auth/v1/",
        scopes=("openid", "profile", "email", "groups"),
        claims=ClaimMapping(groups="groups"),
        icon="rauthy",
    ),
    ProviderPreset(
        name="keycloak",
        display_name="Keycloak",
        issuer="https://{host}/realms/{realm}",
        claims=ClaimMapping(groups="groups"),
        icon="keycloak",
    ),
    ProviderPreset(name="google", display_name="Google", issuer="https://accounts.google.com", icon="google"),
    # Entra's administrators can write any address into an account (nOAuth): it never says who somebody is. ``sub``
    # differs from one application to the next; tenant and object id do not.
    ProviderPreset(
        name="microsoft",
        display_name="Microsoft",
        issuer="https://login.microsoftonline.com/{tenant_id}/v2.0",
        claims=ClaimMapping(subject=("tid", "oid"), groups="groups"),
        trust_email=TrustEmail.NEVER,
        icon="microsoft",
    ),
    ProviderPreset(
        name="github",
        display_name="GitHub",
        kind=ProviderKind.OAUTH2,
        endpoints=OAuth2Endpoints(
            authorization="https://github.com/login/oauth/authorize",
            token="https://github.com/login/oauth/access_token",
            user="https://api.github.com/user",
            emails="https://api.github.com/user/emails",
        ),
        auth_method=ClientAuthMethod.POST,
        scopes=("read:user", "user:email"),
        claims=ClaimMapping(subject=("id",), username="login"),
        icon="github",
    ),
    ProviderPreset(
        name="gitlab",
        display_name="GitLab",
        issuer="https://gitlab.com",
        claims=ClaimMapping(username="nickname", groups="groups"),
        icon="gitlab",
    ),
    # Apple answers with a form once a name or an address is asked for. It states no address that it has not verified,
    # and may say so with the text "true", which is no ``true`` here.
    ProviderPreset(
        name="apple",
        display_name="Apple",
        issuer="https://appleid.apple.com",
        auth_method=ClientAuthMethod.POST,
        scopes=("openid", "name", "email"),
        trust_email=TrustEmail.ALWAYS,
        response_mode=ResponseMode.FORM_POST,
        icon="apple",
    ),
)
