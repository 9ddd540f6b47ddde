"""Check that the lock files pin every package by hash and name no registry.

A lock that carries a registry's address sends everybody to that host, also those behind a mirror; a lock
without a hash installs whatever the registry answers that day.
"""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PYTHON_LOCKS = ("requirements.lock", "bootstrap.lock")
NPM_LOCKS = ("frontend/package-lock.json", "e2e/package-lock.json")

PINNED = re.compile(r"^[A-Za-z0-9._-]+(\[[A-Za-z0-9._,-]+\])?==[^\s;]+( ;.*)?$")


def problems_of_python_lock(text: str) -> Iterator[str]:
    """Yield what is wrong with a requirements file: options, addresses, a package without pin or hash."""
    for entry in text.replace("\\\n", " ").splitlines():
        if not entry.strip() or entry.startswith("#"):
            continue
        requirement, *hashes = re.split(r"\s+--hash=", entry.strip())
        requirement = requirement.strip()
        if requirement.startswith("-"):
            yield f"option {requirement!r} (an index or a folder of one machine?)"
        elif not PINNED.match(requirement):
            yield f"{requirement!r} is not pinned to one version"
        elif not hashes or any(not value.strip().startswith("sha256:") for value in hashes):
            yield f"{requirement!r} has no sha256 hash"


def problems_of_npm_lock(lock: dict[str, Any]) -> Iterator[str]:
    """Yield what is wrong with a package-lock: addresses, a package without integrity, a forgotten platform."""
    locked = {name.rpartition("node_modules/")[2] for name in lock["packages"]}
    for name, entry in lock["packages"].items():
        # npm leaves out what it could not see when it wrote the lock (another platform's binary, say), and then
        # refuses to install from it, or installs only on that platform.
        for optional in entry.get("optionalDependencies", {}):
            if optional not in locked:
                yield f"{name or 'the package'} wants {optional}, which is not locked"
        if not name or entry.get("link"):
            continue
        if "resolved" in entry:
            yield f"{name} names an address: {entry['resolved']} (npm option omit-lockfile-registry-resolved)"
        # A package bundled inside another one's archive is covered by that archive's hash.
        if not entry.get("inBundle") and not str(entry.get("integrity", "")).startswith("sha512-"):
            yield f"{name} has no sha512 integrity"


def main() -> int:
    """Print every problem of every lock file; the exit status says whether there was one."""
    problems: list[str] = []
    for name in PYTHON_LOCKS:
        problems += [f"{name}: {text}" for text in problems_of_python_lock((ROOT / name).read_text())]
    for name in NPM_LOCKS:
        problems += [f"{name}: {text}" for text in problems_of_npm_lock(json.loads((ROOT / name).read_text()))]
    for problem in problems:
        print(problem, file=sys.stderr)
    print(f"lock files: {len(problems)} problem(s)")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
