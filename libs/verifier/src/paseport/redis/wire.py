"""One connection to one Redis node."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Self

import hiredis
from redis.asyncio.connection import Connection, SSLConnection
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError
from redis.retry import Retry

from paseport.deadline import Deadline
from paseport.errors import Unavailable
from paseport.redis.script import Command, Reply
from paseport.redis.settings import Address, RedisSettings
from paseport.secret import Secret


class Wire:
    """Sends commands and reads their replies in order, once. It is used by one task at a time.

    Whatever goes wrong on the way closes it: after a failure nobody knows which reply belongs to which command, so the
    next caller must not read from it. Nothing is ever sent twice (FT-07).
    """

    def __init__(self, address: Address, connection: Connection) -> None:
        self.address = address
        self.generation = 0
        self._connection = connection

    @classmethod
    async def open(
        cls, address: Address, settings: RedisSettings, *, username: str | None, password: Secret[str] | None, db: int
    ) -> Self:
        """Connect and authenticate. Raises ``Unavailable``."""
        wire = cls(address, _connection(address, settings, username, password, db))
        try:
            async with Deadline(settings.deadline_seconds):
                await wire._connection.connect()  # type: ignore[no-untyped-call]  # redis-py annotates it in part
        except (RedisError, OSError, TimeoutError) as error:
            await wire.close()
            raise Unavailable(f"no connection to Redis at {address}: {_describe(error)}") from error
        except BaseException:
            await wire.close()
            raise
        return wire

    async def exchange(self, packed: bytes, count: int, deadline_seconds: float) -> list[Reply]:
        """Send ``count`` packed commands at once and return their replies; a refusal is returned as ``ResponseError``.

        Raises ``Unavailable`` when they are not all there within the deadline.
        """
        try:
            async with Deadline(deadline_seconds):
                await self._connection.send_packed_command([packed], check_health=False)
                return [await self._read() for _ in range(count)]
        except (RedisError, OSError, TimeoutError) as error:
            await self.close()
            raise Unavailable(f"Redis at {self.address} did not answer: {_describe(error)}") from error
        except BaseException:
            # The caller was cancelled between command and reply.
            await self.close()
            raise

    async def is_usable(self) -> bool:
        """Say whether the wire is open and silent: a reply that nobody waits for is read by nobody."""
        try:
            return self._connection.is_connected and not await self._connection.can_read()
        except (RedisError, OSError):
            return False

    async def close(self) -> None:
        """Close it without waiting for anybody; repeating it is harmless."""
        await self._connection.disconnect(nowait=True)

    async def end(self) -> None:
        """Close it and wait until it is: TLS says goodbye, and the socket is let go of before the loop ends."""
        with suppress(RedisError, OSError):
            await self._connection.disconnect()

    async def _read(self) -> Reply:
        try:
            return await self._connection.read_response()
        except ResponseError as refusal:
            return refusal


def pack(commands: Sequence[Command]) -> bytes:
    """Return commands as they go over a wire."""
    # The stub allows commands of one word only.
    return b"".join([hiredis.pack_command(command) for command in commands])  # type: ignore[arg-type]


def _connection(
    address: Address, settings: RedisSettings, username: str | None, password: Secret[str] | None, db: int
) -> Connection:
    options: dict[str, Any] = {
        "host": address.host,
        "port": address.port,
        "username": username,
        "password": None if password is None else password.reveal(),
        "db": db,
        "protocol": 2,
        "driver_info": None,
        "retry": Retry(NoBackoff(), 0),
        # Deadlines are set around connecting and whole exchanges, not around each read: an answer that drips would
        # never be late, and one that waited while this process stood still would be.
        "socket_timeout": None,
        "socket_connect_timeout": None,
    }
    if not settings.tls:
        return Connection(**options)
    return SSLConnection(
        **options,
        ssl_cert_reqs="none" if settings.tls_skip_verify else "required",
        ssl_ca_certs=settings.tls_ca_file,
        ssl_check_hostname=not settings.tls_skip_verify,
    )


def _describe(error: BaseException) -> str:
    """Return a reason for the log."""
    return f"{type(error).__name__} {error}".rstrip()
