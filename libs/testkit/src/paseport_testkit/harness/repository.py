"""What docker/ says about the services holds here too: users, policies and the edge are written down once."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from string import Template
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[5]
"""The checkout. The harness is a part of it; only the fixtures for tokens are meant for other teams."""

EDGE_FOLDER: Final = ROOT / "docker" / "nginx"
MARIADB_FOLDER: Final = ROOT / "docker" / "mariadb"
REDIS_FOLDER: Final = ROOT / "docker" / "redis"
VAULT_FOLDER: Final = ROOT / "docker" / "vault"
PROXIES_FOLDER: Final = ROOT / "deploy" / "proxies"
APP_BUILD: Final = ROOT / "frontend" / "build"


def rendered(template: Path, values: Mapping[str, str]) -> str:
    """Return a template with a value for each ``${NAME}``. Raises ``KeyError`` for one that has none."""
    return Template(template.read_text(encoding="utf-8")).substitute(values)
