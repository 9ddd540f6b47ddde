"""Where a client secret comes from: never from an argument, which every user of the machine sees."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from paseport_standalone.cli.errors import USAGE, CommandFailed

SecretFile = Annotated[
    str | None,
    typer.Option(
        "--client-secret-file",
        metavar="PATH",
        help="A file with the client secret; - is standard input.",
        show_default=False,
    ),
]
_STANDARD_INPUT: Final = "-"


def ask_secret() -> str:
    """Ask for it at the terminal, without showing it. Raises ``CommandFailed`` where there is none."""
    if not sys.stdin.isatty():
        raise CommandFailed(
            "usage",
            "There is nobody to ask for the client secret.",
            advice="Name a file that has it: --client-secret-file PATH, or - for standard input.",
            exit_code=USAGE,
        )
    # Not on standard output, where a program expects one document.
    return str(typer.prompt("Client secret", hide_input=True, err=True))


def read_secret(path: str) -> str:
    """Return what a file has, without the end of its last line. Raises ``CommandFailed``."""
    try:
        text = sys.stdin.read() if path == _STANDARD_INPUT else Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CommandFailed("usage", f"The client secret cannot be read from {path}.", exit_code=USAGE) from error
    secret = text.rstrip("\r\n")
    if not secret:
        raise CommandFailed("usage", "The file of the client secret is empty.", exit_code=USAGE)
    return secret
