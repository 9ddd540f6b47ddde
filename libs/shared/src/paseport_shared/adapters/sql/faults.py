"""What a driver's exception means for the transaction it broke."""

from __future__ import annotations

import enum
from typing import Final

from sqlalchemy.exc import DBAPIError

_SQLITE_CONTENTION: Final = {5, 6}  # SQLITE_BUSY, SQLITE_LOCKED
# 1020: the row changed since the snapshot was taken. 1205: waited too long for a lock. 1213: chosen as a deadlock's
# victim, with Galera also at COMMIT.
_MARIADB_CONTENTION: Final = {1020, 1205, 1213}
# 1040, 1203: no connection was to be had. 1047: a Galera node that is joining. 1053, 1077, 1079: the server shuts down.
# 1158 to 1161: the line failed. 1927: the connection was killed. 4031: it was idle for too long.
_MARIADB_LOST: Final = {1040, 1047, 1053, 1077, 1079, 1158, 1159, 1160, 1161, 1203, 1927, 4031}
# What the server says has a number from 1000 on, except for these: they are the client's own. 2003: nobody listens.
# 2006, 2013, 2055: the connection went away before or during a statement.
_MARIADB_CLIENT: Final = range(2000, 3000)


class Fault(enum.Enum):
    """What went wrong, as far as repeating is concerned."""

    CONTENTION = "contention"
    """Another transaction was in the way; this one is rolled back, also where it broke at the commit."""
    LOST = "connection lost"
    """The connection is gone, or cannot be trusted any more, and with it everything that was not committed."""
    BROKEN = "broken"
    """Anything else: the file cannot be opened, the disk is full, a table is missing. Repeating does not help."""


def fault_of(error: DBAPIError) -> Fault:
    """Classify an exception that is no violated constraint."""
    code = _code(error)
    if _is_sqlite(error):
        if code is not None and code & 0xFF in _SQLITE_CONTENTION:
            return Fault.CONTENTION
        return Fault.LOST if error.connection_invalidated else Fault.BROKEN
    if code in _MARIADB_CONTENTION:
        return Fault.CONTENTION
    # A driver that reports something of its own (packets out of order, an answer it did not understand) may be in the
    # middle of an answer.
    if code is None or code < 1000 or code in _MARIADB_CLIENT or code in _MARIADB_LOST:
        return Fault.LOST
    return Fault.LOST if error.connection_invalidated else Fault.BROKEN


def describe(error: DBAPIError) -> str:
    """Return a reason for the log: class and code, and what made a connection fail. Messages quote clients' values."""
    name = getattr(error.orig, "sqlite_errorname", None)
    cause = error.orig.__cause__ if error.orig is not None else None
    because = f"({type(cause).__name__})" if isinstance(cause, OSError) else ""
    return " ".join(f"{type(error.orig).__name__} {name or _code(error) or ''} {because}".split())


def _is_sqlite(error: DBAPIError) -> bool:
    return hasattr(error.orig, "sqlite_errorcode") or type(error.orig).__module__.startswith("sqlite3")


def _code(error: DBAPIError) -> int | None:
    original = error.orig
    code = getattr(original, "sqlite_errorcode", None)
    if code is None and original is not None and original.args:
        code = original.args[0]
    return code if isinstance(code, int) else None
