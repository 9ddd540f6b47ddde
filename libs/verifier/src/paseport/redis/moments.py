"""Times as scripts compare them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def microseconds(moment: datetime) -> int:
    """Return whole microseconds since 1970. Lua's numbers hold them exactly until the year 2255."""
    return (moment - _EPOCH) // _MICROSECOND


def moment(since_1970: int) -> datetime:
    """Return the moment that ``microseconds`` counted."""
    return _EPOCH + timedelta(microseconds=since_1970)


def span(length: timedelta) -> int:
    """Return a length in whole microseconds."""
    return length // _MICROSECOND


def tidied_after(length: timedelta) -> int:
    """Return after how many milliseconds Redis may drop a key by itself: a minute later than anybody asks for it.

    Always a span, never a date: whose clock says what decides nothing, and expiry is decided with the caller's.
    """
    return max(1, length // timedelta(milliseconds=1)) + 60_000
