"""Looking up who a subject is today."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from paseport.clock import Clock
from paseport.errors import Unavailable
from paseport.subject import SubjectDirectory, SubjectSource, SubjectState

_PAUSE_SECONDS: Final = 0.5
"""How long a directory that did not answer is left alone: each request would wait for it again."""


class FindSubject:
    """Asks the role directory, and the record's keeper only where a miss is not final (design §5).

    While the directory is away, or where there is none, the record's keeper is asked instead. It keeps nothing.
    """

    def __init__(self, directory: SubjectDirectory | None, source: SubjectSource, clock: Clock) -> None:
        self._directory = directory
        self._source = source
        self._clock = clock
        self._ask_again_at = 0.0

    @property
    def directory_answers(self) -> bool:
        """Whether there is a directory that answered when it was last asked."""
        return self._directory is not None and self._clock.monotonic() >= self._ask_again_at

    def recall(self, subject: str) -> SubjectState | None:
        """Return None: nothing is kept here (``SubjectCopies`` does)."""
        return None

    async def __call__(self, user_id: UUID) -> SubjectState | None:
        """Return the subject's state, or None where there is no such user. Raises ``Unavailable``, never guesses."""
        directory = self._directory
        if directory is not None and self.directory_answers:
            try:
                state = await directory.find(user_id)
                if state is not None or await directory.is_complete():
                    return state
            except Unavailable:
                self._ask_again_at = self._clock.monotonic() + _PAUSE_SECONDS
        return await self._source.resolve(user_id)
