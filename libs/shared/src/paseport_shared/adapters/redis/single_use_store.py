"""Things that wait for a browser to come back, in Redis."""

from __future__ import annotations

from datetime import datetime
from typing import Final, Generic

import msgspec
from paseport.redis.access import RedisAccess
from paseport.redis.moments import tidied_after
from paseport.redis.script import Reply

from paseport_shared.domain.ports.single_use_store import Held

EXTERNAL_SIGN_IN: Final = "external_sign_in"
"""The namespace of ``ExternalSignIn``."""
PENDING_LINK: Final = "pending_link"
"""The namespace of ``PendingLink``."""
HANDOVER: Final = "handover"
"""The namespace of ``HandoverTicket``."""

_encode = msgspec.json.Encoder().encode


class RedisSingleUseStore(Generic[Held]):
    """``SingleUseStore`` of the dataclass ``model``: one string a thing. Each kind has a namespace of its own."""

    def __init__(self, access: RedisAccess, model: type[Held], namespace: str) -> None:
        self._access = access
        self._decoder = msgspec.json.Decoder(model)
        self._namespace = namespace

    async def put(self, held: Held) -> None:
        """Store a new thing."""
        lives = tidied_after(held.expires_at - held.created_at)
        await self._access.send(("SET", self._key(held.id), _encode(held), "PX", lives))

    async def find(self, held_id: str, now: datetime) -> Held | None:
        """Return it while it is live, and leave it there; else None."""
        (text,) = await self._access.send(("GET", self._key(held_id)))
        return self._read(text, now)

    async def consume(self, held_id: str, now: datetime) -> Held | None:
        """Remove it and return it while it is live; of concurrent callers one gets it, the others None."""
        (text,) = await self._access.send(("GETDEL", self._key(held_id)))
        return self._read(text, now)

    def _read(self, text: Reply, now: datetime) -> Held | None:
        held = None if text is None else self._decoder.decode(text)
        return held if held is not None and held.is_live(now) else None

    def _key(self, held_id: str) -> str:
        return f"{self._namespace}:by_id:{held_id}"
