"""Rehearsing that a backend is down."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from paseport_shared.domain.errors import Unavailable


class MemoryOutage:
    """A switch handed to memory adapters: ``with outage:`` makes each call of theirs raise ``Unavailable``.

    Several adapters may share one, as several stores share one Redis. Nested blocks end with the outermost.
    """

    def __init__(self) -> None:
        self._depth = 0

    def check(self) -> None:
        """Raise ``Unavailable`` while the outage lasts. Adapters call it before they touch anything."""
        if self._depth:
            raise Unavailable("rehearsed outage")

    def __enter__(self) -> Self:
        self._depth += 1
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._depth -= 1
