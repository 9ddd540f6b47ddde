"""``paseport login`` and ``paseport logout``."""

from __future__ import annotations

import contextlib
import sys
import webbrowser
from typing import Annotated

import typer

from paseport_standalone.cli import browser_sign_in
from paseport_standalone.cli.errors import USAGE, CommandFailed
from paseport_standalone.cli.issuer_http import issuer_url, open_issuer
from paseport_standalone.cli.options import Issuer, Json
from paseport_standalone.cli.output import Output
from paseport_standalone.cli.sign_ins import SignIns
from paseport_standalone.settings import find_config_folder, find_issuer


def login(
    *,
    at: Issuer = None,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Print the address only.")] = False,
    json: Json = False,
) -> None:
    """Sign in to an issuer through the browser. Commands with --issuer then act as you, with your roles.

    The sign-in is kept in a file that only you can read, and listed among your devices, where it can be ended too.
    """
    output = Output(as_json=json)
    issuer = _named(at)
    sign_ins = SignIns(find_config_folder())
    # Better to learn that nothing can be kept before somebody has signed in.
    with sign_ins.locked():
        earlier = sign_ins.find(issuer)

    def show(url: str) -> None:
        # Not on standard output, where a program expects one document.
        sys.stderr.write(f"Sign in with your browser:\n{url}\n")
        sys.stderr.flush()
        if not no_browser:
            webbrowser.open(url)

    held = browser_sign_in.sign_in(issuer, show)
    with sign_ins.locked():
        sign_ins.put(issuer, held)
    if earlier is not None:
        # It has a successor; where it cannot be ended now, its owner sees it among the devices.
        with contextlib.suppress(CommandFailed), open_issuer(issuer) as http:
            browser_sign_in.revoke(http, issuer, earlier)
    output.document({"issuer": issuer, "username": held.username})
    output.say(f"Signed in to {issuer} as {held.username}.")


def logout(
    *,
    at: Issuer = None,
    forget: Annotated[
        bool, typer.Option("--forget", help="Remove the sign-in here although the issuer does not answer.")
    ] = False,
    json: Json = False,
) -> None:
    """End the sign-in at an issuer, there and here."""
    output = Output(as_json=json)
    issuer = _named(at)
    sign_ins = SignIns(find_config_folder())
    with sign_ins.locked():
        held = sign_ins.find(issuer)
        if held is not None:
            try:
                with open_issuer(issuer) as http:
                    browser_sign_in.revoke(http, issuer, held)
            except CommandFailed as error:
                if not forget:
                    error.advice = "You are still signed in. Try again, or remove the sign-in here only: --forget"
                    raise
            sign_ins.remove(issuer)
    output.document({"issuer": issuer, "signed_out": held is not None})
    output.say(f"Signed out of {issuer}." if held is not None else f"You are not signed in to {issuer}.")


def _named(at: str | None) -> str:
    named = find_issuer(at)
    if named is None:
        raise CommandFailed("usage", "Name the issuer: --issuer https://auth.example.com", exit_code=USAGE)
    return issuer_url(named)
