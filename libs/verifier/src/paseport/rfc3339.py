"""Points in time on the wire: RFC 3339 in the one form this project writes, ``2026-01-31T09:30:00Z``."""

import re
from datetime import UTC, datetime
from functools import lru_cache

# Whole seconds and Z only: no offset, no fraction, no lower-case letters. One form has one reading in every language.
_FORM = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")

_SECONDS_KEPT = 1024


def format_time(moment: datetime) -> str:
    """Write an aware datetime in UTC, fractions of a second cut off. ``ValueError`` for a naive one."""
    if moment.tzinfo is None:
        raise ValueError("a point in time needs a time zone")
    return moment.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat() + "Z"


# Tokens of the same second have their times in common, and keep them once.
@lru_cache(maxsize=_SECONDS_KEPT)
def parse_time(text: str) -> datetime:
    """Read what ``format_time`` writes, as an aware UTC datetime; ``ValueError`` for anything else."""
    if _FORM.fullmatch(text) is None:
        raise ValueError("not a time of the form YYYY-MM-DDTHH:MM:SSZ")
    return datetime.fromisoformat(text)
