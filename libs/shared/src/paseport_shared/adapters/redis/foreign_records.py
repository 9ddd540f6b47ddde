"""Hashes that another system keeps in its own Redis or Valkey, read once and left as they are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from paseport.secret import Secret
from redis import Redis
from redis.exceptions import RedisError

from paseport_shared.domain.errors import Unavailable

_BATCH: Final = 500
_TIMEOUT_SECONDS: Final = 5.0
_FOREVER: Final = -1


@dataclass(frozen=True, slots=True)
class ForeignRecord:
    """A hash. ``name`` is its key without the prefix; ``expires_in`` is None where it never does."""

    name: str
    fields: Mapping[str, str] = field(repr=False)
    expires_in: timedelta | None


def read_foreign_records(url: str, prefix: str, password: Secret[str] | None = None) -> Iterator[ForeignRecord]:
    """Yield every hash whose key begins with ``prefix``, each once, in no order. What is no hash is passed over.

    Nothing is written, and no command of the server takes long. What is added or removed meanwhile may be there or not.
    Raises ``ValueError`` for what is no address of a Redis, and ``Unavailable``.
    """
    options: dict[str, Any] = {} if password is None else {"password": password.reveal()}
    client = Redis.from_url(
        url,
        decode_responses=True,
        encoding_errors="replace",
        socket_timeout=_TIMEOUT_SECONDS,
        socket_connect_timeout=_TIMEOUT_SECONDS,
        **options,
    )
    try:
        with closing(client):
            yield from _records(client, prefix)
    except RedisError as error:
        # Its messages may have the address, and in that a password.
        raise Unavailable(f"the Redis of the other system does not answer: {type(error).__name__}") from error


def _records(client: Redis, prefix: str) -> Iterator[ForeignRecord]:
    seen: set[str] = set()
    waiting: list[str] = []
    # A key may be named more than once while the table grows or shrinks.
    for key in client.scan_iter(match=f"{_literally(prefix)}*", count=_BATCH):
        if key not in seen:
            seen.add(key)
            waiting.append(key)
        if len(waiting) == _BATCH:
            yield from _read(client, waiting, prefix)
            waiting.clear()
    yield from _read(client, waiting, prefix)


def _read(client: Redis, keys: list[str], prefix: str) -> Iterator[ForeignRecord]:
    if not keys:
        return
    pipeline = client.pipeline(transaction=False)
    for key in keys:
        pipeline.hgetall(key)
        pipeline.pttl(key)
    answers = pipeline.execute(raise_on_error=False)
    for key, fields, milliseconds in zip(keys, answers[::2], answers[1::2], strict=True):
        if isinstance(milliseconds, Exception):
            raise milliseconds
        # An error is another type; one without fields ended meanwhile.
        if isinstance(fields, dict) and fields:
            left = None if milliseconds == _FOREVER else timedelta(milliseconds=max(milliseconds, 0))
            yield ForeignRecord(key.removeprefix(prefix), fields, left)


def _literally(prefix: str) -> str:
    """Return a pattern that means these characters and no others."""
    return "".join(f"\\{character}" if character in "*?[]\\^-" else character for character in prefix)
