"""Asking the issuer who is meant by a user name."""

from __future__ import annotations

from typing import Annotated, Final
from uuid import UUID

import msgspec
from paseport.subject import SubjectState, is_role

from paseport_shared.adapters.issuer.api_keys import require_said_by_issuer
from paseport_shared.adapters.issuer.internal_client import InternalClient
from paseport_shared.domain.errors import Unavailable

PATH: Final = "/internal/v1/usernames"
_ANSWERS: Final = frozenset({200, 404})

_Counter = Annotated[int, msgspec.Meta(ge=0)]


class _Query(msgspec.Struct, frozen=True):
    username: str


class _Principal(msgspec.Struct, frozen=True):
    subject: UUID
    username: str
    roles: tuple[str, ...]
    enabled: bool
    version: _Counter
    revision: _Counter


class IssuerUsernames:
    """``Usernames`` over the issuer's internal port."""

    def __init__(self, client: InternalClient) -> None:
        self._client = client

    async def find(self, username: str) -> SubjectState | None:
        """See ``Usernames.find``. Every answer but the two that the issuer gives is ``Unavailable``."""
        answer = await self._client.post(PATH, _Query(username), statuses=_ANSWERS)
        if answer.status == 404:
            require_said_by_issuer(answer)
            return None
        principal = answer.read_as(_Principal)
        if not all(is_role(role) for role in principal.roles):
            raise Unavailable("the issuer answered with roles that are none")
        return SubjectState(
            principal.subject,
            principal.username,
            frozenset(principal.roles),
            principal.enabled,
            principal.version,
            principal.revision,
        )
