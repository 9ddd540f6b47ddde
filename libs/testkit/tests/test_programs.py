"""What is missing on a machine is one message with the command that helps."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from paseport_testkit.harness.programs import TOXIPROXY, VAULT, MissingPrograms, find_program

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def bare_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine with nothing on it, and its folder of programs."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PASEPORT_CACHE", str(tmp_path))
    monkeypatch.setattr("paseport_testkit.harness.programs._SERVER_FOLDERS", ())
    return tmp_path


@pytest.mark.usefixtures("bare_machine")
def test_one_message_names_everything_that_is_missing_and_the_command() -> None:
    with pytest.raises(MissingPrograms) as caught:
        find_program("redis-server")

    message = str(caught.value)
    for program in ("mariadbd", "mariadb-install-db", "redis-server", "nginx", "faketime", VAULT, TOXIPROXY):
        assert program in message
    assert "make services" in message


def test_a_program_in_the_cache_counts_only_when_it_can_be_run(bare_machine: Path) -> None:
    built = bare_machine / VAULT
    built.write_text("#!/bin/sh\n")
    with pytest.raises(MissingPrograms, match=VAULT):
        find_program(VAULT)

    built.chmod(stat.S_IRWXU)

    assert find_program(VAULT) == built


WITHOUT_FOLDERS_OF_SERVERS = "import paseport_testkit.harness.programs as programs\nprograms._SERVER_FOLDERS = ()\n"
TEST_ON_REDIS = "def test_on_redis(redis_node): pass\ndef test_too(redis_node): pass\ndef test_without(): pass\n"


def run_tests(folder: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run tests on a machine that has no Redis, as `make test` would."""
    (folder / "test_example.py").write_text(TEST_ON_REDIS)
    (folder / "conftest.py").write_text(WITHOUT_FOLDERS_OF_SERVERS)
    command = ("-m", "pytest", "-q", "-p", "paseport_testkit.services", "-p", "no:cacheprovider", "test_example.py")
    environment = {name: value for name, value in os.environ.items() if name not in {"CI", "ALLOW_MISSING_SERVICES"}}
    environment |= {"PATH": str(folder), "PASEPORT_CACHE": str(folder), **settings}
    return subprocess.run(
        [sys.executable, *command], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def test_a_missing_program_fails_the_tests_that_need_it_with_that_message(tmp_path: Path) -> None:
    done = run_tests(tmp_path)

    assert done.returncode == 1
    assert "redis-server" in done.stdout
    assert "make services" in done.stdout
    assert "1 passed, 2 errors" in done.stdout


def test_where_it_is_allowed_they_are_skipped_and_written_down_once(tmp_path: Path) -> None:
    log = tmp_path / "skipped"

    done = run_tests(tmp_path, ALLOW_MISSING_SERVICES="1", SKIPPED_LOG=str(log))

    assert done.returncode == 0
    assert "1 passed, 2 skipped" in done.stdout
    (line,) = log.read_text().splitlines()
    assert line.startswith("every test on redis (missing: ")


def test_in_ci_nothing_may_be_left_out(tmp_path: Path) -> None:
    log = tmp_path / "skipped"

    done = run_tests(tmp_path, ALLOW_MISSING_SERVICES="1", SKIPPED_LOG=str(log), CI="true")

    assert done.returncode != 0
    assert "ALLOW_MISSING_SERVICES is refused in CI" in done.stdout
    assert not log.exists()
