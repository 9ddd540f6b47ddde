"""docker/: secrets, and the packages of the images."""

from __future__ import annotations

import importlib.util
import os
import shutil
import stat
import subprocess
import tomllib
from pathlib import Path
from types import ModuleType

import pytest
from paseport_api.settings import ProductionSettings as ApiSettings
from paseport_issuer.settings import ProductionSettings as IssuerSettings
from paseport_shared.settings import load_settings

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


def environment_of(service: str, folder: Path) -> dict[str, str]:
    """Return what a container of the compose file gets, with the secrets where they are on this machine."""
    checks = loaded(DOCKER.parent / "tools" / "check_docker.py")
    compose = checks.read_compose(checks.read_example())
    where = {name: str(folder / options["file"]) for name, options in compose["secrets"].items()}
    return {
        name: where[value.removeprefix("/run/secrets/")] if value.startswith("/run/secrets/") else value
        for name, value in compose["services"][service]["environment"].items()
    }


def test_both_services_accept_what_the_compose_file_gives_them(folder: Path) -> None:
    """FT-22."""
    make_secrets(folder)
    for name in ("vault_role_id", "vault_secret_id"):
        (folder / "secrets" / "vault" / name).write_text("0123456789abcdef")

    issuer = load_settings(IssuerSettings, environment_of("issuer", folder))
    api = load_settings(ApiSettings, environment_of("api", folder))

    assert issuer.issuer.access_token_issuer == api.api.access_token_issuer == "https://localhost:8443"
    assert issuer.issuer.service_secret == api.api.service_secret
    assert issuer.issuer.trusted_proxies == api.api.trusted_proxies == ("10.131.1.10/32",)
    assert (issuer.server_port, issuer.internal_port) == (3000, 3010)


def test_the_edge_gets_all_that_its_configuration_asks_for(folder: Path) -> None:
    image = {
        name: value
        for line in (DOCKER / "Dockerfile").read_text().splitlines()
        for name, _, value in [line.removeprefix("ENV ").strip(" \\").partition("=")]
        if name.startswith("PASEPORT_")
    }

    rendered = subprocess.run(
        ["sh", DOCKER / "nginx" / "render.sh"],
        env={"PATH": os.environ["PATH"], **image, **environment_of("edge", folder)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    assert "${" not in rendered
    assert "server 10.131.1.20:3000 " in rendered
    assert "return 308 https://localhost:8443$request_uri;" in rendered


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
