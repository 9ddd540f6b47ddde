"""A copy of somebody else's document, fetched by one caller at a time and kept for a while."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, Generic, TypeVar

from paseport.clock import Clock
from paseport.deadline import Deadline

from paseport_shared.domain.errors import ProviderUnavailable

FRESH_SECONDS: Final = 3600.0
"""How long a copy is used without asking again, where nobody says otherwise."""
USABLE_SECONDS: Final = 24 * 3600.0
"""How long a copy is used where asking again fails."""
RETRY_SECONDS: Final = 60.0
"""How long nobody asks again for what there is an old copy of."""
PATIENCE_SECONDS: Final = 1.5
"""How long a sign-in waits for a newer copy before it goes on with the old one, within its five seconds."""

Document = TypeVar("Document")


class Fetched(Generic[Document]):
    """Keeps one document. Belongs to one event loop.

    A fetch is nobody's own: it goes on when the caller who began it has gone, and whoever asks meanwhile waits for it.
    It has ``deadline_seconds``, and ``fetch`` raises ``Unavailable``.
    """

    def __init__(
        self,
        fetch: Callable[[], Awaitable[Document]],
        clock: Clock,
        *,
        deadline_seconds: float,
        fresh_seconds: float = FRESH_SECONDS,
    ) -> None:
        self._fetch = fetch
        self._clock = clock
        self._deadline_seconds = deadline_seconds
        self._fresh_seconds = fresh_seconds
        self._copy: Document | None = None
        self._copied_at = 0.0
        self._copied_by = 0
        self._begun = 0
        self._last_begun: float | None = None
        self._under_way: asyncio.Task[Document] | None = None

    async def get(self, *, pause_seconds: float = 0.0) -> Document:
        """Return a copy, at most ``fresh_seconds`` old, or a day where no newer one can be had.

        Raises ``Unavailable`` where there is none; also where the last try is less than ``pause_seconds`` ago, for
        callers whom nobody knows.
        """
        copy, age = self._copy, self._clock.monotonic() - self._copied_at
        if copy is None or age >= USABLE_SECONDS:
            if self._under_way is None and self._waits(pause_seconds) > 0:
                raise ProviderUnavailable("there is no copy of its document, and it was asked for one a moment ago")
            return await asyncio.shield(self._begin())
        if age >= self._fresh_seconds and (self._under_way is not None or self._waits(RETRY_SECONDS) <= 0):
            newer = self._begin()
            await asyncio.wait([newer], timeout=PATIENCE_SECONDS)
            if newer.done() and not newer.cancelled() and newer.exception() is None:
                return newer.result()
        return copy

    @property
    def begun(self) -> int:
        """How many fetches have begun."""
        return self._begun

    async def get_under_way(self) -> Document | None:
        """Return what the fetch under way brings, None where there is none. Raises ``Unavailable``."""
        return None if self._under_way is None else await asyncio.shield(self._under_way)

    async def get_newer(self, since: int, *, pause_seconds: float) -> Document:
        """Return a copy whose fetch began after ``since`` others had.

        However many ask, fetches begin ``pause_seconds`` apart, and callers wait that long. Raises ``Unavailable``.
        """
        if self._begun == since and (seconds := self._waits(pause_seconds)) > 0:
            await asyncio.sleep(seconds)
        if self._begun == since or self._under_way is not None:
            return await asyncio.shield(self._begin())
        if self._copy is None or self._copied_by <= since:
            raise ProviderUnavailable("its document could not be fetched a moment ago")
        return self._copy

    def _waits(self, pause_seconds: float) -> float:
        """Return how many seconds are left of a pause since the last fetch began."""
        if self._last_begun is None:
            return 0.0
        return self._last_begun + pause_seconds - self._clock.monotonic()

    def _begin(self) -> asyncio.Task[Document]:
        """Return the fetch that is under way, and begin one where none is."""
        if self._under_way is None:
            self._begun += 1
            self._last_begun = self._clock.monotonic()
            self._under_way = asyncio.create_task(self._run())
            self._under_way.add_done_callback(self._end)
        return self._under_way

    async def _run(self) -> Document:
        number = self._begun
        try:
            async with Deadline(self._deadline_seconds):
                document = await self._fetch()
        except TimeoutError as error:
            raise ProviderUnavailable(f"no answer within {self._deadline_seconds} s") from error
        self._copy, self._copied_at, self._copied_by = document, self._clock.monotonic(), number
        return document

    def _end(self, task: asyncio.Task[Document]) -> None:
        self._under_way = None
        if not task.cancelled():
            # Nobody may be there any more who would hear of it.
            task.exception()
