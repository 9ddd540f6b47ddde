"""A Python environment with what was asked for and what that needs, and nothing else: what a stranger has."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
import zipfile
from collections.abc import Iterator
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PACKAGE = Path(__file__).resolve().parents[2]


def fresh_environment(folder: Path, *wanted: str) -> Path:
    """Return the Python of a new environment with ``wanted``, such as ``paseport[litestar]`` and ``uvicorn``.

    ``paseport`` is built as it is published. What it says that it needs is taken from the environment of the tests,
    which has it in the versions that are locked, so nothing is downloaded.
    """
    venv.create(folder, symlinks=True)
    (packages,) = (folder / "lib").glob("python*/site-packages")
    wheel = _built(folder)
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(packages)
    (published,) = packages.glob("paseport-*.dist-info")
    own = Distribution.at(published)
    for needed in _closure(wanted, own):
        _link(needed, packages)
    return folder / "bin" / "python"


def _built(folder: Path) -> Path:
    uv = shutil.which("uv", path=os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"])))
    assert uv is not None, "uv builds the package; `make setup` brings it"
    command = [uv, "build", "--quiet", "--offline", "--wheel", "--out-dir", str(folder), str(PACKAGE)]
    subprocess.run(command, check=True, timeout=60)
    (wheel,) = folder.glob("paseport-*.whl")
    return wheel


def _closure(wanted: tuple[str, ...], own: Distribution) -> Iterator[Distribution]:
    seen: set[tuple[str, str]] = set()
    told: set[str] = set()
    waiting = [Requirement(each) for each in wanted]
    while waiting:
        asked = waiting.pop()
        name = canonicalize_name(asked.name)
        found = own if name == "paseport" else distribution(name)
        if name != "paseport" and name not in told:
            told.add(name)
            yield found
        for extra in ("", *sorted(asked.extras)):
            if (name, extra) in seen:
                continue
            seen.add((name, extra))
            needs = [Requirement(line) for line in found.requires or ()]
            waiting += [need for need in needs if need.marker is None or need.marker.evaluate({"extra": extra})]


def _link(needed: Distribution, packages: Path) -> None:
    """Have every top-level entry of a distribution in the new environment too."""
    for entry in {Path(str(file)).parts[0] for file in needed.files or ()} - {"..", "__pycache__"}:
        target = packages / entry
        if not target.exists():
            target.symlink_to(Path(str(needed.locate_file(entry))))
