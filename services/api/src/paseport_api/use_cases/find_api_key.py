"""Looking up what an API key is today."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from paseport.clock import Clock
from paseport.errors import Unavailable
from paseport_shared.domain.models.api_key import ApiKey
from paseport_shared.domain.ports.api_key_directory import ApiKeyDirectory, ApiKeyFinder

_PAUSE_SECONDS: Final = 0.5
"""How long a directory that did not answer is left alone: each request would wait for it again."""
_COMPLETE_SECONDS: Final = 1.0
"""How long a directory that said so counts as complete: who sends unknown keys would have it say so each time."""


@dataclass(frozen=True, slots=True)
class Found:
    """``key`` is None where there is none. ``is_final``: a complete directory said so, and the issuer was not asked."""

    key: ApiKey | None
    is_final: bool = False


class FindApiKey:
    """``ApiKeyFinder`` that asks the directory, and the issuer only where a miss is not final (design §5).

    While the directory is away the issuer is asked instead. It keeps nothing.
    """

    def __init__(self, directory: ApiKeyDirectory, source: ApiKeyFinder, clock: Clock) -> None:
        self._directory = directory
        self._source = source
        self._clock = clock
        self._ask_again_at = 0.0
        self._complete_until = 0.0

    @property
    def directory_answers(self) -> bool:
        """Whether the directory answered when it was last asked."""
        return self._clock.monotonic() >= self._ask_again_at

    async def look_up(self, key_id: str) -> Found:
        """Return the key of this id. Raises ``Unavailable`` where nobody can say, and never guesses."""
        return await self._ask(lambda finder: finder.find(key_id))

    async def find(self, key_id: str) -> ApiKey | None:
        """See ``ApiKeyFinder.find``."""
        return (await self.look_up(key_id)).key

    async def find_legacy(self, digest: str) -> ApiKey | None:
        """See ``ApiKeyFinder.find_legacy``."""
        return (await self._ask(lambda finder: finder.find_legacy(digest))).key

    async def _ask(self, ask: Callable[[ApiKeyFinder], Awaitable[ApiKey | None]]) -> Found:
        if self.directory_answers:
            try:
                key = await ask(self._directory)
                if key is not None:
                    return Found(key)
                if await self._is_complete():
                    return Found(None, is_final=True)
            except Unavailable:
                self._ask_again_at = self._clock.monotonic() + _PAUSE_SECONDS
                self._complete_until = 0.0
        return Found(await ask(self._source))

    async def _is_complete(self) -> bool:
        if self._clock.monotonic() < self._complete_until:
            return True
        is_complete = await self._directory.is_complete()
        if is_complete:
            self._complete_until = self._clock.monotonic() + _COMPLETE_SECONDS
        return is_complete
