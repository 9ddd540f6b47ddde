"""``paseport users``."""

from __future__ import annotations

import sys
from typing import Annotated, Final, Literal

import typer
from paseport_shared.domain.models.roles import USER

from paseport_standalone.cli.errors import USAGE, CommandFailed
from paseport_standalone.cli.issuer_client import UserView, connect
from paseport_standalone.cli.options import Issuer, Json, Login
from paseport_standalone.cli.output import Output
from paseport_standalone.cli.paging import Cursor, Limit, note_of, query_of

_IDENTITY_COLUMNS: Final = ("ID", "PROVIDER", "CALLED THERE", "LINKED", "LAST USED")
_COLUMNS: Final = ("USER NAME", "E-MAIL", "ROLES", "STATUS", "PASSWORD", "ID")

EmailVerified = Annotated[
    bool, typer.Option("--email-verified", help="It is known that the address is this person's.", show_default=False)
]

users = typer.Typer(help="Manage users of the running issuer.", no_args_is_help=True)


@users.command("list")
def list_users(
    *,
    search: Annotated[str, typer.Option(help="Part of a user name, an e-mail address or a display name.")] = "",
    role: Annotated[str | None, typer.Option(help="Only who has this role.")] = None,
    status: Annotated[Literal["active", "disabled"] | None, typer.Option(help="Only accounts in this state.")] = None,
    sort: Annotated[str, typer.Option(help="username, email or created_at; a minus sign in front turns it round.")] = (
        "username"
    ),
    limit: Limit = 50,
    cursor: Cursor = None,
    at: Issuer = None,
    json: Json = False,
) -> None:
    """List users, one page at a time."""
    output = Output(as_json=json)
    query = query_of(limit=limit, search=search or None, role=role, status=status, sort=sort, cursor=cursor)
    with connect(at) as issuer:
        page = issuer.users(query)
    output.document(page)
    output.table(_COLUMNS, (_row(user) for user in page.items), note=note_of(page, "users"))


@users.command("show")
def show_user(user: Login, *, at: Issuer = None, json: Json = False) -> None:
    """Show all about a user."""
    output = Output(as_json=json)
    with connect(at) as issuer:
        found = issuer.find_user(user)
    _show_all(output, found)


@users.command("create")
def create_user(
    username: Annotated[str, typer.Argument(metavar="USERNAME", help="1 to 64 characters, no @.", show_default=False)],
    *,
    email: Annotated[str, typer.Option(help="The address that mail goes to.", show_default=False)],
    role: Annotated[list[str] | None, typer.Option(help="Repeat it for several roles.", show_default=USER)] = None,
    email_verified: EmailVerified = False,
    display_name: Annotated[str | None, typer.Option(help="The name that others see.")] = None,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password, one line, from standard input.")
    ] = False,
    at: Issuer = None,
    json: Json = False,
) -> None:
    """Create a user.

    A password is never an argument: arguments are seen by every user of the machine and kept in histories. Without
    --password-stdin the account has none until its holder opens the link of `paseport users reset-password`.

    With --email-verified an identity provider that is trusted with addresses signs its holder in without a password.
    """
    output = Output(as_json=json)
    wanted: dict[str, object] = {"username": username, "email": email, "roles": role or [USER]}
    if display_name is not None:
        wanted["display_name"] = display_name
    if email_verified:
        wanted["email_verified"] = True
    if password_stdin:
        wanted["password"] = _read_password()
    with connect(at) as issuer:
        user = issuer.create_user(wanted)
    _show(output, user)
    if not user.has_password:
        output.say(f"No password yet. For a one-time link: paseport users reset-password {user.username}")


@users.command("change")
def change_user(
    user: Login,
    *,
    username: Annotated[str | None, typer.Option(help="A new user name.", show_default=False)] = None,
    email: Annotated[str | None, typer.Option(help="A new address: not verified, unless you say so.")] = None,
    email_verified: Annotated[
        bool | None,
        typer.Option(
            "--email-verified/--email-unverified", help="Whether it is known that the address is this person's."
        ),
    ] = None,
    display_name: Annotated[str | None, typer.Option(help="The name that others see.")] = None,
    at: Issuer = None,
    json: Json = False,
) -> None:
    """Change what is named.

    --email-verified lets whoever has the address at an identity provider in beside whoever opened the account: say it
    only where both are the same person.
    """
    stated: dict[str, object | None] = {
        "username": username,
        "email": email,
        "email_verified": email_verified,
        "display_name": display_name,
    }
    changes = {field: value for field, value in stated.items() if value is not None}
    if not changes:
        raise CommandFailed("usage", "Name what to change.", exit_code=USAGE)
    output = Output(as_json=json)
    with connect(at) as issuer:
        changed = issuer.change_user(user, changes)
    _show_all(output, changed)


@users.command("identities")
def list_identities(user: Login, *, at: Issuer = None, json: Json = False) -> None:
    """List the accounts at identity providers with which a user signs in."""
    output = Output(as_json=json)
    with connect(at) as issuer:
        found = issuer.find_user(user)
        identities = issuer.identities(found.id)
    output.document(identities)
    password = "a password too" if identities.has_password else "no password"
    output.table(
        _IDENTITY_COLUMNS,
        (
            (
                identity.id,
                identity.provider.name if identity.provider_enabled else f"{identity.provider.name} (disabled)",
                identity.email or "",
                identity.linked_at,
                identity.last_used_at,
            )
            for identity in identities.items
        ),
        note=f"{len(identities.items)} identities; {password}",
    )


@users.command("unlink")
def unlink_identity(
    user: Login,
    identity: Annotated[
        str, typer.Argument(metavar="IDENTITY", help="Its id, as `identities` lists it.", show_default=False)
    ],
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do it, although nothing else signs the user in.")] = False,
    at: Issuer = None,
    json: Json = False,
) -> None:
    """Take an account at an identity provider away from a user. Sessions go on: to end them, disable the user."""
    output = Output(as_json=json)
    with connect(at) as issuer:
        found = issuer.find_user(user)
        held = next((held for held in issuer.identities(found.id).items if held.id == identity), None)
        if held is None:
            advice = f"See `paseport users identities {found.username}`."
            raise CommandFailed("not_found", f"{found.username} has no identity {identity}.", advice=advice)
        if held.last_credential and not yes:
            message = f"Nothing else signs {found.username} in. Repeat with --yes."
            advice = f"For a one-time link to a password: paseport users reset-password {found.username}"
            raise CommandFailed("usage", message, advice=advice, exit_code=USAGE)
        issuer.unlink_identity(found.id, held.id)
    output.document({"user_id": found.id, "unlinked": held.id})
    output.say(f"{found.username} does not sign in through {held.provider.name} any more.")


@users.command("set-roles")
def set_roles(
    user: Login,
    roles: Annotated[
        list[str] | None, typer.Argument(metavar="ROLE...", help="All the user's roles.", show_default=False)
    ] = None,
    *,
    none: Annotated[bool, typer.Option("--none", help="Take all roles away.")] = False,
    at: Issuer = None,
    json: Json = False,
) -> None:
    """Give a user exactly these roles. In force within a second, with the tokens that are out already."""
    if bool(roles) == none:
        raise CommandFailed("usage", "Name the roles, or take all away with --none.", exit_code=USAGE)
    _change(at, user, {"roles": roles or []}, as_json=json)


@users.command("disable")
def disable_user(user: Login, *, at: Issuer = None, json: Json = False) -> None:
    """Lock a user out: sessions, refresh tokens and access tokens die at once."""
    _change(at, user, {"disabled": True}, as_json=json)


@users.command("enable")
def enable_user(user: Login, *, at: Issuer = None, json: Json = False) -> None:
    """Let a disabled user sign in again."""
    _change(at, user, {"disabled": False}, as_json=json)


@users.command("reset-password")
def reset_password(user: Login, *, at: Issuer = None, json: Json = False) -> None:
    """Print a link with which its holder sets a new password: once, within 30 minutes.

    Hand it over on a way that only the user reads. Sessions end when the link is used; an older link stops working now.
    """
    output = Output(as_json=json)
    with connect(at) as issuer:
        found = issuer.find_user(user)
        link = issuer.reset_password(found.id)
    output.document({"user": found, "url": link.url, "expires_at": link.expires_at})
    output.say(f"One-time link for {found.username}, good until {link.expires_at}:")
    output.say(link.url)


def _change(at: str | None, name: str, changes: dict[str, object], *, as_json: bool) -> None:
    output = Output(as_json=as_json)
    with connect(at) as issuer:
        user = issuer.change_user(name, changes)
    _show(output, user)


def _show(output: Output, user: UserView) -> None:
    output.document(user)
    output.table(_COLUMNS, [_row(user)])


def _show_all(output: Output, user: UserView) -> None:
    output.document(user)
    facts = {
        "user name": user.username,
        "id": user.id,
        "display name": user.display_name or "none",
        "e-mail": user.email,
        "e-mail verified": "yes" if user.email_verified else "no",
        "roles": ", ".join(user.roles) or "none",
        "status": _status(user),
        "password": "set" if user.has_password else "none",
        "created": user.created_at,
        "last changed": user.updated_at,
    }
    output.table(("", "VALUE"), facts.items())


def _status(user: UserView) -> str:
    status = "disabled" if user.disabled else "active"
    return f"{status}, built in" if user.built_in else status


def _row(user: UserView) -> tuple[str, ...]:
    return (
        user.username,
        user.email,
        ", ".join(user.roles) or "none",
        _status(user),
        "set" if user.has_password else "none",
        user.id,
    )


def _read_password() -> str:
    line = sys.stdin.readline()
    # The line's end is not part of it; spaces are.
    password = line.removesuffix("\n").removesuffix("\r")
    if not password:
        raise CommandFailed("usage", "Standard input holds no password.", exit_code=USAGE)
    return password
