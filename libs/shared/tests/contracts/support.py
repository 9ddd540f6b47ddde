"""What the contract suites share: values that never collide, crowds of callers, outages."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TypeVar
from uuid import UUID, uuid4

from paseport_shared.domain.models.identifiers import new_id128

T = TypeVar("T")

NOW = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
"""When the suites begin. Microseconds are set: an adapter that drops them fails."""
SECOND = timedelta(seconds=1)
CROWD = 50
"""How many callers come at once."""

Unreachable = AbstractAsyncContextManager[None]
"""What the adapter's file supplies as fixture ``unreachable``: inside ``async with``, its backend does not answer."""


def new_id() -> str:
    """A session or family id that no other test uses, also on a store that tests share."""
    return new_id128(secrets.token_bytes(16))


def new_user() -> UUID:
    return uuid4()


async def crowd(call: Callable[[], Awaitable[T]], size: int = CROWD) -> list[T]:
    """``size`` callers do the same at once; what each of them got."""
    return await asyncio.gather(*(call() for _ in range(size)))


async def at_once(calls: Sequence[Awaitable[T]]) -> list[T]:
    """Different callers at once; what each of them got, in the order of the calls."""
    return await asyncio.gather(*calls)


@asynccontextmanager
async def rehearsed(outage: AbstractContextManager[object]) -> AsyncIterator[None]:
    """The fixture ``unreachable`` of an adapter whose outage is a plain switch."""
    with outage:
        yield
