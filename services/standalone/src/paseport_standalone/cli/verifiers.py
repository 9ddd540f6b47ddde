"""``paseport verifiers``."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from paseport_standalone.cli.errors import USAGE, CommandFailed
from paseport_standalone.cli.issuer_client import CreatedVerifier, VerifierView, connect
from paseport_standalone.cli.options import Issuer, Json
from paseport_standalone.cli.output import Output
from paseport_standalone.cli.paging import Cursor, Limit, note_of, query_of
from paseport_standalone.cli.secrets import A_DAY, PreviousExpiresIn, states_of, tell_rolled, tell_secret

_COLUMNS: Final = ("VERIFIER", "NAME", "AUDIENCE", "CREATED")
SECRET_VARIABLE: Final = "PASEPORT_CLIENT_SECRET"

VerifierId = Annotated[str, typer.Argument(metavar="VERIFIER", help="The verifier's id.", show_default=False)]

verifiers = typer.Typer(help="Manage the services that follow revocations of the running issuer.", no_args_is_help=True)


@verifiers.command("list")
def list_verifiers(
    *,
    search: Annotated[str, typer.Option(help="Part of an id or a name.")] = "",
    limit: Limit = 50,
    cursor: Cursor = None,
    at: Issuer = None,
    json: Json = False,
) -> None:
    """List the registered verifiers, one page at a time."""
    output = Output(as_json=json)
    query = query_of(limit=limit, search=search or None, cursor=cursor)
    with connect(at) as issuer:
        page = issuer.verifiers(query)
    output.document(page)
    output.table(_COLUMNS, (_row(verifier) for verifier in page.items), note=note_of(page, "verifiers"))


@verifiers.command("show")
def show_verifier(verifier: VerifierId, *, at: Issuer = None, json: Json = False) -> None:
    """Show all about a verifier."""
    output = Output(as_json=json)
    with connect(at) as issuer:
        found = issuer.verifier(verifier)
    output.document(found)
    facts = {
        "verifier": found.client_id,
        "name": found.name,
        "audience": found.audience,
        "created": found.created_at or "",
        "last changed": found.updated_at or "",
        **states_of(found.secrets),
    }
    output.table(("", "VALUE"), facts.items())


@verifiers.command("create")
def create_verifier(
    name: Annotated[str, typer.Argument(help="What people call the service.", show_default=False)],
    *,
    audience: Annotated[str, typer.Option(help="The URI that its tokens are for.", show_default=False)],
    at: Issuer = None,
    json: Json = False,
) -> None:
    """Register a service that follows revocations and asks for roles.

    Its secret is printed now and never again. The id and the secret open these two answers and nothing else.
    """
    output = Output(as_json=json)
    with connect(at) as issuer:
        created = issuer.create_verifier(name, audience)
        issuer_name = issuer.issuer()
    output.document(created)
    output.table(_COLUMNS, [_row(created)])
    tell_secret(output, created.client_secret)
    output.say("")
    output.say(f"Put it into {SECRET_VARIABLE}; this program says what a token is worth:")
    for line in example(issuer_name, created).splitlines():
        output.say(line)


@verifiers.command("roll-secret")
def roll_secret(
    verifier: VerifierId,
    *,
    previous_expires_in: PreviousExpiresIn = A_DAY,
    at: Issuer = None,
    json: Json = False,
) -> None:
    """Make a new secret, printed now and never again. Two are live until the older one ends."""
    output = Output(as_json=json)
    with connect(at) as issuer:
        rolled = issuer.roll_verifier_secret(verifier, previous_expires_in)
    tell_rolled(output, rolled)


@verifiers.command("revoke")
def revoke_verifier(
    verifier: VerifierId,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do it: there is no way back.")] = False,
    at: Issuer = None,
    json: Json = False,
) -> None:
    """Revoke a verifier for good. Within seconds its service knows no more what is revoked, and refuses everybody."""
    if not yes:
        advice = f"To change its secret alone: paseport verifiers roll-secret {verifier}"
        raise CommandFailed("usage", "Revoking is for good. Repeat with --yes.", advice=advice, exit_code=USAGE)
    output = Output(as_json=json)
    with connect(at) as issuer:
        issuer.revoke_verifier(verifier)
    output.document({"revoked": verifier})
    output.say(f"Revoked {verifier}.")


def example(issuer: str, verifier: CreatedVerifier) -> str:
    """Return a program that uses the verifier. The secret does not stand in it: programs are copied and committed."""
    return f"""\
import asyncio, os, sys
from paseport import Verifier
async def main():
    async with Verifier(
        issuer={issuer!r}, audience={verifier.audience!r},
        client_id={verifier.client_id!r}, client_secret=os.environ[{SECRET_VARIABLE!r}],
    ) as verifier:
        print(await verifier.verify(sys.argv[1]))
asyncio.run(main())
"""


def _row(verifier: VerifierView) -> tuple[str, ...]:
    return (verifier.client_id, verifier.name, verifier.audience, verifier.created_at or "")
