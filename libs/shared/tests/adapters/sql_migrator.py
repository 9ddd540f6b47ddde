"""Migrates in processes of their own, which may die at any statement.

Reads orders from standard input, one JSON object a line, and answers each with a line. Each order is carried out by
children of this process, which has imported everything already: a death costs milliseconds instead of a second.
"""

import asyncio
import json
import os
import signal
import sys
from typing import Any

import sqlalchemy as sa
from paseport_shared.adapters.sql import migrations
from paseport_shared.adapters.sql.revision import BASE

_CHANGES = ("CREATE", "ALTER", "DROP", "INSERT", "UPDATE", "DELETE")


def migrate(url: str, revision: str, survived: int | None, statements: int) -> None:
    """Bring the database to ``revision``; die (SIGKILL) before the statement that follows ``survived`` changes.

    Each change is reported as a byte to the file descriptor ``statements``.
    """
    changes = 0

    def count(_: Any, __: Any, statement: str, *___: Any) -> None:
        nonlocal changes
        if statement.lstrip().startswith(_CHANGES):
            if changes == survived:
                os.kill(os.getpid(), signal.SIGKILL)
            changes += 1
            os.write(statements, b".")

    sa.event.listen(sa.Engine, "before_cursor_execute", count)
    if revision == BASE:
        asyncio.run(migrations.downgrade(url, revision))
    else:
        asyncio.run(migrations.upgrade(url, revision))


def carry_out(url: str, revision: str, survived: int | None, processes: int) -> dict[str, Any]:
    """Let so many processes do the same at once; return how each ended and how many changes they made in all."""
    reading, writing = os.pipe()
    children = []
    for _ in range(processes):
        child = os.fork()
        if child == 0:
            status = 1
            try:
                migrate(url, revision, survived, writing)
                status = 0
            finally:
                os._exit(status)
        children.append(child)
    os.close(writing)
    statuses = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    with os.fdopen(reading, "rb") as report:
        return {"statuses": statuses, "changes": len(report.read())}


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(carry_out(**json.loads(line))), flush=True)
