"""A test run ends with everything that it started, however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from paseport_testkit.harness.waiting import wait_until

TESTS = """
from pathlib import Path
import time

def test_that_starts_all_and_fails(mariadb, redis_cluster, partitionable_redis, vault, toxiproxy):
    redis_cluster.primary().pause()
    Path("started").touch()
    if Path("wait").exists():
        time.sleep(600)
    assert False
"""


def mentioning(folder: Path) -> list[str]:
    """The command lines of all processes that were started for this folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                working_folder = os.readlink(entry / "cwd")
            except OSError:  # gone meanwhile, or somebody else's
                continue
            if str(folder) in command or str(folder) in working_folder:
                found.append(command)
    return found


@contextmanager
def a_test_run(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run the tests above, with all data below ``folder``."""
    (folder / "test_example.py").write_text(TESTS)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "paseport_testkit.services", f"--basetemp={folder / 'data'}"]
    with subprocess.Popen([*command, "test_example.py"], cwd=folder, stdout=subprocess.PIPE) as run:
        try:
            yield run
        finally:
            run.kill()


def test_after_a_test_that_failed_nothing_is_left(tmp_path: Path) -> None:
    with a_test_run(tmp_path) as run:
        output, _ = run.communicate(timeout=120)

    assert run.returncode == 1, output
    assert b"1 failed" in output
    assert mentioning(tmp_path) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=str)
def test_after_a_test_run_that_was_killed_nothing_is_left(tmp_path: Path, number: signal.Signals) -> None:
    (tmp_path / "wait").touch()
    with a_test_run(tmp_path) as run:
        wait_until("everything runs", lambda: None if (tmp_path / "started").exists() else "not yet", 120)
        assert len(mentioning(tmp_path)) > 10

        run.send_signal(number)
        run.communicate()

    wait_until("all are gone", lambda: "\n".join(mentioning(tmp_path)) or None, 20)
