"""Verification keys: the key document, and the set of keys a process keeps from it."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final, Protocol

import msgspec

from paseport.deadline import Deadline
from paseport.errors import InvalidKeyDocument, InvalidToken, Unavailable
from paseport.paserk import decode_public_key, encode_public_key, public_key_id
from paseport.rfc3339 import format_time, parse_time

_log = logging.getLogger(__name__)


class KeyStatus(StrEnum):
    """Where a key version stands in ``published → active → retiring → retired | revoked``."""

    PUBLISHED = "published"
    ACTIVE = "active"
    RETIRING = "retiring"
    RETIRED = "retired"
    REVOKED = "revoked"


# A published key counts too: it signs nothing yet, but a verifier that has not seen its activation must not refuse it.
_USABLE: Final = frozenset({KeyStatus.PUBLISHED, KeyStatus.ACTIVE, KeyStatus.RETIRING})


@dataclass(frozen=True, slots=True)
class PublishedKey:
    """One verification key of a key document.

    ``not_before`` says when signing with it may begin; verifiers do not enforce it, since a valid signature proves that
    it has begun. ``not_after`` ends its use for verification.
    """

    kid: str
    public_key: bytes
    status: KeyStatus
    not_before: datetime | None = None
    not_after: datetime | None = None

    def is_usable(self, now: datetime) -> bool:
        """Tell whether a signature of this key counts at ``now``."""
        return self.status in _USABLE and (self.not_after is None or now < self.not_after)


# Encodings of the points of small order, the sign bit aside. Anyone can sign for such a "public key", and the commonest
# accident, 32 zero bytes, is one of them. RFC 8032 leaves the check to the caller.
_SMALL_ORDER: Final = frozenset(
    bytes.fromhex(encoding)
    for encoding in (
        "00" * 32,
        "01" + "00" * 31,
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "ec" + "ff" * 30 + "7f",
        "ed" + "ff" * 30 + "7f",
        "ee" + "ff" * 30 + "7f",
    )
)


class _WireKey(msgspec.Struct, frozen=True):
    kid: str
    paserk: str
    status: KeyStatus
    not_before: str | None = None
    not_after: str | None = None


class _WireDocument(msgspec.Struct, frozen=True):
    keys: tuple[_WireKey, ...]


_decoder = msgspec.json.Decoder(_WireDocument)
_encoder = msgspec.json.Encoder()


def parse_key_document(document: bytes) -> Mapping[str, PublishedKey]:
    """Read a key document (``/.well-known/paserk.json``) into a read-only mapping from ``kid``.

    All or nothing: ``InvalidKeyDocument`` if it is empty, malformed, repeats a key, has an unknown status, a key of
    small order, or one ``kid`` that is not the PASERK id of its key. Half of a poisoned document is no safer than all
    of it.
    """
    try:
        wire = _decoder.decode(document)
        keys = [_published_key(entry) for entry in wire.keys]
    except (ValueError, RecursionError) as error:
        raise InvalidKeyDocument("not a key document") from error
    by_kid = {key.kid: key for key in keys}
    if not by_kid:
        raise InvalidKeyDocument("key document without keys")
    if len(by_kid) != len(keys):
        raise InvalidKeyDocument("key document names a key twice")
    return MappingProxyType(by_kid)


def _published_key(wire: _WireKey) -> PublishedKey:
    public_key = decode_public_key(wire.paserk)
    if public_key_id(public_key) != wire.kid:
        raise InvalidKeyDocument("kid is not the id of its key")
    if public_key[:-1] + bytes([public_key[-1] & 0x7F]) in _SMALL_ORDER:
        raise InvalidKeyDocument("public key is a point of small order")
    return PublishedKey(
        kid=wire.kid,
        public_key=public_key,
        status=wire.status,
        not_before=None if wire.not_before is None else parse_time(wire.not_before),
        not_after=None if wire.not_after is None else parse_time(wire.not_after),
    )


def encode_key_document(keys: Iterable[PublishedKey]) -> bytes:
    """Write a key document; ``ValueError`` if a ``kid`` is not the id of its key or a time is naive."""
    return _encoder.encode(_WireDocument(keys=tuple(_wire_key(key) for key in keys)))


def _wire_key(key: PublishedKey) -> _WireKey:
    if public_key_id(key.public_key) != key.kid:
        raise ValueError("kid is not the id of its key")
    return _WireKey(
        kid=key.kid,
        paserk=encode_public_key(key.public_key),
        status=key.status,
        not_before=None if key.not_before is None else format_time(key.not_before),
        not_after=None if key.not_after is None else format_time(key.not_after),
    )


class KeySet(Protocol):
    """Where a verifier finds the one key that a token names."""

    async def get(self, kid: str, now: datetime) -> PublishedKey:
        """Return the key, which is usable at ``now``.

        Raises ``InvalidToken`` if there is no such key or it no longer counts, ``Unavailable`` if nobody can tell.
        """
        ...

    def known(self, kid: str, now: datetime) -> PublishedKey | None:
        """Return the key if it is in memory and usable at ``now``; None says to ``get`` it. Costs no I/O."""
        ...


class StaticKeySet:
    """A key set that never changes: for tests and for a process that holds the keys itself."""

    def __init__(self, keys: Iterable[PublishedKey]) -> None:
        self._keys = {key.kid: key for key in keys}

    async def get(self, kid: str, now: datetime) -> PublishedKey:
        """Return the key that is usable at ``now``, or raise ``InvalidToken``."""
        key = self._keys.get(kid)
        if key is None:
            raise InvalidToken("unknown kid")
        return _usable(key, now)

    def known(self, kid: str, now: datetime) -> PublishedKey | None:
        """Return the key if it is usable at ``now``."""
        key = self._keys.get(kid)
        return key if key is not None and key.is_usable(now) else None


FetchKeyDocument = Callable[[], Awaitable[tuple[bytes, float]]]
"""Fetch the key document: its bytes and its ``max-age`` in seconds. Any exception means that it could not be had."""

MIN_MAX_AGE_SECONDS: Final = 1.0
MAX_MAX_AGE_SECONDS: Final = 300.0
_REFETCH_SECONDS: Final = 10.0


class RemoteKeySet:
    """The keys of a key document elsewhere, kept in memory and fetched as seldom as its ``max-age`` allows.

    - A known key is answered from memory. When the document's ``max-age`` has passed, a call starts a refresh behind
      it; only the first call after a longer idle time waits for it, since the document may be hours old by then.
    - An unknown ``kid`` waits for one refetch, shared by all callers. Between the starts of two fetches lie at least
      min(10 s, max-age), whatever the callers send; within that time the last fetch decides: it succeeded →
      ``InvalidToken``, it failed → ``Unavailable``.
    - A new document replaces the old one, so a removed key is gone. A fetch that fails, or brings something that is no
      key document, changes nothing: the last good one stays, and a warning is logged.
    - Before the first document has arrived every ``kid`` is unknown, and a fetch is tried at most once a second.

    Belongs to one event loop. ``max-age`` is taken as 1 to 300 s. A fetch that takes longer than ``fetch_deadline`` has
    failed.
    """

    def __init__(
        self,
        fetch: FetchKeyDocument,
        *,
        fetch_deadline: timedelta = timedelta(seconds=2),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fetch = fetch
        self._fetch_deadline = fetch_deadline
        self._monotonic = monotonic
        self._keys: Mapping[str, PublishedKey] = {}
        self._max_age = MIN_MAX_AGE_SECONDS
        self._fetched_at: float | None = None
        self._attempt_started_at: float | None = None
        self._attempt_ended_at: float | None = None
        self._last_attempt_failed = False
        self._refresh: asyncio.Task[None] | None = None
        self._closed = False

    async def get(self, kid: str, now: datetime) -> PublishedKey:
        """Return the key that is usable at ``now``; raise ``InvalidToken`` or ``Unavailable``."""
        if self._is_stale():
            refresh = self._start_refresh()
            if refresh is not None and self._was_idle():
                await asyncio.wait((refresh,))
        key = self._keys.get(kid)
        if key is None:
            refresh = self._start_refresh()
            if refresh is not None:
                # Not awaited itself: a caller that is cancelled must not cancel the fetch that others wait for.
                await asyncio.wait((refresh,))
            key = self._keys.get(kid)
        if key is None:
            if self._last_attempt_failed:
                raise Unavailable("unknown kid, and the key document cannot be fetched")
            raise InvalidToken("unknown kid")
        return _usable(key, now)

    def known(self, kid: str, now: datetime) -> PublishedKey | None:
        """Return the key if it is in memory and usable at ``now``, and start a refresh behind it where one is due.

        After a longer idle time it knows nothing: the document may be hours old, and ``get`` waits for a new one.
        """
        if self._is_stale():
            if self._was_idle():
                return None
            self._start_refresh()
        key = self._keys.get(kid)
        return key if key is not None and key.is_usable(now) else None

    async def aclose(self) -> None:
        """End a refresh under way; unknown keys are unavailable from now on."""
        self._closed = True
        self._last_attempt_failed = True
        if self._refresh is not None:
            self._refresh.cancel()
            await asyncio.wait((self._refresh,))

    def _is_stale(self) -> bool:
        return self._fetched_at is not None and self._monotonic() - self._fetched_at >= self._max_age

    def _was_idle(self) -> bool:
        return (
            self._attempt_ended_at is not None
            and self._monotonic() - self._attempt_ended_at >= self._max_age + _REFETCH_SECONDS
        )

    def _start_refresh(self) -> asyncio.Task[None] | None:
        """Return the fetch under way, a new one where it is due, or ``None`` where it is too early for another."""
        if self._refresh is not None:
            return self._refresh
        started_at = self._monotonic()
        interval = min(_REFETCH_SECONDS, self._max_age)
        too_early = self._attempt_started_at is not None and started_at - self._attempt_started_at < interval
        if too_early or self._closed:
            return None
        self._attempt_started_at = started_at
        self._refresh = asyncio.create_task(self._refetch(started_at), name="paseport-key-document")
        return self._refresh

    async def _refetch(self, started_at: float) -> None:
        try:
            async with Deadline(self._fetch_deadline.total_seconds()):
                document, max_age = await self._fetch()
            keys = parse_key_document(document)
        # Whatever a transport raises, the keys in hand stay as good as they were.
        except Exception as error:
            self._last_attempt_failed = True
            _log.warning("key document not refreshed, %d keys kept: %r", len(self._keys), error)
        else:
            self._keys = keys
            self._max_age = min(MAX_MAX_AGE_SECONDS, max(MIN_MAX_AGE_SECONDS, max_age))
            self._fetched_at = started_at
            self._last_attempt_failed = False
        finally:
            self._attempt_ended_at = self._monotonic()
            self._refresh = None


def _usable(key: PublishedKey, now: datetime) -> PublishedKey:
    if not key.is_usable(now):
        raise InvalidToken(f"key is {key.status} or past its not_after")
    return key
