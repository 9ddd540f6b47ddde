"""``paseport api-keys``."""

from __future__ import annotations

import re
from typing import Annotated, Final

import typer

from paseport_standalone.cli.api_key_views import ApiKeyView, NewApiKeyView
from paseport_standalone.cli.errors import USAGE, CommandFailed
from paseport_standalone.cli.issuer_client import connect
from paseport_standalone.cli.options import Issuer, Json
from paseport_standalone.cli.output import Output
from paseport_standalone.cli.paging import Cursor, Limit, note_of, query_of

_COLUMNS: Final = ("KEY", "NAME", "OWNER", "WORKS AT", "EXPIRES", "LAST USED", "STATUS")
_RATE: Final = re.compile(r"(?P<count>[0-9]{1,9})/(?P<seconds>[0-9]{1,9})")

KeyId = Annotated[str, typer.Argument(metavar="KEY", help="Its id, or what it begins with: ppk_…", show_default=False)]
Own = Annotated[bool, typer.Option("--mine", help="Of your own keys: for whoever is no administrator.")]

api_keys = typer.Typer(help="Manage API keys of the running issuer.", no_args_is_help=True)


@api_keys.command("list")
def list_api_keys(
    *,
    search: Annotated[str, typer.Option(help="Part of a name, a comment or a user name.")] = "",
    owner: Annotated[str | None, typer.Option(help="Only of this user: a name, an e-mail address or an id.")] = None,
    mine: Own = False,
    limit: Limit = 50,
    cursor: Cursor = None,
    at: Issuer = None,
    json: Json = False,
) -> None:
    """List API keys, the newest first, one page at a time."""
    if mine and owner is not None:
        raise CommandFailed("usage", "Use --owner or --mine.", exit_code=USAGE)
    output = Output(as_json=json)
    query = query_of(limit=limit, search=search or None, owner=owner, cursor=cursor)
    with connect(at) as issuer:
        page = issuer.api_keys(query, own=mine)
    output.document(page)
    output.table(_COLUMNS, (_row(key) for key in page.items), note=note_of(page, "keys"))


@api_keys.command("create")
def create_api_key(
    name: Annotated[str, typer.Argument(help="What it is for.", show_default=False)],
    *,
    owner: Annotated[
        str | None, typer.Option(help="Whose it becomes: a name, an e-mail address or an id.", show_default=False)
    ] = None,
    mine: Own = False,
    role: Annotated[list[str] | None, typer.Option(help="One that its owner holds; repeatable.")] = None,
    scope: Annotated[list[str] | None, typer.Option(help="Repeat it for several.", show_default=False)] = None,
    host: Annotated[
        list[str] | None, typer.Option(help="Where it works: app.example.com, *.example.com; repeatable.")
    ] = None,
    path: Annotated[list[str] | None, typer.Option(help="With all that is below it; repeatable.")] = None,
    method: Annotated[list[str] | None, typer.Option(help="GET, POST, …; repeatable.")] = None,
    cidr: Annotated[list[str] | None, typer.Option(help="From where: 10.0.0.0/8; repeatable.")] = None,
    rate_limit: Annotated[
        str | None, typer.Option(metavar="COUNT/SECONDS", help="100/60: at most 100 requests a minute.")
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Count them in one place for all nodes.")] = False,
    expires_in_days: Annotated[int | None, typer.Option(min=1, help="How long it lives.", show_default="90")] = None,
    expires_at: Annotated[str | None, typer.Option(help="When it ends: 2030-12-31T00:00:00Z.")] = None,
    never_expires: Annotated[bool, typer.Option("--never-expires", help="An administrator's decision.")] = False,
    comment: Annotated[str, typer.Option(help="Up to 500 characters.")] = "",
    email: Annotated[str | None, typer.Option(help="Whom to tell about it.")] = None,
    at: Issuer = None,
    json: Json = False,
) -> None:
    """Make an API key, printed now and never again.

    Without --host, --path, --method or --cidr it works everywhere. It is never worth more than its owner: of its roles
    only those count that its owner holds at the moment.
    """
    if mine == (owner is not None):
        raise CommandFailed("usage", "Say whose it becomes: --owner USER, or --mine.", exit_code=USAGE)
    stated: dict[str, object | None] = {
        "name": name,
        "comment": comment,
        "email": email,
        "roles": role,
        "scopes": scope,
        "hosts": host,
        "paths": path,
        "methods": method,
        "cidrs": cidr,
        "rate_limit": _rate_limit(rate_limit, strict=strict),
        "expires_in_days": expires_in_days,
        "expires_at": expires_at,
        "never_expires": never_expires,
    }
    output = Output(as_json=json)
    with connect(at) as issuer:
        created = issuer.create_api_key({field: value for field, value in stated.items() if value}, owner)
    _tell(output, created)


@api_keys.command("show")
def show_api_key(key: KeyId, *, mine: Own = False, at: Issuer = None, json: Json = False) -> None:
    """Show all about an API key but the key."""
    output = Output(as_json=json)
    with connect(at) as issuer:
        found = issuer.api_key(key, own=mine)
    _show(output, found)


@api_keys.command("rotate")
def rotate_api_key(
    key: KeyId,
    *,
    overlap_hours: Annotated[
        int, typer.Option(min=0, max=168, help="How long the key in use goes on; 0: it ends now, as after a leak.")
    ] = 24,
    mine: Own = False,
    at: Issuer = None,
    json: Json = False,
) -> None:
    """Give an API key a new secret, printed now and never again. Two are live until the older one ends."""
    output = Output(as_json=json)
    with connect(at) as issuer:
        rotated = issuer.rotate_api_key(key, overlap_hours, own=mine)
    _tell(output, rotated)
    for held in rotated.secrets:
        if held.expires_at is not None:
            output.say(f"The one before ends {held.expires_at}.")


@api_keys.command("disable")
def disable_api_key(key: KeyId, *, mine: Own = False, at: Issuer = None, json: Json = False) -> None:
    """Refuse an API key everywhere until it is enabled again."""
    _switch(key, disabled=True, own=mine, at=at, json=json)


@api_keys.command("enable")
def enable_api_key(key: KeyId, *, mine: Own = False, at: Issuer = None, json: Json = False) -> None:
    """Accept an API key again."""
    _switch(key, disabled=False, own=mine, at=at, json=json)


@api_keys.command("revoke")
def revoke_api_key(
    key: KeyId,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do it: there is no way back.")] = False,
    mine: Own = False,
    at: Issuer = None,
    json: Json = False,
) -> None:
    """Revoke an API key for good."""
    if not yes:
        # Not as it was typed: it may be a whole key.
        advice = "To stop it for a while: paseport api-keys disable"
        raise CommandFailed("usage", "Revoking is for good. Repeat with --yes.", advice=advice, exit_code=USAGE)
    output = Output(as_json=json)
    with connect(at) as issuer:
        gone = issuer.revoke_api_key(key, own=mine)
    output.document({"revoked": gone.id})
    output.say(f"Revoked {gone.prefix} ({gone.name}).")


def _switch(key: str, *, disabled: bool, own: bool, at: str | None, json: bool) -> None:
    output = Output(as_json=json)
    with connect(at) as issuer:
        changed = issuer.change_api_key(key, {"disabled": disabled}, own=own)
    output.document(changed)
    output.table(_COLUMNS, [_row(changed)])


def _rate_limit(text: str | None, *, strict: bool) -> dict[str, object] | None:
    if text is None:
        if strict:
            raise CommandFailed("usage", "--strict goes with --rate-limit.", exit_code=USAGE)
        return None
    match = _RATE.fullmatch(text)
    if match is None:
        message = "--rate-limit is COUNT/SECONDS, such as 100/60."
        raise CommandFailed("usage", message, exit_code=USAGE)
    return {"count": int(match["count"]), "window_seconds": int(match["seconds"]), "strict": strict}


def _tell(output: Output, made: NewApiKeyView) -> None:
    output.document(made)
    output.table(_COLUMNS, [_row(made)])
    output.say("The key, shown this once:")
    output.say(made.key)


def _row(key: ApiKeyView) -> tuple[str, ...]:
    return (
        key.prefix,
        key.name,
        key.owner.username,
        ", ".join(key.hosts) or "everywhere",
        key.expires_at or "never",
        key.last_used_at or "not yet",
        "disabled" if key.disabled else "active",
    )


def _show(output: Output, key: ApiKeyView) -> None:
    output.document(key)
    limit = key.rate_limit
    facts = {
        "key": key.prefix,
        "name": key.name,
        "owner": f"{key.owner.username} ({key.owner.id})",
        "status": "disabled" if key.disabled else "active",
        "expires": key.expires_at or "never",
        "comment": key.comment,
        "contact": key.email or "",
        "roles": ", ".join(key.roles),
        "scopes": " ".join(key.scopes),
        "hosts": ", ".join(key.hosts) or "all",
        "paths": ", ".join(key.paths) or "all",
        "methods": ", ".join(key.methods) or "all",
        "networks": ", ".join(key.cidrs) or "all",
        "rate limit": "none"
        if limit is None
        else f"{limit.count} in {limit.window_seconds} s{', strict' if limit.strict else ''}",
        "created": key.created_at,
        "last changed": key.updated_at,
        "last used": key.last_used_at or "not yet",
        "used": str(key.use_count),
        **{
            f"secret of {held.created_at}": f"{'live' if held.expires_at is None else f'ends {held.expires_at}'}"
            f", pepper {held.pepper_version}"
            for held in key.secrets
        },
    }
    output.table(("", "VALUE"), ((name, value or "none") for name, value in facts.items()))
