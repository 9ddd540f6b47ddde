#!/usr/bin/env python3
"""Print the part of a lock file that an image needs, hashes and all.

``requirements.lock`` also holds the tools of developers. ``runtime-packages.txt`` names what runs;
``tools/check_docker.py`` holds it equal to what the packages of this repository depend on.

Usage: ``runtime_lock.py requirements.lock runtime-packages.txt > runtime.lock``
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

_REQUIREMENT: Final = re.compile(r"(?P<name>[A-Za-z0-9._-]+)==")


def entries(lock: str) -> Iterator[tuple[str, str]]:
    """Yield each package's name and its lines."""
    name, lines = "", list[str]()
    for line in lock.splitlines():
        if match := _REQUIREMENT.match(line):
            if name:
                yield name, "\n".join(lines)
            name, lines = match["name"], []
        lines.append(line)
    if name:
        yield name, "\n".join(lines)


def names(text: str) -> list[str]:
    """Return the names of a list with one on each line; `#` begins a comment."""
    return [name for line in text.splitlines() if (name := line.partition("#")[0].strip())]


def runtime_lock(lock: str, wanted: Iterable[str]) -> str:
    """Return the entries of the wanted packages. Raises ``ValueError`` for one that the lock does not have."""
    found = dict(entries(lock))
    missing = [name for name in wanted if name not in found]
    if missing:
        raise ValueError(f"not in the lock: {', '.join(missing)}")
    return "".join(f"{found[name]}\n" for name in wanted)


if __name__ == "__main__":
    try:
        lock_file, list_file = (Path(argument) for argument in sys.argv[1:3])
        sys.stdout.write(runtime_lock(lock_file.read_text(), names(list_file.read_text())))
    except ValueError as error:
        sys.exit(f"runtime_lock.py: {error}")
