"""Which request is being answered, for whoever writes about it or asks another service on its behalf."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

_REQUEST_ID: Final[ContextVar[str | None]] = ContextVar("paseport_request_id", default=None)


def current_request_id() -> str | None:
    """Return the id of the request that this task answers; None in background work."""
    return _REQUEST_ID.get()


@contextmanager
def answering(request_id: str) -> Iterator[None]:
    """Let everything in the block be part of this request."""
    before = _REQUEST_ID.set(request_id)
    try:
        yield
    finally:
        _REQUEST_ID.reset(before)
