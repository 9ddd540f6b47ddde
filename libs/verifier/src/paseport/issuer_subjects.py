"""Asking the issuer who a subject is."""

from __future__ import annotations

from typing import Annotated, Final
from uuid import UUID

import msgspec

from paseport.errors import Unavailable
from paseport.issuer_client import Answer, IssuerClient
from paseport.subject import SubjectState, is_role

PUBLIC_PATH: Final = "/verifiers/v1/principals"
_ANSWERS: Final = frozenset({200, 404})

_Counter = Annotated[int, msgspec.Meta(ge=0)]


class _Query(msgspec.Struct, frozen=True):
    subject: str


class _Principal(msgspec.Struct, frozen=True):
    subject: str
    username: str
    roles: tuple[str, ...]
    enabled: bool
    version: _Counter
    revision: _Counter
    email: str = ""
    name: str = ""


class _Problem(msgspec.Struct, frozen=True):
    code: str


class IssuerSubjects:
    """``SubjectSource`` over HTTP: on the internal port for the api, on the public one for other verifiers."""

    def __init__(self, client: IssuerClient, path: str) -> None:
        self._client = client
        self._path = path

    async def resolve(self, user_id: UUID) -> SubjectState | None:
        """Return the subject's state, or None where the issuer says that there is no such user.

        Raises ``Unavailable`` for every other answer, one about another subject included.
        """
        answer = await self._client.post(self._path, _Query(str(user_id)), statuses=_ANSWERS)
        if answer.status == 404:
            _require_said_by_issuer(answer)
            return None
        principal = answer.read_as(_Principal)
        if principal.subject != str(user_id) or not all(is_role(role) for role in principal.roles):
            raise Unavailable("the issuer answered for another subject, or with roles that are none")
        return SubjectState(
            user_id=user_id,
            username=principal.username,
            roles=frozenset(principal.roles),
            enabled=principal.enabled,
            version=principal.version,
            revision=principal.revision,
            email=principal.email,
            name=principal.name,
        )


def _require_said_by_issuer(answer: Answer) -> None:
    """Tell "no such user" from a 404 of whatever else may listen at this address."""
    if answer.read_as(_Problem).code != "not_found":
        raise Unavailable("the issuer's address answered 404 without saying that the subject is unknown")
