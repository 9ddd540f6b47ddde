"""``paseport clients``."""

from __future__ import annotations

from typing import Annotated, Final, Literal

import typer

from paseport_standalone.cli.errors import USAGE, CommandFailed
from paseport_standalone.cli.issuer_client import ClientView, connect
from paseport_standalone.cli.options import Issuer, Json
from paseport_standalone.cli.output import Output
from paseport_standalone.cli.paging import Cursor, Limit, note_of, query_of
from paseport_standalone.cli.secrets import A_DAY, PreviousExpiresIn, states_of, tell_rolled, tell_secret

_COLUMNS: Final = ("CLIENT", "NAME", "AUTHENTICATES WITH", "GRANTS", "STATUS", "SOURCE")

AuthMethod = Literal["none", "client_secret_basic", "client_secret_post"]
Kind = Literal["web", "native"]
_CLEARABLE: Final = (
    "grants",
    "scopes",
    "audiences",
    "redirect_uris",
    "post_logout_redirect_uris",
    "access_token_lifetime",
    "refresh_lifetime",
)

ClientId = Annotated[str, typer.Argument(metavar="CLIENT", help="The client's id.", show_default=False)]
Grants = Annotated[
    list[str] | None,
    typer.Option("--grant", help="authorization_code, refresh_token or client_credentials; repeatable."),
]
Scopes = Annotated[list[str] | None, typer.Option("--scope", help="Repeat it for several.", show_default=False)]
Audiences = Annotated[
    list[str] | None, typer.Option("--audience", help="A URI that it may name as resource; repeatable.")
]
RedirectUris = Annotated[
    list[str] | None, typer.Option("--redirect-uri", help="Compared character by character; repeatable.")
]
PostLogoutUris = Annotated[
    list[str] | None, typer.Option("--post-logout-redirect-uri", help="Where to go after signing out; repeatable.")
]
AccessLifetime = Annotated[int | None, typer.Option("--access-token-lifetime", min=1, help="Seconds, if shorter.")]
RefreshLifetime = Annotated[int | None, typer.Option("--refresh-lifetime", min=1, help="Seconds, if shorter.")]

clients = typer.Typer(help="Manage OAuth clients of the running issuer.", no_args_is_help=True)


@clients.command("list")
def list_clients(
    *,
    search: Annotated[str, typer.Option(help="Part of an id or a name.")] = "",
    limit: Limit = 50,
    cursor: Cursor = None,
    at: Issuer = None,
    json: Json = False,
) -> None:
    """List clients, those of the installation included, one page at a time."""
    output = Output(as_json=json)
    query = query_of(limit=limit, search=search or None, cursor=cursor)
    with connect(at) as issuer:
        page = issuer.clients(query)
    output.document(page)
    output.table(_COLUMNS, (_row(client) for client in page.items), note=note_of(page, "clients"))


@clients.command("show")
def show_client(client: ClientId, *, at: Issuer = None, json: Json = False) -> None:
    """Show all about a client."""
    output = Output(as_json=json)
    with connect(at) as issuer:
        found = issuer.client(client)
    _show(output, found)


@clients.command("create")
def create_client(
    client: ClientId,
    *,
    name: Annotated[str, typer.Option(help="What people are shown.", show_default=False)],
    grant: Grants = None,
    scope: Scopes = None,
    audience: Audiences = None,
    redirect_uri: RedirectUris = None,
    post_logout_redirect_uri: PostLogoutUris = None,
    auth_method: Annotated[AuthMethod, typer.Option(help="none: a public client.")] = "client_secret_basic",
    application_type: Annotated[Kind, typer.Option(help="native: phones and desktops.")] = "web",
    first_party: Annotated[bool, typer.Option("--first-party", help="Nobody is asked for consent.")] = False,
    without_pkce: Annotated[bool, typer.Option("--without-pkce", help="For software that cannot do PKCE.")] = False,
    access_token_lifetime: AccessLifetime = None,
    refresh_lifetime: RefreshLifetime = None,
    at: Issuer = None,
    json: Json = False,
) -> None:
    """Create a client.

    Its secret, where it has one, is printed now and never again. Without --grant it may use authorization_code, without
    --scope it may ask for openid.
    """
    output = Output(as_json=json)
    stated: dict[str, object | None] = {
        "client_id": client,
        "name": name,
        "grants": grant,
        "scopes": scope,
        "audiences": audience,
        "redirect_uris": redirect_uri,
        "post_logout_redirect_uris": post_logout_redirect_uri,
        "auth_method": auth_method,
        "application_type": application_type,
        "first_party": first_party,
        "require_pkce": not without_pkce,
        "access_token_lifetime": access_token_lifetime,
        "refresh_lifetime": refresh_lifetime,
    }
    with connect(at) as issuer:
        created = issuer.create_client({field: value for field, value in stated.items() if value})
    output.document(created)
    output.table(_COLUMNS, [_row(created)])
    if created.client_secret is not None:
        tell_secret(output, created.client_secret)


@clients.command("update")
def update_client(
    client: ClientId,
    *,
    name: Annotated[str | None, typer.Option(help="What people are shown.", show_default=False)] = None,
    grant: Grants = None,
    scope: Scopes = None,
    audience: Audiences = None,
    redirect_uri: RedirectUris = None,
    post_logout_redirect_uri: PostLogoutUris = None,
    auth_method: Annotated[AuthMethod | None, typer.Option(help="none: it loses its secrets.")] = None,
    application_type: Annotated[Kind | None, typer.Option(help="native: phones and desktops.")] = None,
    first_party: Annotated[
        bool | None, typer.Option("--first-party/--third-party", help="Whether nobody is asked for consent.")
    ] = None,
    require_pkce: Annotated[bool | None, typer.Option("--require-pkce/--without-pkce")] = None,
    disabled: Annotated[bool | None, typer.Option("--disable/--enable", help="Whether it may do nothing.")] = None,
    access_token_lifetime: AccessLifetime = None,
    refresh_lifetime: RefreshLifetime = None,
    clear: Annotated[list[str] | None, typer.Option(help=f"Empty one of {', '.join(_CLEARABLE)}; repeatable.")] = None,
    at: Issuer = None,
    json: Json = False,
) -> None:
    """Change what is named. A list that is named replaces the one before.

    Disabling ends what the client could do next; access tokens that are out go on until they expire, within minutes.
    """
    stated: dict[str, object | None] = {
        "name": name,
        "grants": grant,
        "scopes": scope,
        "audiences": audience,
        "redirect_uris": redirect_uri,
        "post_logout_redirect_uris": post_logout_redirect_uri,
        "auth_method": auth_method,
        "application_type": application_type,
        "first_party": first_party,
        "require_pkce": require_pkce,
        "disabled": disabled,
        "access_token_lifetime": access_token_lifetime,
        "refresh_lifetime": refresh_lifetime,
    }
    changes = {field: value for field, value in stated.items() if value is not None and value != []}
    for field in clear or ():
        changes[field] = None if field.endswith("_lifetime") else []
    if not set(clear or ()).issubset(_CLEARABLE):
        raise CommandFailed("usage", f"--clear empties one of {', '.join(_CLEARABLE)}.", exit_code=USAGE)
    if not changes:
        raise CommandFailed("usage", "Name what to change.", exit_code=USAGE)
    output = Output(as_json=json)
    with connect(at) as issuer:
        changed = issuer.change_client(client, changes)
    _show(output, changed)


@clients.command("roll-secret")
def roll_secret(
    client: ClientId,
    *,
    previous_expires_in: PreviousExpiresIn = A_DAY,
    at: Issuer = None,
    json: Json = False,
) -> None:
    """Make a new secret, printed now and never again. Two are live until the older one ends."""
    output = Output(as_json=json)
    with connect(at) as issuer:
        rolled = issuer.roll_client_secret(client, previous_expires_in)
    tell_rolled(output, rolled)


@clients.command("delete-secret")
def delete_secret(
    client: ClientId,
    secret_id: Annotated[str, typer.Argument(metavar="SECRET", help="Its id, as `show` lists it.", show_default=False)],
    *,
    at: Issuer = None,
    json: Json = False,
) -> None:
    """End a secret now, even the last one."""
    output = Output(as_json=json)
    with connect(at) as issuer:
        issuer.delete_client_secret(client, secret_id)
    output.document({"client_id": client, "deleted_secret": secret_id})
    output.say(f"Secret {secret_id} of {client} has ended.")


@clients.command("delete")
def delete_client(
    client: ClientId,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do it: there is no way back.")] = False,
    at: Issuer = None,
    json: Json = False,
) -> None:
    """Delete a client for good: its id is never given out again."""
    if not yes:
        advice = f"To stop it for a while: paseport clients update {client} --disable"
        raise CommandFailed("usage", "Deleting is for good. Repeat with --yes.", advice=advice, exit_code=USAGE)
    output = Output(as_json=json)
    with connect(at) as issuer:
        issuer.delete_client(client)
    output.document({"deleted": client})
    output.say(f"Deleted {client}.")


def _row(client: ClientView) -> tuple[str, ...]:
    return (
        client.client_id,
        client.name,
        client.auth_method,
        ", ".join(client.grants) or "none",
        "disabled" if client.disabled else "active",
        client.source.replace("_", " "),
    )


def _show(output: Output, client: ClientView) -> None:
    output.document(client)
    facts = {
        "client": client.client_id,
        "name": client.name,
        "status": "disabled" if client.disabled else "active",
        "source": client.source.replace("_", " "),
        "party": "first (no consent)" if client.first_party else "third (asks for consent)",
        "type": client.application_type,
        "authenticates with": client.auth_method,
        "PKCE": "required" if client.require_pkce else "not required",
        "grants": ", ".join(client.grants),
        "scopes": " ".join(client.scopes),
        "audience": client.audience,
        "audiences": ", ".join(client.audiences),
        "redirect URIs": ", ".join(client.redirect_uris),
        "after signing out": ", ".join(client.post_logout_redirect_uris),
        "access token lifetime": _lifetime(client.access_token_lifetime),
        "refresh lifetime": _lifetime(client.refresh_lifetime),
        **states_of(client.secrets),
    }
    output.table(("", "VALUE"), ((name, value or "none") for name, value in facts.items()))


def _lifetime(seconds: int | None) -> str:
    return "of the installation" if seconds is None else f"{seconds} s"
