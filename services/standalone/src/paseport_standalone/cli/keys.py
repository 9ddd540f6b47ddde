"""``paseport keys``."""

from __future__ import annotations

import typer

from paseport_standalone.cli.issuer_client import connect
from paseport_standalone.cli.options import Issuer, Json
from paseport_standalone.cli.output import Output

keys = typer.Typer(help="Look at the keys that verify access tokens.", no_args_is_help=True)


@keys.callback()
def keys_commands() -> None:
    """Look at the keys that verify access tokens."""


@keys.command("list")
def list_keys(*, at: Issuer = None, json: Json = False) -> None:
    """List the published keys, oldest first."""
    output = Output(as_json=json)
    with connect(at) as issuer:
        published = issuer.published_keys()
    output.document({"keys": published})
    rows = ((key.kid, key.status, key.not_before or "", key.not_after or "") for key in published)
    output.table(("KEY ID (kid)", "STATUS", "NOT BEFORE", "NOT AFTER"), rows)
