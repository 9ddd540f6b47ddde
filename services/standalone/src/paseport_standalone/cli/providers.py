"""``paseport providers``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final, Literal

import msgspec
import typer

from paseport_standalone.cli.client_secret import SecretFile, ask_secret, read_secret
from paseport_standalone.cli.errors import FAILED, USAGE, CommandFailed
from paseport_standalone.cli.issuer_client import IssuerClient, connect, with_parts
from paseport_standalone.cli.options import Issuer, Json
from paseport_standalone.cli.output import Output
from paseport_standalone.cli.provider_views import ApiAccessView, PresetView, ProviderView

_COLUMNS: Final = ("PROVIDER", "NAME", "KIND", "WHERE", "STATUS")
_PRESET_COLUMNS: Final = ("PRESET", "NAME", "KIND", "ISSUER", "E-MAIL TRUSTED")
_STYLES: Final = {"ok": "green", "warning": "yellow", "failed": "bold red"}
_OAUTH2: Final = "oauth2"
_CLEARABLE: Final[Mapping[str, object]] = {
    "allowed_domains": [],
    "default_roles": [],
    "group_roles": [],
    "claims.groups": None,
    "endpoints.emails": None,
    "api_access": None,
    "api_access.subject": None,
    "api_access.groups": None,
    "api_access.admin_group": None,
    "api_access.tenant": None,
}
_SIGNED_OUT: Final = "/signed-out"
"""Where a browser comes back to from the provider's logout."""

TrustEmail = Literal["never", "claim", "always"]
AuthMethod = Literal["client_secret_basic", "client_secret_post"]
ResponseMode = Literal["query", "form_post"]

Provider = Annotated[str, typer.Argument(metavar="PROVIDER", help="Its name or id.", show_default=False)]
# --issuer is whom every command speaks to.
ProviderIssuer = Annotated[
    str | None, typer.Option("--provider-issuer", metavar="URL", help="Its issuer, as its metadata has it.")
]
DisplayName = Annotated[str | None, typer.Option("--name", help="What stands on its button.", show_default=False)]
ClientId = Annotated[str | None, typer.Option("--client-id", help="What Paseport is called there.")]
Method = Annotated[AuthMethod | None, typer.Option("--auth-method", help="How id and secret are sent.")]
Scopes = Annotated[list[str] | None, typer.Option("--scope", help="Repeat it for several.", show_default=False)]
Trust = Annotated[
    TrustEmail | None,
    typer.Option("--trust-email", help="Whether its addresses prove who owns them; claim: where it says verified."),
]
Domains = Annotated[
    list[str] | None, typer.Option("--allow-domain", help="Let only verified addresses of it in; repeatable.")
]
DefaultRoles = Annotated[
    list[str] | None, typer.Option("--default-role", help="What new users hold; repeatable.", show_default=False)
]
GroupRoles = Annotated[
    list[str] | None,
    typer.Option("--group-role", metavar="GROUP=ROLE", help="Members hold the role; repeatable.", show_default=False),
]
GroupsClaim = Annotated[str | None, typer.Option("--groups-claim", help="Where it says somebody's groups.")]
SubjectClaims = Annotated[
    list[str] | None, typer.Option("--subject-claim", help="What names somebody for ever; several are joined.")
]
UsernameClaim = Annotated[str | None, typer.Option("--username-claim")]
EmailClaim = Annotated[str | None, typer.Option("--email-claim")]
VerifiedClaim = Annotated[str | None, typer.Option("--email-verified-claim")]
NameClaim = Annotated[str | None, typer.Option("--name-claim")]
AuthorizationEndpoint = Annotated[
    str | None, typer.Option("--authorization-endpoint", metavar="URL", help="OAuth 2.0 without metadata only.")
]
TokenEndpoint = Annotated[str | None, typer.Option("--token-endpoint", metavar="URL", help="The same.")]
UserEndpoint = Annotated[str | None, typer.Option("--user-endpoint", metavar="URL", help="Says who a token is about.")]
EmailsEndpoint = Annotated[str | None, typer.Option("--emails-endpoint", metavar="URL", help="Lists addresses.")]
Mode = Annotated[ResponseMode | None, typer.Option("--response-mode", help="How its answers travel.")]
Icon = Annotated[str | None, typer.Option(help="The picture on its button: openid, or the name of a preset.")]
Position = Annotated[int | None, typer.Option(min=0, help="Lower ones come first.")]
EndsThere = Annotated[
    bool | None,
    typer.Option("--end-upstream-session/--keep-upstream-session", help="Whether signing out goes on there."),
]
SharedCallback = Annotated[
    bool | None,
    typer.Option("--shared-callback/--own-callback", help="Whether it answers at the shared address (RFC 9207)."),
]
ApiAudiences = Annotated[
    list[str] | None,
    typer.Option("--api-audience", help="Take its access tokens for this audience to manage API keys; repeatable."),
]
ApiSubject = Annotated[
    list[str] | None, typer.Option("--api-subject-claim", help="What names somebody in them, if not as in a sign-in.")
]
ApiGroups = Annotated[str | None, typer.Option("--api-groups-claim", help="Where they say somebody's groups.")]
ApiAdmins = Annotated[str | None, typer.Option("--api-admin-group", help="Its members manage everybody's API keys.")]
ApiCase = Annotated[
    bool | None,
    typer.Option("--api-group-exact-case/--api-group-any-case", help="Whether case counts in the group's name."),
]
ApiTenant = Annotated[str | None, typer.Option("--api-tenant", help="Take only those of this tenant (tid).")]
Refresh = Annotated[
    int | None, typer.Option("--refresh-seconds", min=1, help="After how long its keys are asked for again.")
]

providers = typer.Typer(help="Manage the identity providers through which people sign in.", no_args_is_help=True)


@providers.command("presets")
def list_presets(*, at: Issuer = None, json: Json = False) -> None:
    """List what is known about widespread providers. Parts in braces are to be filled in."""
    output = Output(as_json=json)
    with connect(at) as issuer:
        presets = issuer.presets()
    output.document({"presets": presets})
    output.table(
        _PRESET_COLUMNS,
        (
            (preset.name, preset.display_name, preset.kind, preset.issuer or "", preset.trust_email)
            for preset in presets
        ),
    )


@providers.command("list")
def list_providers(*, at: Issuer = None, json: Json = False) -> None:
    """List the identity providers, disabled ones too, in the order in which people see them."""
    output = Output(as_json=json)
    with connect(at) as issuer:
        found = issuer.providers()
    output.document(found)
    output.table(_COLUMNS, (_row(provider) for provider in found.items), note=f"{found.total} providers")


@providers.command("show")
def show_provider(provider: Provider, *, at: Issuer = None, json: Json = False) -> None:
    """Show all about a provider, and what has to be registered there."""
    output = Output(as_json=json)
    with connect(at) as issuer:
        found = issuer.find_provider(provider)
        ours = issuer.issuer()
    _show(output, found, ours)


@providers.command("create")
def create_provider(
    provider: Annotated[
        str, typer.Argument(metavar="PROVIDER", help="Its name in addresses: it never changes.", show_default=False)
    ],
    *,
    client_id: Annotated[str, typer.Option(help="What Paseport is called there.", show_default=False)],
    client_secret_file: SecretFile = None,
    preset: Annotated[str | None, typer.Option(help="What to begin with; see `paseport providers presets`.")] = None,
    provider_issuer: ProviderIssuer = None,
    name: DisplayName = None,
    auth_method: Method = None,
    scope: Scopes = None,
    trust_email: Trust = None,
    allow_domain: Domains = None,
    no_create_users: Annotated[bool, typer.Option("--no-create-users", help="Only who has an account enters.")] = False,
    default_role: DefaultRoles = None,
    group_role: GroupRoles = None,
    groups_claim: GroupsClaim = None,
    subject_claim: SubjectClaims = None,
    username_claim: UsernameClaim = None,
    email_claim: EmailClaim = None,
    email_verified_claim: VerifiedClaim = None,
    name_claim: NameClaim = None,
    authorization_endpoint: AuthorizationEndpoint = None,
    token_endpoint: TokenEndpoint = None,
    user_endpoint: UserEndpoint = None,
    emails_endpoint: EmailsEndpoint = None,
    response_mode: Mode = None,
    shared_callback: SharedCallback = None,
    end_upstream_session: EndsThere = None,
    api_audience: ApiAudiences = None,
    api_subject_claim: ApiSubject = None,
    api_groups_claim: ApiGroups = None,
    api_admin_group: ApiAdmins = None,
    api_group_exact_case: ApiCase = None,
    api_tenant: ApiTenant = None,
    refresh_seconds: Refresh = None,
    icon: Icon = None,
    position: Position = None,
    default: Annotated[bool, typer.Option("--default", help="The one that is meant where none is named.")] = False,
    disabled: Annotated[bool, typer.Option("--disabled", help="Nobody sees it yet; it need not answer.")] = False,
    at: Issuer = None,
    json: Json = False,
) -> None:
    """Register an identity provider. It has to answer, unless it is --disabled.

    The client secret is asked for, or read from a file: arguments are seen by every user of the machine.
    """
    output = Output(as_json=json)
    stated = _body({
        "display_name": name,
        "issuer": provider_issuer,
        "auth_method": auth_method,
        "scopes": scope,
        "trust_email": trust_email,
        "allowed_domains": allow_domain,
        "create_users": False if no_create_users else None,
        "default_roles": default_role,
        "group_roles": _lines(group_role),
        "claims.groups": groups_claim,
        "claims.subject": subject_claim,
        "claims.username": username_claim,
        "claims.email": email_claim,
        "claims.email_verified": email_verified_claim,
        "claims.name": name_claim,
        "endpoints.authorization": authorization_endpoint,
        "endpoints.token": token_endpoint,
        "endpoints.user": user_endpoint,
        "endpoints.emails": emails_endpoint,
        "response_mode": response_mode,
        "shared_callback": shared_callback,
        "end_upstream_session": end_upstream_session,
        "api_access.audiences": api_audience,
        "api_access.subject": api_subject_claim,
        "api_access.groups": api_groups_claim,
        "api_access.admin_group": api_admin_group,
        "api_access.group_case_sensitive": api_group_exact_case,
        "api_access.tenant": api_tenant,
        "refresh_seconds": refresh_seconds,
        "icon": icon,
        "position": position,
        "is_default": default or None,
        "enabled": False if disabled else None,
    })  # fmt: skip
    with connect(at) as issuer:
        wanted = _completed(stated, provider, None if preset is None else _preset(issuer, preset))
        secret = ask_secret() if client_secret_file is None else read_secret(client_secret_file)
        registration = {**wanted, "name": provider, "client_id": client_id, "client_secret": secret}
        created = issuer.create_provider(registration)
        ours = issuer.issuer()
    output.document(created)
    output.table(_COLUMNS, [_row(created)])
    output.say("")
    output.say("Register there:")
    for what, address in _addresses(created, ours).items():
        output.say(f"{what}: {address}")
    output.say("")
    output.say(f"Then: paseport providers test {created.name}")


@providers.command("change")
def change_provider(
    provider: Provider,
    *,
    client_id: ClientId = None,
    client_secret_file: SecretFile = None,
    ask_client_secret: Annotated[bool, typer.Option("--ask-client-secret", help="Ask for a new secret.")] = False,
    provider_issuer: ProviderIssuer = None,
    name: DisplayName = None,
    auth_method: Method = None,
    scope: Scopes = None,
    trust_email: Trust = None,
    allow_domain: Domains = None,
    create_users: Annotated[
        bool | None, typer.Option("--create-users/--no-create-users", help="Whether who is new gets an account.")
    ] = None,
    default_role: DefaultRoles = None,
    group_role: GroupRoles = None,
    groups_claim: GroupsClaim = None,
    subject_claim: SubjectClaims = None,
    username_claim: UsernameClaim = None,
    email_claim: EmailClaim = None,
    email_verified_claim: VerifiedClaim = None,
    name_claim: NameClaim = None,
    authorization_endpoint: AuthorizationEndpoint = None,
    token_endpoint: TokenEndpoint = None,
    user_endpoint: UserEndpoint = None,
    emails_endpoint: EmailsEndpoint = None,
    response_mode: Mode = None,
    shared_callback: SharedCallback = None,
    end_upstream_session: EndsThere = None,
    api_audience: ApiAudiences = None,
    api_subject_claim: ApiSubject = None,
    api_groups_claim: ApiGroups = None,
    api_admin_group: ApiAdmins = None,
    api_group_exact_case: ApiCase = None,
    api_tenant: ApiTenant = None,
    refresh_seconds: Refresh = None,
    icon: Icon = None,
    position: Position = None,
    default: Annotated[
        bool | None, typer.Option("--default/--no-default", help="Whether it is meant where none is named.")
    ] = None,
    clear: Annotated[list[str] | None, typer.Option(help=f"Empty one of {', '.join(_CLEARABLE)}; repeatable.")] = None,
    at: Issuer = None,
    json: Json = False,
) -> None:
    """Change what is named. A list that is named replaces the one before.

    A new issuer is another provider: nobody who was linked before is known there.
    """
    changes: dict[str, object | None] = {
        "client_id": client_id,
        "display_name": name,
        "issuer": provider_issuer,
        "auth_method": auth_method,
        "scopes": scope,
        "trust_email": trust_email,
        "allowed_domains": allow_domain,
        "create_users": create_users,
        "default_roles": default_role,
        "group_roles": _lines(group_role),
        "claims.groups": groups_claim,
        "claims.subject": subject_claim,
        "claims.username": username_claim,
        "claims.email": email_claim,
        "claims.email_verified": email_verified_claim,
        "claims.name": name_claim,
        "endpoints.authorization": authorization_endpoint,
        "endpoints.token": token_endpoint,
        "endpoints.user": user_endpoint,
        "endpoints.emails": emails_endpoint,
        "response_mode": response_mode,
        "shared_callback": shared_callback,
        "end_upstream_session": end_upstream_session,
        "api_access.audiences": api_audience,
        "api_access.subject": api_subject_claim,
        "api_access.groups": api_groups_claim,
        "api_access.admin_group": api_admin_group,
        "api_access.group_case_sensitive": api_group_exact_case,
        "api_access.tenant": api_tenant,
        "refresh_seconds": refresh_seconds,
        "icon": icon,
        "position": position,
        "is_default": default,
    }
    if not set(clear or ()).issubset(_CLEARABLE):
        raise CommandFailed("usage", f"--clear empties one of {', '.join(_CLEARABLE)}.", exit_code=USAGE)
    body = _body(changes, cleared=clear or ())
    if client_secret_file is not None:
        body["client_secret"] = read_secret(client_secret_file)
    elif ask_client_secret:
        body["client_secret"] = ask_secret()
    if not body:
        raise CommandFailed("usage", "Name what to change.", exit_code=USAGE)
    output = Output(as_json=json)
    with connect(at) as issuer:
        changed = issuer.change_provider(provider, body)
        ours = issuer.issuer()
    _show(output, changed, ours)


@providers.command("enable")
def enable_provider(provider: Provider, *, at: Issuer = None, json: Json = False) -> None:
    """Let people sign in through a provider again. It has to answer."""
    _switch(at, provider, enabled=True, as_json=json)


@providers.command("disable")
def disable_provider(provider: Provider, *, at: Issuer = None, json: Json = False) -> None:
    """Let nobody in through a provider any more.

    Who is on the way through it does not arrive. Sessions and links stay: to end a user's, disable the user.
    """
    _switch(at, provider, enabled=False, as_json=json)


@providers.command("test")
def try_provider(provider: Provider, *, at: Issuer = None, json: Json = False) -> None:
    """Try the connection to a provider, its credentials included. Exits with 1 if a line failed."""
    output = Output(as_json=json)
    with connect(at) as issuer:
        found = issuer.try_provider(provider)
    output.document({"provider": provider, "findings": found.findings})
    for finding in found.findings:
        output.mark(f"{finding.outcome:<7}", _STYLES.get(finding.outcome, ""), f"{finding.check}: {finding.message}")
    if any(finding.outcome == "failed" for finding in found.findings):
        raise typer.Exit(FAILED)


def _switch(at: str | None, provider: str, *, enabled: bool, as_json: bool) -> None:
    output = Output(as_json=as_json)
    with connect(at) as issuer:
        changed = issuer.change_provider(provider, {"enabled": enabled})
    output.document(changed)
    output.table(_COLUMNS, [_row(changed)])


def _body(stated: Mapping[str, object | None], *, cleared: list[str] | tuple[str, ...] = ()) -> dict[str, object]:
    """Return what is stated, as the issuer takes it: ``claims.groups`` is a member of ``claims``."""
    named = {name: value for name, value in stated.items() if value is not None and value != []}
    body: dict[str, object] = {}
    parts: dict[str, dict[str, object]] = {}
    for name, value in {**named, **{name: _CLEARABLE[name] for name in cleared}}.items():
        head, dot, member = name.partition(".")
        if dot:
            parts.setdefault(head, {})[member] = value
        else:
            body[name] = value
    return {**body, **parts}


def _lines(group_roles: list[str] | None) -> list[dict[str, str]]:
    lines = []
    for line in group_roles or ():
        # A group may have an equals sign in its name, as a DN of LDAP has; a role may not.
        group, equals, role = line.rpartition("=")
        if not (group and equals and role):
            raise CommandFailed("usage", "--group-role takes GROUP=ROLE.", exit_code=USAGE)
        lines.append({"group": group, "role": role})
    return lines


def _preset(issuer: IssuerClient, name: str) -> PresetView:
    presets = {preset.name: preset for preset in issuer.presets()}
    if name not in presets:
        known = ", ".join(presets)
        raise CommandFailed("usage", f"There is no preset {name}.", advice=f"There are {known}.", exit_code=USAGE)
    return presets[name]


def _completed(stated: dict[str, object], name: str, preset: PresetView | None) -> dict[str, object]:
    """Return what is stated on top of what is known."""
    if preset is None:
        kind = {"kind": _OAUTH2} if "endpoints" in stated else {}
        return {"display_name": name, **kind, **stated}
    known = {field: value for field, value in msgspec.to_builtins(preset).items() if field != "name"}
    if "{" in (preset.issuer or "") and "issuer" not in stated:
        raise CommandFailed(
            "usage",
            f"The preset {preset.name} needs the provider's issuer.",
            advice=f"--provider-issuer {preset.issuer}, with your values for what is in braces.",
            exit_code=USAGE,
        )
    return {**known, **with_parts(stated, known)}


def _row(provider: ProviderView) -> tuple[str, ...]:
    return (provider.name, provider.display_name, provider.kind, _where(provider), _status(provider))


def _where(provider: ProviderView) -> str:
    return provider.issuer or (provider.endpoints.user if provider.endpoints else "")


def _status(provider: ProviderView) -> str:
    status = "enabled" if provider.enabled else "disabled"
    return f"{status}, default" if provider.is_default else status


def _addresses(provider: ProviderView, ours: str) -> dict[str, str]:
    """Return what has to be registered at the provider."""
    addresses = {"redirect URI": provider.redirect_uri}
    if provider.kind != _OAUTH2:
        addresses["back-channel logout URI"] = provider.backchannel_logout_uri
        addresses["post-logout redirect URI"] = ours + _SIGNED_OUT
    return addresses


def _show(output: Output, provider: ProviderView, ours: str) -> None:
    output.document(provider)
    endpoints = {} if provider.endpoints is None else msgspec.to_builtins(provider.endpoints)
    facts = {
        "provider": provider.name,
        "id": provider.id,
        "name": provider.display_name,
        "status": _status(provider),
        "kind": provider.kind,
        **({"issuer": provider.issuer} if provider.issuer else {}),
        **{f"{name} endpoint": address for name, address in endpoints.items() if address},
        "client id": provider.client_id,
        "authenticates with": provider.auth_method,
        "scopes": " ".join(provider.scopes),
        "answers by": provider.response_mode,
        "subject": ", ".join(provider.claims.subject),
        "user name": provider.claims.username,
        "e-mail": provider.claims.email,
        "e-mail verified": provider.claims.email_verified,
        "display name": provider.claims.name,
        "groups": provider.claims.groups,
        "e-mail trusted": provider.trust_email,
        "only domains": ", ".join(provider.allowed_domains),
        "makes accounts": "yes" if provider.create_users else "no",
        "default roles": ", ".join(provider.default_roles),
        "roles of groups": ", ".join(f"{line.group}={line.role}" for line in provider.group_roles),
        "signing out": "goes on there" if provider.end_upstream_session else "ends here",
        **_api_access(provider.api_access),
        "asked again after": f"{provider.refresh_seconds} s",
        **_addresses(provider, ours),
    }
    output.table(("", "VALUE"), ((name, value or "none") for name, value in facts.items()))


def _api_access(access: ApiAccessView | None) -> dict[str, str | None]:
    if access is None:
        return {"its tokens manage API keys": "no"}
    case = "" if access.group_case_sensitive else ", in any case"
    return {
        "its tokens manage API keys": f"for {', '.join(access.audiences)}",
        "their subject": ", ".join(access.subject or ("as in a sign-in",)),
        "their groups": access.groups or "as in a sign-in",
        "their administrators": access.admin_group and f"{access.admin_group}{case}",
        "their tenant": access.tenant,
    }
