"""Finds the programs that the harness starts; what is missing becomes one message with the command that helps."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Final

VAULT: Final = "vault-1.21.2"
TOXIPROXY: Final = "toxiproxy-2.5.0"
TRAEFIK: Final = "traefik-3.6.0"
CADDY: Final = "caddy-2.11.9"
"""All are built from their Go modules into the cache folder, under a name with the version (tools/services.sh)."""

_BUILT: Final = (VAULT, TOXIPROXY, TRAEFIK, CADDY)
_INSTALLED: Final = ("mariadbd", "mariadb-install-db", "redis-server", "nginx", "caddy", "envoy", "faketime")
# Debian keeps servers where an ordinary user's PATH does not look.
_SERVER_FOLDERS: Final = ("/usr/local/sbin", "/usr/sbin", "/sbin")


class MissingPrograms(Exception):
    """A program is not there. The message names every one that is missing on this machine, and how to get them."""

    def __init__(self, names: list[str]) -> None:
        super().__init__(
            f"these programs are missing: {', '.join(names)}. Install them with: make services"
            "  (where a Docker engine answers, MariaDB, Redis, Vault and toxiproxy run in containers instead;"
            " ALLOW_MISSING_SERVICES=1 leaves out what needs them)"
        )
        self.names = names


def find_program(name: str) -> Path:
    """Return the path of a program. Raises ``MissingPrograms``, which names the others that are missing too."""
    found = _find(name)
    if found is None:
        raise MissingPrograms(missing_programs() or [name])
    return found


def is_installed(name: str) -> bool:
    """Return whether a program is there."""
    return _find(name) is not None


def missing_programs() -> list[str]:
    """Return what of everything that the harness can start is missing here."""
    return [name for name in (*_INSTALLED, *_BUILT) if _find(name) is None]


def cache_folder() -> Path:
    """Return where built programs are kept: outside the repository, so that a fresh clone finds them."""
    named = os.environ.get("PASEPORT_CACHE")
    if named:
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "paseport"


def _find(name: str) -> Path | None:
    if name in _BUILT:
        path = cache_folder() / name
        return path if os.access(path, os.X_OK) else None
    # Envoy comes as a Python package, so it lies beside the interpreter.
    folders = [os.environ.get("PATH", os.defpath), *_SERVER_FOLDERS, str(Path(sys.executable).parent)]
    found = shutil.which(name, path=os.pathsep.join(folders))
    return None if found is None else Path(found)
