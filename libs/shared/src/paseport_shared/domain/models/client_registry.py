"""Ids of clients, their list, and what is left of a deleted one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeAlias
from uuid import UUID

from paseport_shared.domain.models.client import Client, ClientKind

_CLIENT_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{2,63}")


def is_client_id(text: str) -> bool:
    """Say whether ``text`` can be the id of a client.

    It never parses as a UUID, in any of the spellings that libraries take for one: the subject of a machine's token is
    its client id, and a subject that is a UUID is a person (design §3).
    """
    if _CLIENT_ID.fullmatch(text) is None:
        return False
    try:
        UUID(text)
    except ValueError:
        return True
    return False


@dataclass(frozen=True, slots=True)
class DeletedClient:
    """What is left of a client, for ever: its id is not given out again.

    Refresh families, consents and the audit log name clients by id. Whoever came after would inherit them.
    """

    client_id: str
    revision: int
    deleted_at: datetime


ClientEntry: TypeAlias = Client | DeletedClient
"""A client as the directory has to know it."""


@dataclass(frozen=True, slots=True)
class ClientQuery:
    """One page of the list of clients of one kind, which is ordered by id.

    ``search`` is a literal substring of the id or the name (canonical forms; no wildcards). ``after`` is the id behind
    which the page starts. Clients in ``excluded`` are left out: another source defines them.
    """

    search: str = ""
    limit: int = 50
    after: str | None = None
    excluded: frozenset[str] = frozenset()
    kind: ClientKind = ClientKind.OAUTH


@dataclass(frozen=True, slots=True)
class ClientPage:
    """``items`` of one page, ``after`` of the next page or None, and how many clients match in all."""

    items: tuple[Client, ...]
    next: str | None
    total: int
