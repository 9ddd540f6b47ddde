"""Live roles in Redis, as a verifier reads them."""

from __future__ import annotations

from datetime import timedelta
from typing import Final
from uuid import UUID

import msgspec

from paseport.errors import Unavailable
from paseport.redis.access import RedisAccess
from paseport.subject import SubjectState

NAMESPACE: Final = "role"


class _State(msgspec.Struct, frozen=True):
    username: str
    roles: tuple[str, ...]
    enabled: bool
    version: int
    revision: int
    email: str = ""
    name: str = ""


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_State).decode


class RedisSubjectDirectory:
    """``SubjectDirectory``: one hash a subject, deleted ones too, and a marker that none is missing.

    Entries stay for ever unless ``keep_for`` says otherwise (``REDIS_ROLE_TTL``); then one may be missing at any time,
    and the directory is never complete.

    A verifier beside a primary that the cluster has left reads old roles there. Where the reader of the revocation feed
    found that out, the directory is not read either: others know better (P3).
    """

    def __init__(self, access: RedisAccess, *, keep_for: timedelta = timedelta(0), namespace: str = NAMESPACE) -> None:
        self._access = access
        self._keep_milliseconds = keep_for // timedelta(milliseconds=1)
        self._namespace = namespace

    async def find(self, user_id: UUID) -> SubjectState | None:
        """Return the subject's state, or None where the directory has no entry."""
        if self._access.is_disputed:
            raise Unavailable("no majority of the Sentinels stands behind this directory")
        (held,) = await self._access.send(("HGET", self._key(user_id), "state"))
        if held is None:
            return None
        return decode_state(user_id, held)

    async def is_complete(self) -> bool:
        """Say whether a miss is final."""
        (count,) = await self._access.send(("EXISTS", self._marker))
        return bool(count) and not self._keep_milliseconds

    @property
    def _marker(self) -> str:
        return f"{self._namespace}:complete"

    def _key(self, user_id: UUID) -> str:
        return f"{self._namespace}:{user_id}"


def encode_state(state: SubjectState) -> bytes:
    """Return a state as it is kept."""
    roles = tuple(sorted(state.roles))
    held = _State(state.username, roles, state.enabled, state.version, state.revision, state.email, state.name)
    return _encode(held)


def decode_state(user_id: UUID, held: bytes) -> SubjectState:
    """Return the state that ``encode_state`` wrote."""
    state = _decode(held)
    return SubjectState(
        user_id=user_id,
        username=state.username,
        roles=frozenset(state.roles),
        enabled=state.enabled,
        version=state.version,
        revision=state.revision,
        email=state.email,
        name=state.name,
    )
