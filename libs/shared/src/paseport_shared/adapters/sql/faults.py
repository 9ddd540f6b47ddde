"""What a driver's exception means for the transaction it broke."""

from __future__ import annotations

import enum
from typing import Final

from sqlalchemy.exc import DBAPIError

_SQLITE_CONTENTION: Final = {5, 6}  # SQLITE_BUSY, SQLITE_LOCKED
# 1020: the row changed since the snapshot was taken. 1205: waited too long for a lock. 1213: chosen as a deadlock's
# victim, with Galera also at COMMIT.
_MARIADB_CONTENTION: Final = {1020, 1205, 1213}
# 2003: nobody listens. 2006, 2013, 2055: the connection went away before or during a statement. 1927: it was killed.
# 1047: a Galera node that is joining.
_MARIADB_LOST: Final = {1047, 1927, 2003, 2006, 2013, 2055}


class Fault(enum.Enum):
    """What went wrong, as far as repeating is concerned."""

    CONTENTION = "contention"
    """Another transaction was in the way; this one is rolled back, also where it broke at the commit."""
    LOST = "connection lost"
    """The connection is gone, and with it everything that was not committed."""
    BROKEN = "broken"
    """Anything else: the file cannot be opened, the disk is full, a table is missing. Repeating does not help."""


def fault_of(error: DBAPIError) -> Fault:
    """Classify an exception that is no violated constraint."""
    code = _code(error)
    if _is_sqlite(error):
        if code is not None and code & 0xFF in _SQLITE_CONTENTION:
            return Fault.CONTENTION
    elif code in _MARIADB_CONTENTION:
        return Fault.CONTENTION
    elif code in _MARIADB_LOST:
        return Fault.LOST
    return Fault.LOST if error.connection_invalidated else Fault.BROKEN


def describe(error: DBAPIError) -> str:
    """Return a reason for the log: class and code. Messages quote values that clients sent."""
    name = getattr(error.orig, "sqlite_errorname", None)
    return f"{type(error.orig).__name__} {name or _code(error) or ''}".rstrip()


def _is_sqlite(error: DBAPIError) -> bool:
    return hasattr(error.orig, "sqlite_errorcode") or type(error.orig).__module__.startswith("sqlite3")


def _code(error: DBAPIError) -> int | None:
    original = error.orig
    code = getattr(original, "sqlite_errorcode", None)
    if code is None and original is not None and original.args:
        code = original.args[0]
    return code if isinstance(code, int) else None
