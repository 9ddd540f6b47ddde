"""Looking up who a subject is today."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from paseport.clock import Clock
from paseport.errors import Unavailable
from paseport.subject import SubjectDirectory, SubjectSource, SubjectState

COPY_SECONDS: Final = 1.0
"""How long a copy is used without asking anybody, while the directory is away: a changed role is in force after it."""
COPIES_KEPT: Final = 10_000
_PAUSE_SECONDS: Final = 0.5
"""How long a directory that did not answer is left alone: each request would wait for it again."""


@dataclass(frozen=True, slots=True)
class _Copy:
    state: SubjectState | None
    taken_at: float


class FindSubject:
    """Asks the role directory, and the record's keeper only where a miss is not final (design §5).

    While the directory is away the record's keeper is asked instead, and where that is away too the last answer counts:
    what it could have missed would have come as a revocation, and whoever hears of none any more is refused elsewhere.
    """

    def __init__(self, directory: SubjectDirectory, source: SubjectSource, clock: Clock) -> None:
        self._directory = directory
        self._source = source
        self._clock = clock
        self._copies: OrderedDict[UUID, _Copy] = OrderedDict()
        self._ask_again_at = 0.0

    async def __call__(self, user_id: UUID) -> SubjectState | None:
        """Return the subject's state, or None where there is no such user. Raises ``Unavailable``, never guesses."""
        if self._clock.monotonic() >= self._ask_again_at:
            try:
                state = await self._directory.find(user_id)
                is_final = state is not None or await self._directory.is_complete()
            except Unavailable:
                self._ask_again_at = self._clock.monotonic() + _PAUSE_SECONDS
            else:
                return self._keep(user_id, state if is_final else await self._source.resolve(user_id))
        return await self._without_directory(user_id)

    async def _without_directory(self, user_id: UUID) -> SubjectState | None:
        copy = self._copies.get(user_id)
        if copy is not None and self._clock.monotonic() - copy.taken_at <= COPY_SECONDS:
            return copy.state
        try:
            return self._keep(user_id, await self._source.resolve(user_id))
        except Unavailable:
            if copy is None:
                raise
            return copy.state

    def _keep(self, user_id: UUID, state: SubjectState | None) -> SubjectState | None:
        self._copies[user_id] = _Copy(state, self._clock.monotonic())
        self._copies.move_to_end(user_id)
        if len(self._copies) > COPIES_KEPT:
            self._copies.popitem(last=False)
        return state
