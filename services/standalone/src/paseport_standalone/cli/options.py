"""Options that commands share."""

from __future__ import annotations

from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document, an error too, on standard output.")]
Login = Annotated[str, typer.Argument(metavar="USER", help="User name, e-mail address or id.", show_default=False)]
Issuer = Annotated[
    str | None,
    typer.Option(
        "--issuer",
        metavar="URL",
        help="An issuer that you signed in to with `paseport login`, instead of the one on this machine. "
        "[env var: PASEPORT_ISSUER]",
        show_default=False,
    ),
]
