"""docker/: secrets, and the packages of the images."""

from __future__ import annotations

import importlib.util
import shutil
import stat
import subprocess
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

DOCKER = Path(__file__).resolve().parents[4] / "docker"


def loaded(path: Path) -> ModuleType:
    """Import a script that belongs to no package."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of docker/ as it is in a fresh clone."""
    copy = tmp_path / "docker"
    copy.mkdir()
    for name in ("make-secrets.sh", ".env.example", "docker-compose.yml"):
        shutil.copy(DOCKER / name, copy)
    return copy


def make_secrets(folder: Path) -> None:
    subprocess.run(["sh", folder / "make-secrets.sh"], check=True, capture_output=True)


def test_every_secret_of_the_compose_file_is_made_for_its_owner_alone(folder: Path) -> None:
    make_secrets(folder)

    named = [
        line.split("file: ")[1].rstrip("}")
        for line in (folder / "docker-compose.yml").read_text().splitlines()
        if "{file: ./secrets/" in line and "/vault/" not in line
    ]
    assert len(named) > 15
    for name in named:
        path = folder / name
        assert path.stat().st_size >= 40
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE((folder / "secrets").stat().st_mode) == 0o700
    tomllib.loads((folder / "secrets" / "rauthy.toml").read_text())


def test_making_secrets_again_overwrites_nothing(folder: Path) -> None:
    make_secrets(folder)
    (folder / "secrets" / "service_secret").unlink()
    (folder / ".env").write_text("PASEPORT_UID=1234\n")
    before = contents(folder / "secrets")

    make_secrets(folder)

    after = contents(folder / "secrets")
    assert after.pop("service_secret")
    assert after == before
    assert (folder / ".env").read_text() == "PASEPORT_UID=1234\n"


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_no_container_runs_as_root(folder: Path) -> None:
    """SC-04."""
    make_secrets(folder)

    values = dict(
        line.split("=", 1) for line in (folder / ".env").read_text().splitlines() if line.startswith("PASEPORT_")
    )
    assert int(values["PASEPORT_UID"]) > 0
    assert int(values["PASEPORT_GID"]) > 0
    assert (folder / "secrets").stat().st_uid == int(values["PASEPORT_UID"])


def test_an_image_gets_its_packages_with_their_hashes_or_none_at_all() -> None:
    """SC-01."""
    lock = "a==1 \\\n    --hash=sha256:11\nb-c==2 ; x \\\n    --hash=sha256:22 \\\n    --hash=sha256:33\n"
    runtime_lock = loaded(DOCKER / "runtime_lock.py").runtime_lock

    assert runtime_lock(lock, ["b-c"]) == "b-c==2 ; x \\\n    --hash=sha256:22 \\\n    --hash=sha256:33\n"
    with pytest.raises(ValueError, match="not in the lock: d"):
        runtime_lock(lock, ["a", "d"])
