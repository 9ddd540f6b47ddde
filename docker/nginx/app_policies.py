#!/usr/bin/env python3
"""Write what the edge has to know about a build of the app: the content security policy of each file.

The pages state their policy themselves, with the hashes of the scripts that the build put into them. The embedded mode
sends it as a header, and so does the edge: both ask ``paseport_standalone.app_build``, so that they cannot differ.
That module needs nothing but Python: where nothing is installed, ``PYTHONPATH=services/standalone/src`` is enough.

Usage: ``app_policies.py BUILD_FOLDER > app-policies.conf``
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from paseport_standalone.app_build import AppBuildProblem, load_app_build

NOT_A_PAGE: Final = "default-src 'none'; frame-ancestors 'none'; sandbox"
_MEANS_SOMETHING_TO_NGINX: Final = frozenset('"$\\{}')


def app_policies(folder: Path) -> str:
    """Return the nginx configuration that defines ``$app_policy``. Raises ``AppBuildProblem``."""
    build = load_app_build(folder)
    lines: list[str] = []
    for path in sorted(_pages(folder)):
        file = build.find(path)
        if file is None:
            continue
        lines.append(f"    {_quoted(path)} {_quoted(file.content_security_policy)};")
    return "\n".join([f"map $uri $app_policy {{\n    default {_quoted(NOT_A_PAGE)};", *lines, "}\n"])


def _pages(folder: Path) -> Iterator[str]:
    return (f"/{path.relative_to(folder).as_posix()}" for path in folder.rglob("*.html"))


def _quoted(text: str) -> str:
    if _MEANS_SOMETHING_TO_NGINX.intersection(text):
        raise AppBuildProblem(f"nginx would read something else: {text}")
    return f'"{text}"'


if __name__ == "__main__":
    try:
        sys.stdout.write(app_policies(Path(sys.argv[1])))
    except IndexError:
        sys.exit(f"Usage: {sys.argv[0]} BUILD_FOLDER > app-policies.conf")
    except AppBuildProblem as problem:
        sys.exit(str(problem))
