"""``paseport version``."""

from __future__ import annotations

import platform
from importlib.metadata import version as version_of

from paseport_standalone.cli.options import Json
from paseport_standalone.cli.output import Output


def version(*, json: Json = False) -> None:
    """Print the version of Paseport and of Python."""
    output = Output(as_json=json)
    paseport, python = version_of("paseport-standalone"), platform.python_version()
    output.document({"paseport": paseport, "python": python})
    output.say(f"paseport {paseport} (Python {python})")
