"""Waiting until something was added."""

from __future__ import annotations

import asyncio


class WakeUp:
    """Wakes everybody who waits, at once. Waking takes no ``await``, so it is one step with the change it announces."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def everybody(self) -> None:
        """Wake whoever waits now; who comes later waits for the next time."""
        woken, self._event = self._event, asyncio.Event()
        woken.set()

    async def wait(self, seconds: float) -> bool:
        """Return True when woken, False after ``seconds``."""
        try:
            async with asyncio.timeout(seconds):  # noqa: TID251 - a pause
                await self._event.wait()
        except TimeoutError:
            return False
        return True
