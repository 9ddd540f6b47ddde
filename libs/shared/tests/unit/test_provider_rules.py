"""What an identity provider may be."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from paseport_shared.domain.errors import ValidationFailed
from paseport_shared.domain.models.client import ClientAuthMethod
from paseport_shared.domain.models.identity_provider import (
    ApiAccess,
    ClaimMapping,
    GroupRole,
    IdentityProvider,
    OAuth2Endpoints,
    ProviderKind,
    TrustEmail,
)
from paseport_shared.domain.models.provider_presets import PRESETS
from paseport_shared.domain.models.provider_rules import ICONS, check_client_secret, check_provider

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ENDPOINTS = OAuth2Endpoints(
    authorization="https://github.example/authorize", token="https://github.example/token", user="https://api.example/"
)
OIDC = IdentityProvider(
    id=UUID(int=1),
    name="corp",
    display_name="Corp",
    kind=ProviderKind.OIDC,
    issuer="https://idp.example.com/realms/corp",
    client_id="paseport",
    created_at=NOW,
    updated_at=NOW,
)
OAUTH2 = replace(OIDC, kind=ProviderKind.OAUTH2, issuer=None, endpoints=ENDPOINTS, scopes=("user",))


def problems(provider: IdentityProvider) -> set[tuple[str, str]]:
    try:
        check_provider(provider)
    except ValidationFailed as error:
        return {(problem.field, problem.code) for problem in error.problems}
    return set()


def test_a_provider_of_each_kind_is_acceptable() -> None:
    assert problems(OIDC) == problems(OAUTH2) == set()


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"name": "Corp"}, ("name", "format")),
        ({"name": "1st"}, ("name", "format")),
        ({"name": "a/b"}, ("name", "format")),
        ({"name": "x" * 33}, ("name", "format")),
        ({"display_name": " "}, ("display_name", "length")),
        ({"display_name": "Co\u202erp"}, ("display_name", "characters")),
        ({"issuer": None}, ("issuer", "format")),
        ({"issuer": "http://idp.example.com"}, ("issuer", "https")),
        ({"issuer": "file:///etc/passwd"}, ("issuer", "format")),
        ({"issuer": "https://user@idp.example.com"}, ("issuer", "format")),
        ({"issuer": "https://idp.example.com/?a=b"}, ("issuer", "format")),
        ({"issuer": "https://idp.example.com/#a"}, ("issuer", "format")),
        ({"issuer": f"https://idp.example.com/{'x' * 255}"}, ("issuer", "format")),
        ({"endpoints": ENDPOINTS}, ("endpoints", "kind")),
        ({"scopes": ("profile",)}, ("scopes", "openid")),
        ({"scopes": ("openid", "a b")}, ("scopes", "format")),
        ({"scopes": ("openid", "openid")}, ("scopes", "list")),
        ({"client_id": ""}, ("client_id", "format")),
        ({"client_id": "päseport"}, ("client_id", "format")),
        ({"auth_method": ClientAuthMethod.NONE}, ("auth_method", "confidential")),
        ({"claims": ClaimMapping(subject=())}, ("claims.subject", "count")),
        ({"claims": ClaimMapping(subject=("email",))}, ("claims.subject", "email")),
        ({"claims": ClaimMapping(name="")}, ("claims.name", "format")),
        ({"allowed_domains": ("Example.com",)}, ("allowed_domains", "format")),
        ({"allowed_domains": ("*.example.com",)}, ("allowed_domains", "format")),
        ({"allowed_domains": ("example.com",), "trust_email": TrustEmail.NEVER}, ("allowed_domains", "trust")),
        ({"default_roles": frozenset({"two words"})}, ("default_roles", "format")),
        ({"group_roles": (GroupRole("staff", "Staff"),)}, ("claims.groups", "required")),
        (
            {"group_roles": (GroupRole("", "Staff"),), "claims": ClaimMapping(groups="groups")},
            ("group_roles", "format"),
        ),
        ({"icon": "https://elsewhere.example/icon.svg"}, ("icon", "unknown")),
        ({"position": -1}, ("position", "range")),
        ({"enabled": False, "is_default": True}, ("is_default", "disabled")),
    ],
)
def test_what_is_not_acceptable_is_named(change: dict[str, object], problem: tuple[str, str]) -> None:
    assert problems(replace(OIDC, **change)) == {problem}  # type: ignore[arg-type] - a case may replace any field


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"issuer": "https://idp.example.com"}, ("issuer", "kind")),
        ({"endpoints": None}, ("endpoints", "required")),
        ({"endpoints": replace(ENDPOINTS, token="http://github.example/token")}, ("endpoints.token", "https")),
        ({"endpoints": replace(ENDPOINTS, user=f"https://api.example/{'x' * 255}")}, ("endpoints.user", "length")),
        ({"endpoints": replace(ENDPOINTS, emails="ftp://api.example/")}, ("endpoints.emails", "https")),
        ({"shared_callback": True}, ("shared_callback", "kind")),
        ({"end_upstream_session": True}, ("end_upstream_session", "kind")),
    ],
)
def test_a_provider_without_metadata_has_rules_of_its_own(change: dict[str, object], problem: tuple[str, str]) -> None:
    assert problems(replace(OAUTH2, **change)) == {problem}  # type: ignore[arg-type] - as above


@pytest.mark.parametrize("secret", ["", "x" * 4_001, "line\nbreak", "sécret"])
def test_a_secret_that_no_provider_gives_is_refused(secret: str) -> None:
    with pytest.raises(ValidationFailed):
        check_client_secret(secret)


def test_no_message_repeats_what_was_sent() -> None:
    """LG-21."""
    canary = "cAnArY !"
    provider = replace(OIDC, name=canary, issuer=canary, client_id=f"{canary}é", icon=canary, scopes=(canary,))

    with pytest.raises(ValidationFailed) as refused:
        check_provider(provider)

    assert not any("cAnArY" in problem.message for problem in refused.value.problems)


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.name)
def test_every_preset_needs_nothing_but_what_it_leaves_open(preset: object) -> None:
    """Its issuer's parts in braces, the client id and the secret."""
    known = {
        name: getattr(preset, name)
        for name in (
            *("name", "display_name", "kind", "issuer", "endpoints", "auth_method", "scopes", "claims"),
            *("trust_email", "response_mode", "icon"),
        )
    }
    if known["issuer"] is not None:
        for part in ("{host}", "{realm}", "{tenant_id}"):
            known["issuer"] = known["issuer"].replace(part, "example.com")

    assert problems(replace(OIDC, **known)) == set()


def test_identities_of_another_kind_of_provider_live_in_another_namespace() -> None:
    """An OAuth 2.0 provider cannot prove an issuer, so it must not be able to speak of one's subjects."""
    assert OIDC.namespace == OIDC.issuer
    assert OAUTH2.namespace == f"oauth2:{ENDPOINTS.user}"
    assert problems(replace(OIDC, issuer=OAUTH2.namespace)) != set()


def test_there_is_an_icon_for_every_preset() -> None:
    assert {preset.icon for preset in PRESETS} <= set(ICONS)


# --- whose access tokens manage API keys ------------------------------------------------------------------------------

ACCESS = ApiAccess(audiences=("api://keys",))


def test_access_with_an_audience_alone_is_acceptable() -> None:
    full = ApiAccess(
        audiences=tuple(f"api://{number}" for number in range(20)),
        subject=("tid", "oid"),
        groups="roles",
        admin_group="Key admins",
        tenant="t",
    )

    assert problems(replace(OIDC, api_access=ACCESS)) == problems(replace(OIDC, api_access=full)) == set()


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"audiences": ()}, ("api_access.audiences", "count")),
        ({"audiences": ("a",) * 2}, ("api_access.audiences", "count")),
        ({"audiences": tuple(map(str, range(21)))}, ("api_access.audiences", "count")),
        ({"audiences": ("",)}, ("api_access.audiences", "format")),
        ({"audiences": ("x" * 256,)}, ("api_access.audiences", "format")),
        ({"audiences": ("paseport", "a")}, ("api_access.audiences", "client_id")),
        ({"subject": ()}, ("api_access.subject", "count")),
        ({"subject": ("email",)}, ("api_access.subject", "email")),
        ({"subject": ("",)}, ("api_access.subject", "format")),
        ({"groups": ""}, ("api_access.groups", "format")),
        ({"tenant": "té"}, ("api_access.tenant", "format")),
        ({"groups": "g", "admin_group": ""}, ("api_access.admin_group", "length")),
        ({"groups": "g", "admin_group": "x" * 256}, ("api_access.admin_group", "length")),
        ({"admin_group": "admins"}, ("api_access.groups", "required")),
    ],
)
def test_access_that_is_not_acceptable_is_named(change: dict[str, Any], problem: tuple[str, str]) -> None:
    assert problems(replace(OIDC, api_access=replace(ACCESS, **change))) == {problem}


def test_only_openid_providers_sign_their_access_tokens() -> None:
    assert problems(replace(OAUTH2, api_access=ACCESS)) == {("api_access", "kind")}


@pytest.mark.parametrize(("seconds", "is_good"), [(59, False), (60, True), (86_400, True), (86_401, False)])
def test_a_provider_is_asked_again_within_a_minute_to_a_day(seconds: int, is_good: bool) -> None:
    found = problems(replace(OIDC, refresh_seconds=seconds))

    assert found == (set() if is_good else {("refresh_seconds", "range")})


@pytest.mark.parametrize(
    ("access", "groups", "is_admin"),
    [
        (ACCESS, {"admins"}, False),
        (replace(ACCESS, admin_group="admins"), set(), False),
        (replace(ACCESS, admin_group="admins"), {"admins", "x"}, True),
        (replace(ACCESS, admin_group="admins"), {"Admins", "admins "}, False),
        (replace(ACCESS, admin_group="Straße", group_case_sensitive=False), {"STRASSE"}, True),
        (replace(ACCESS, admin_group="admins", group_case_sensitive=False), {"admin"}, False),
    ],
)
def test_whoever_is_in_the_admin_group_administers_keys(access: ApiAccess, groups: set[str], is_admin: bool) -> None:
    assert access.is_admin(frozenset(groups)) is is_admin
