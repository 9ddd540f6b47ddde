"""Refresh token families in Redis."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec
import structlog
from paseport.redis.access import RedisAccess
from paseport.redis.moments import microseconds, moment, span, tidied_after
from paseport.redis.script import Command, Reply
from paseport.secret import Secret

from paseport_shared.adapters.redis.refresh_scripts import ADVANCE, CONFIRM, MARK, OPEN, REMOVE, WITHDRAW
from paseport_shared.domain.errors import AlreadyExists, Unavailable
from paseport_shared.domain.models.refresh_token import Advance, RefreshFamily, RefreshPolicy, Rotation, Spent

NAMESPACE: Final = "refresh_token"
_FIELDS: Final = ("opened", "generation", "spent", "unconfirmed", "advanced_at")
_BEING_OPENED: Final = timedelta(minutes=1)
"""How long an entry of the index may be ahead of its family before it counts as a leftover."""
_USERS_KNOWN: Final = 10_000

_log = structlog.get_logger(__name__)


class _Opened(msgspec.Struct, frozen=True):
    """What never changes about a family, as it is kept in one field."""

    id: str
    user_id: UUID
    user_version: int
    session_id: str | None
    client_id: str
    key: bytes
    scope: tuple[str, ...]
    audience: str
    auth_time: datetime
    amr: tuple[str, ...]
    opened_at: datetime
    expires_at: datetime


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_Opened).decode


class RedisRefreshTokenStore:
    """``RefreshTokenStore``: one hash a family, and beside it an index of each user's families.

    A script decides and acts on the family; the index lies in another slot and is looked at next to it. Where an
    answer depends on a write, a replica has that write before the answer is given.

    An advance is answered after two confirmations. The first says that a replica knows the successor; until then the
    advance is marked unconfirmed and nobody holds the successor, so the predecessor may ask again. The second says that
    a replica knows that the mark is gone: otherwise a failover could bring it back, and with it the predecessor. Where
    the second does not come, nobody holds the successor either, and the mark is set again.
    """

    def __init__(self, access: RedisAccess, policy: RefreshPolicy, namespace: str = NAMESPACE) -> None:
        self._access = access
        self._policy = policy
        self._namespace = namespace
        # Whose a family is never changes. Who knows it asks the index in the same round trip.
        self._user_of: OrderedDict[str, str] = OrderedDict()

    async def open_family(self, family: RefreshFamily) -> None:
        """Store a new family of generation 0. Raises ``AlreadyExists`` for a known id."""
        # The index first: a family that it does not list is dead, so nothing is lost when the rest does not follow.
        index = self._index(family.user_id)
        opened_at = microseconds(family.opened_at)
        expired = microseconds(family.opened_at - self._policy.max_lifetime)
        *_, holder = await self._access.confirm(
            ("ZREMRANGEBYSCORE", index, "-inf", expired),
            ("ZADD", index, opened_at, family.id),
            ("PEXPIRE", index, tidied_after(self._policy.max_lifetime)),
            OPEN(
                [self._key(family.id)],
                str(family.user_id),
                _encode(_opened(family)),
                family.generation,
                _spent_field(family.spent),
                int(family.unconfirmed),
                microseconds(family.advanced_at),
                microseconds(family.expires_at),
                tidied_after(min(self._policy.idle, family.expires_at - family.opened_at)),
            ),
        )
        if holder is not None:
            if holder.decode() != str(family.user_id):
                await self._access.send(("ZREM", index, family.id))
            raise AlreadyExists("family")

    async def find_family(self, family_id: str, now: datetime) -> RefreshFamily | None:
        """Return the family while it is live, else None."""
        fields, *scores = await self._access.send(self._read(family_id), *self._lookup(family_id))
        family = _family(fields)
        if family is None or not family.is_live(now, self._policy):
            return None
        if not await self._is_listed(family_id, str(family.user_id), scores):
            await self._remove_unlisted(family_id)
            return None
        return family

    async def advance(self, family_id: str, generation: int, now: datetime) -> Advance:
        """Present a genuine token of ``generation``: decide (``refresh_token.judge``) and act in one atomic step."""
        key, at = self._key(family_id), microseconds(now)
        outcome = await self._access.attempt(
            ADVANCE(
                [key],
                # The successor is counted here: Lua's numbers would be wrong above 2^53, so it only compares them.
                generation,
                generation + 1,
                at,
                span(self._policy.grace),
                span(self._policy.idle),
                int(self._marks_at_once),
            ),
            *self._lookup(family_id),
        )
        answer, *scores = outcome.replies
        rotation = Rotation(answer[0].decode())
        if outcome.lacking is not None:
            if rotation.advances and not self._marks_at_once:
                await self._access.send(MARK([key], generation + 1))
            elif rotation is Rotation.REPLAY and int(answer[2]) < 0:
                await self._access.send(WITHDRAW([key], generation + 1))
            raise Unavailable(outcome.lacking)
        if rotation is Rotation.REUSE:
            await self._unlist(answer[1].decode(), family_id)
        if not rotation.is_exchange:
            return Advance(rotation)
        if not await self._is_listed(family_id, answer[1].decode(), scores):
            await self._remove_unlisted(family_id)
            return Advance(Rotation.GONE)
        if answer[2] == b"1":
            confirmed = await self._access.attempt(CONFIRM([key], generation + 1, at))
            if confirmed.lacking is not None:
                # The mark is gone and the caller is not told the successor: after the grace it would be signed out.
                await self._access.send(WITHDRAW([key], generation + 1))
                raise Unavailable(confirmed.lacking)
        return Advance(rotation, generation + 1)

    async def revoke_family(self, family_id: str) -> RefreshFamily | None:
        """Remove the family and return it, or None where there was none."""
        (fields,) = await self._access.confirm(REMOVE([self._key(family_id)]))
        family = _family(fields)
        if family is not None:
            await self._unlist(str(family.user_id), family_id)
        return family

    async def list_for_user(self, user_id: UUID, now: datetime) -> tuple[RefreshFamily, ...]:
        """Return the user's live families, the most recently advanced first."""
        live = []
        for family_id, listed_at, family in await self._listed(user_id):
            if family is None:
                await self._clean(user_id, family_id, now - listed_at)
            elif family.is_live(now, self._policy):
                live.append(family)
        return tuple(sorted(live, key=lambda family: family.advanced_at, reverse=True))

    async def revoke_session(self, user_id: UUID, session_id: str) -> tuple[RefreshFamily, ...]:
        """Remove the online families of one session and return them; offline ones stay."""
        return await self._remove_where(user_id, lambda family: family.session_id == session_id)

    async def revoke_client(self, user_id: UUID, client_id: str) -> tuple[RefreshFamily, ...]:
        """Remove all that one client has of the user, online and offline, and return it."""
        return await self._remove_where(user_id, lambda family: family.client_id == client_id)

    async def revoke_all(self, user_id: UUID) -> tuple[RefreshFamily, ...]:
        """Remove all of the user's families, online and offline, and return them."""
        (members,) = await self._access.send(("ZRANGE", self._index(user_id), 0, -1))
        return await self._remove_all(user_id, [member.decode() for member in members])

    def _lookup(self, family_id: str) -> list[Command]:
        """Return the question to the index of the family's user, where it is known who that is."""
        user_id = self._user_of.get(family_id)
        return [] if user_id is None else [("ZSCORE", self._index(user_id), family_id)]

    async def _is_listed(self, family_id: str, user_id: str, scores: Sequence[Reply]) -> bool:
        """Say whether the user's index names the family; ``scores`` is the answer to ``_lookup``."""
        if not scores or self._user_of.get(family_id) != user_id:
            self._user_of[family_id] = user_id
            if len(self._user_of) > _USERS_KNOWN:
                self._user_of.popitem(last=False)
            scores = await self._access.send(("ZSCORE", self._index(user_id), family_id))
        return scores[0] is not None

    @property
    def _marks_at_once(self) -> bool:
        """Whether an advance is unconfirmed from its first moment, and not only once no replica confirmed it.

        Without grace it must not be: callers who come while it is being confirmed are refused, not answered (TE-12).
        """
        return self._access.confirms and self._policy.grace > timedelta(0)

    async def _listed(self, user_id: UUID) -> list[tuple[str, datetime, RefreshFamily | None]]:
        """Return what the index names: id, when it was listed, and the family where there is one of this user."""
        (members,) = await self._access.send(("ZRANGE", self._index(user_id), 0, -1, "WITHSCORES"))
        ids = [member.decode() for member in members[::2]]
        listed_at = [moment(int(float(score))) for score in members[1::2]]
        replies = await self._access.send(*(self._read(family_id) for family_id in ids)) if ids else []
        families = [_family(fields) for fields in replies]
        return [
            (family_id, at, family if family is not None and family.user_id == user_id else None)
            for family_id, at, family in zip(ids, listed_at, families, strict=True)
        ]

    async def _remove_where(self, user_id: UUID, fits: Callable[[RefreshFamily], bool]) -> tuple[RefreshFamily, ...]:
        listed = await self._listed(user_id)
        return await self._remove_all(
            user_id, [family_id for family_id, _, family in listed if family is not None and fits(family)]
        )

    async def _remove_all(self, user_id: UUID, family_ids: Sequence[str]) -> tuple[RefreshFamily, ...]:
        removals = [REMOVE([self._key(family_id)], str(user_id)) for family_id in family_ids]
        unlisting = [("ZREM", self._index(user_id), *family_ids)] if family_ids else []
        # Also with nothing to remove: an earlier attempt may have removed it all and not been confirmed.
        replies = await self._access.confirm(*removals, *unlisting)
        families = (_family(fields) for fields in replies[: len(removals)])
        return tuple(family for family in families if family is not None)

    async def _remove_unlisted(self, family_id: str) -> None:
        # TE-18: "all devices" works through the index. What it cannot reach must not live on.
        _log.warning("refresh family is missing from its user's index", family_id=family_id)
        await self._access.confirm(REMOVE([self._key(family_id)]))

    async def _unlist(self, user_id: str, family_id: str) -> None:
        """Tidy the index after a removal that is confirmed already; what is left of it names nothing."""
        with suppress(Unavailable):
            await self._access.send(("ZREM", self._index(user_id), family_id))

    async def _clean(self, user_id: UUID, family_id: str, age: timedelta) -> None:
        """Remove an entry of the index without family, unless that family is being opened just now."""
        if age < _BEING_OPENED:
            return
        if age < self._policy.idle:
            # Too young to have expired: it was lost (TE-18).
            _log.warning("refresh family index names a family that does not exist", family_id=family_id)
        await self._access.send(("ZREM", self._index(user_id), family_id))

    def _key(self, family_id: str) -> str:
        return f"{self._namespace}:by_token:{family_id}"

    def _index(self, user_id: UUID | str) -> str:
        return f"{self._namespace}:by_uid:{user_id}"

    def _read(self, family_id: str) -> Command:
        return ("HMGET", self._key(family_id), *_FIELDS)


def _opened(family: RefreshFamily) -> _Opened:
    return _Opened(
        family.id,
        family.user_id,
        family.user_version,
        family.session_id,
        family.client_id,
        family.key.reveal(),
        family.scope,
        family.audience,
        family.auth_time,
        family.amr,
        family.opened_at,
        family.expires_at,
    )


def _spent_field(spent: Sequence[Spent]) -> str:
    return " ".join(f"{one.generation}:{microseconds(one.at)}" for one in spent)


def _family(fields: Reply) -> RefreshFamily | None:
    """Return the family that ``_FIELDS`` describe, or None where there is none."""
    if fields is None or fields[0] is None:
        return None
    opened = _decode(fields[0])
    entries = (entry.split(b":") for entry in fields[2].split())
    return RefreshFamily(
        id=opened.id,
        user_id=opened.user_id,
        user_version=opened.user_version,
        session_id=opened.session_id,
        client_id=opened.client_id,
        key=Secret(opened.key),
        scope=opened.scope,
        audience=opened.audience,
        auth_time=opened.auth_time,
        amr=opened.amr,
        generation=int(fields[1]),
        spent=tuple(Spent(int(generation), moment(int(at))) for generation, at in entries),
        unconfirmed=fields[3] == b"1",
        opened_at=opened.opened_at,
        advanced_at=moment(int(fields[4])),
        expires_at=opened.expires_at,
    )
