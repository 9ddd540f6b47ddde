"""Options that commands share."""

from __future__ import annotations

from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document, an error too, on standard output.")]
Login = Annotated[str, typer.Argument(metavar="USER", help="User name, e-mail address or id.", show_default=False)]
