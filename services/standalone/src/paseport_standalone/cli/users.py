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

_COLUMNS: Final = ("USER NAME", "E-MAIL", "ROLES", "STATUS", "PASSWORD", "ID")

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


@users.command("create")
def create_user(
    username: Annotated[str, typer.Argument(metavar="USERNAME", help="1 to 64 characters, no @.", show_default=False)],
    *,
    email: Annotated[str, typer.Option(help="The address that mail goes to.", show_default=False)],
    role: Annotated[list[str] | None, typer.Option(help="Repeat it for several roles.", show_default=USER)] = None,
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
    """
    output = Output(as_json=json)
    wanted: dict[str, object] = {"username": username, "email": email, "roles": role or [USER]}
    if display_name is not None:
        wanted["display_name"] = display_name
    if password_stdin:
        wanted["password"] = _read_password()
    with connect(at) as issuer:
        user = issuer.create_user(wanted)
    _show(output, user)
    if not user.has_password:
        output.say(f"No password yet. For a one-time link: paseport users reset-password {user.username}")


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


def _row(user: UserView) -> tuple[str, ...]:
    status = "disabled" if user.disabled else "active"
    return (
        user.username,
        user.email,
        ", ".join(user.roles) or "none",
        f"{status}, built in" if user.built_in else status,
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
