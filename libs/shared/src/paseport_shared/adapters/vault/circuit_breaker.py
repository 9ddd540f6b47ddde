"""Sparing callers the wait for a Vault that does not answer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Final

from paseport.clock import Clock

from paseport_shared.adapters.vault.answers import VaultFailed, VaultRefused
from paseport_shared.domain.errors import Unavailable

FAILURES: Final = 5
PAUSE: Final = timedelta(seconds=1)


class CircuitBreaker:
    """Opens after ``failures`` in a row and lets one caller look each ``pause``; his success closes it (FT-12).

    Belongs to one event loop.
    """

    def __init__(self, clock: Clock, *, failures: int = FAILURES, pause: timedelta = PAUSE) -> None:
        self._clock = clock
        self._limit = failures
        self._pause = pause
        self._failures = 0
        self._next_look = 0.0
        self._is_looking = False

    @property
    def is_open(self) -> bool:
        """Whether callers are refused without being let through."""
        return self._failures >= self._limit

    @contextmanager
    def guard(self) -> Iterator[None]:
        """Run a call to Vault and learn from how it ends. Raises ``Unavailable`` at once while open."""
        is_look = self.is_open
        if is_look:
            self._let_look()
        try:
            yield
        except VaultFailed:
            self._failures += 1
            self._next_look = self._clock.monotonic() + self._pause.total_seconds()
            raise
        except VaultRefused:
            self._failures = 0
            raise
        else:
            self._failures = 0
        finally:
            # Whatever else ended it (the caller went away, our own queue is full) says nothing about Vault.
            if is_look:
                self._is_looking = False

    def _let_look(self) -> None:
        if self._is_looking or self._clock.monotonic() < self._next_look:
            raise Unavailable("Vault did not answer lately and is not asked for a moment", self._pause)
        self._is_looking = True
