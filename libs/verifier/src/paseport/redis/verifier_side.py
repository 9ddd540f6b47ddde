"""What a downstream verifier opens in Redis."""

from __future__ import annotations

from contextlib import AsyncExitStack
from urllib.parse import unquote, urlsplit

from paseport.redis.access import RedisAccess
from paseport.redis.revocation_feed import RedisRevocationFeed
from paseport.redis.settings import Address, RedisSettings
from paseport.redis.subject_directory import RedisSubjectDirectory
from paseport.secret import Secret

_PORT = 6379


async def open_redis(
    stack: AsyncExitStack, redis: str | RedisSettings
) -> tuple[RedisRevocationFeed, RedisSubjectDirectory]:
    """Return the feed and the directory, closed with ``stack``. ``ValueError`` for a URL that is none."""
    settings = settings_of(redis) if isinstance(redis, str) else redis
    access = await stack.enter_async_context(RedisAccess(settings))
    return RedisRevocationFeed(access), RedisSubjectDirectory(access)


def settings_of(url: str) -> RedisSettings:
    """Return the settings in ``redis://user:password@host:port/db``, or ``rediss://`` for TLS; else ``ValueError``."""
    parts = urlsplit(url)
    db = parts.path.removeprefix("/") or "0"
    if parts.scheme not in ("redis", "rediss") or not parts.hostname or not db.isdecimal() or parts.query:
        # Without the URL: it has a password.
        raise ValueError("redis must be redis://user:password@host:port/db, or rediss:// for TLS")
    return RedisSettings(
        node=Address(parts.hostname, parts.port or _PORT),
        username=None if not parts.username else unquote(parts.username),
        password=None if parts.password is None else Secret(unquote(parts.password)),
        db=int(db),
        tls=parts.scheme == "rediss",
    )
