"""Clients that the installation itself defines: built in, or from its settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from paseport_shared.domain.errors import BuiltInClient
from paseport_shared.domain.models.client import Client

DefinedClients: TypeAlias = Mapping[str, Client]
"""By id. They come before those on record: no administrator can take the place of one."""


def refuse_defined(defined: DefinedClients, client_id: str) -> None:
    """Raise ``BuiltInClient`` where administrators cannot change the client."""
    if client_id in defined:
        raise BuiltInClient(f"{client_id} is defined by the installation")
