"""What an identity provider may be: the rules for administrators."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

from paseport_shared.domain.errors import FieldProblem, ValidationFailed
from paseport_shared.domain.models.client import ClientAuthMethod
from paseport_shared.domain.models.identity_provider import IdentityProvider, ProviderKind, TrustEmail
from paseport_shared.domain.models.outbound_url import parse_url
from paseport_shared.domain.models.roles import MAX_ROLES_PER_USER, is_role

MAX_NAME: Final = 32
MAX_DISPLAY_NAME: Final = 64
MAX_ISSUER: Final = 255
MAX_CLIENT_ID: Final = 255
MAX_SECRET: Final = 4_000
MAX_SCOPES: Final = 32
MAX_DOMAINS: Final = 100
MAX_GROUP_ROLES: Final = 500
MAX_GROUP: Final = 255
MAX_CLAIM: Final = 255
MAX_POSITION: Final = 10_000
MAX_AUDIENCES: Final = 20
MAX_AUDIENCE: Final = 255
MIN_REFRESH_SECONDS: Final = 60
MAX_REFRESH_SECONDS: Final = 86_400
ICONS: Final = ("openid", "google", "microsoft", "github", "gitlab", "apple", "keycloak", "rauthy")

_NAME: Final = re.compile(rf"[a-z][a-z0-9-]{{0,{MAX_NAME - 1}}}")
# RFC 6749 §3.3.
_SCOPE: Final = re.compile(r"[!#-\[\]-~]{1,255}")
_PRINTABLE: Final = re.compile(r"[ -~]+")
_DOMAIN: Final = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


def check_provider(provider: IdentityProvider) -> None:
    """Raise ``ValidationFailed`` naming everything that is not acceptable."""
    if problems := list(_problems(provider)):
        raise ValidationFailed(problems)


def check_client_secret(secret: str) -> None:
    """Raise ``ValidationFailed`` for a secret that no provider can have given."""
    if not 1 <= len(secret) <= MAX_SECRET or _PRINTABLE.fullmatch(secret) is None:
        raise ValidationFailed([FieldProblem("client_secret", "format", "Copy the secret as the provider shows it.")])


def _problems(provider: IdentityProvider) -> Iterator[FieldProblem]:
    """Yield what is wrong. No message repeats what was sent: it would stand in answers and logs (LG-21)."""
    if _NAME.fullmatch(provider.name) is None:
        message = f"Use 1 to {MAX_NAME} lower-case letters, digits and dashes; a letter first."
        yield FieldProblem("name", "format", message)
    if not provider.display_name.strip() or len(provider.display_name) > MAX_DISPLAY_NAME:
        yield FieldProblem("display_name", "length", f"Use 1 to {MAX_DISPLAY_NAME} characters.")
    if any(unicodedata.category(character)[0] == "C" for character in provider.display_name):
        yield FieldProblem("display_name", "characters", "Leave out control characters.")
    if provider.kind is ProviderKind.OIDC:
        yield from _oidc(provider)
    else:
        yield from _oauth2(provider)
    if not 1 <= len(provider.client_id) <= MAX_CLIENT_ID or _PRINTABLE.fullmatch(provider.client_id) is None:
        yield FieldProblem("client_id", "format", "Copy the client id as the provider shows it.")
    if provider.auth_method is ClientAuthMethod.NONE:
        yield FieldProblem("auth_method", "confidential", "The issuer keeps a secret: use basic or post.")
    yield from _scopes(provider)
    yield from _claims(provider)
    yield from _people(provider)
    yield from _api_access(provider)
    if not MIN_REFRESH_SECONDS <= provider.refresh_seconds <= MAX_REFRESH_SECONDS:
        yield FieldProblem("refresh_seconds", "range", f"Use {MIN_REFRESH_SECONDS} to {MAX_REFRESH_SECONDS} seconds.")
    if provider.icon not in ICONS:
        yield FieldProblem("icon", "unknown", f"Use one of {', '.join(ICONS)}.")
    if not 0 <= provider.position <= MAX_POSITION:
        yield FieldProblem("position", "range", f"Use 0 to {MAX_POSITION}.")
    if provider.is_default and not provider.enabled:
        yield FieldProblem("is_default", "disabled", "A disabled provider cannot be the default one.")


def _oidc(provider: IdentityProvider) -> Iterator[FieldProblem]:
    if provider.endpoints is not None:
        yield FieldProblem("endpoints", "kind", "An OpenID provider names its endpoints itself: leave them out.")
    issuer = provider.issuer or ""
    if len(issuer) > MAX_ISSUER or "?" in issuer:
        yield FieldProblem("issuer", "format", f"Use at most {MAX_ISSUER} characters, without a query.")
    else:
        yield from _url("issuer", issuer)
    if "openid" not in provider.scopes:
        yield FieldProblem("scopes", "openid", "OpenID Connect needs the scope openid.")


def _oauth2(provider: IdentityProvider) -> Iterator[FieldProblem]:
    if provider.issuer is not None:
        yield FieldProblem("issuer", "kind", "Only OpenID providers have an issuer: leave it out.")
    if provider.shared_callback:
        yield FieldProblem("shared_callback", "kind", "Only OpenID providers may answer at the shared address.")
    if provider.end_upstream_session:
        yield FieldProblem("end_upstream_session", "kind", "Only OpenID providers can end their session.")
    endpoints = provider.endpoints
    if endpoints is None:
        yield FieldProblem("endpoints", "required", "Name the authorization, token and user endpoint.")
        return
    for name in ("authorization", "token", "user"):
        yield from _url(f"endpoints.{name}", getattr(endpoints, name))
    if len(endpoints.user) > MAX_ISSUER - len("oauth2:"):
        yield FieldProblem("endpoints.user", "length", f"Use at most {MAX_ISSUER - len('oauth2:')} characters.")
    if endpoints.emails is not None:
        yield from _url("endpoints.emails", endpoints.emails)


def _url(field: str, url: str) -> Iterator[FieldProblem]:
    try:
        parsed = parse_url(url)
    except ValueError as error:
        yield FieldProblem(field, "format", f"It {error}.")
        return
    if parsed.scheme != "https":
        yield FieldProblem(field, "https", "It must be an https address.")


def _scopes(provider: IdentityProvider) -> Iterator[FieldProblem]:
    scopes = provider.scopes
    if len(scopes) > MAX_SCOPES or len(set(scopes)) < len(scopes):
        yield FieldProblem("scopes", "list", f"Name at most {MAX_SCOPES}, each once.")
    if not all(_SCOPE.fullmatch(scope) for scope in scopes):
        yield FieldProblem("scopes", "format", "A scope has neither spaces nor quotation marks.")


def _claims(provider: IdentityProvider) -> Iterator[FieldProblem]:
    claims = provider.claims
    if not 1 <= len(claims.subject) <= 3:
        yield FieldProblem("claims.subject", "count", "Name one to three claims.")
    named = {
        "subject": claims.subject,
        "username": (claims.username,),
        "email": (claims.email,),
        "email_verified": (claims.email_verified,),
        "name": (claims.name,),
        "groups": () if claims.groups is None else (claims.groups,),
    }
    for field, names in named.items():
        if not all(0 < len(name) <= MAX_CLAIM and _PRINTABLE.fullmatch(name) for name in names):
            yield FieldProblem(f"claims.{field}", "format", f"Use 1 to {MAX_CLAIM} characters of ASCII.")
    if provider.kind is ProviderKind.OIDC and "email" in claims.subject:
        yield FieldProblem("claims.subject", "email", "An address can change hands: it is nobody's name.")


def _api_access(provider: IdentityProvider) -> Iterator[FieldProblem]:
    access = provider.api_access
    if access is None:
        return
    if provider.kind is not ProviderKind.OIDC:
        yield FieldProblem("api_access", "kind", "Only OpenID providers sign their access tokens: leave it out.")
    audiences = access.audiences
    if not 1 <= len(audiences) <= MAX_AUDIENCES or len(set(audiences)) < len(audiences):
        yield FieldProblem("api_access.audiences", "count", f"Name 1 to {MAX_AUDIENCES}, each once.")
    if not all(1 <= len(audience) <= MAX_AUDIENCE and _PRINTABLE.fullmatch(audience) for audience in audiences):
        message = f"Use 1 to {MAX_AUDIENCE} characters of ASCII."
        yield FieldProblem("api_access.audiences", "format", message)
    if provider.client_id in audiences:
        # Every ID token of a sign-in has it: whoever receives one must not be able to use it here.
        message = "The ID tokens of sign-ins have the client id as audience: give the API an audience of its own."
        yield FieldProblem("api_access.audiences", "client_id", message)
    if access.subject is not None and not 1 <= len(access.subject) <= 3:
        yield FieldProblem("api_access.subject", "count", "Name one to three claims, or leave it out.")
    if access.subject is not None and "email" in access.subject:
        yield FieldProblem("api_access.subject", "email", "An address can change hands: it is nobody's name.")
    named = {
        "subject": access.subject or (),
        "groups": () if access.groups is None else (access.groups,),
        "tenant": () if access.tenant is None else (access.tenant,),
    }
    for field, names in named.items():
        if not all(0 < len(name) <= MAX_CLAIM and _PRINTABLE.fullmatch(name) for name in names):
            yield FieldProblem(f"api_access.{field}", "format", f"Use 1 to {MAX_CLAIM} characters of ASCII.")
    group = access.admin_group
    if group is None:
        return
    if not 1 <= len(group) <= MAX_GROUP:
        yield FieldProblem("api_access.admin_group", "length", f"Use 1 to {MAX_GROUP} characters.")
    if access.groups is None and provider.claims.groups is None:
        yield FieldProblem("api_access.groups", "required", "Name the claim that has the groups.")


def _people(provider: IdentityProvider) -> Iterator[FieldProblem]:
    domains = provider.allowed_domains
    if len(domains) > MAX_DOMAINS or not all(len(name) <= 253 and _DOMAIN.fullmatch(name) for name in domains):
        message = f"Use at most {MAX_DOMAINS} names such as example.com, in lower case."
        yield FieldProblem("allowed_domains", "format", message)
    if domains and provider.trust_email is TrustEmail.NEVER:
        message = "Only addresses that are trusted can be held to domains: change trust_email, or leave them out."
        yield FieldProblem("allowed_domains", "trust", message)
    if len(provider.default_roles) > MAX_ROLES_PER_USER or not all(map(is_role, provider.default_roles)):
        yield FieldProblem("default_roles", "format", f"Use at most {MAX_ROLES_PER_USER} names of roles.")
    mapped = provider.group_roles
    if len(mapped) > MAX_GROUP_ROLES or len(provider.managed_roles) > MAX_ROLES_PER_USER:
        message = f"Use at most {MAX_GROUP_ROLES} lines and {MAX_ROLES_PER_USER} roles."
        yield FieldProblem("group_roles", "too_many", message)
    if not all(is_role(line.role) and 1 <= len(line.group) <= MAX_GROUP for line in mapped):
        yield FieldProblem(
            "group_roles", "format", f"Each line names a group of up to {MAX_GROUP} characters and a role."
        )
    if mapped and provider.claims.groups is None:
        yield FieldProblem("claims.groups", "required", "Name the claim that has the groups.")
