"""A test with deadlines is done again where the machine stood still, and nothing else is excused."""

import os
import signal
import subprocess
import sys
import threading
import time
import tomllib
from pathlib import Path

import pytest
from paseport_testkit.harness.repository import ROOT
from paseport_testkit.harness.standstill import Heartbeat
from paseport_testkit.harness.waiting import wait_until

STANDING_STILL = """
import os, subprocess, time
from pathlib import Path

import pytest
from paseport_testkit.harness.standstill import Violated

BEGAN = Path(__file__).with_name("began")

def stand_still(seconds):
    me = os.getpid()
    BEGAN.touch()
    subprocess.run(["sh", "-c", f"(kill -STOP {me}; sleep {seconds}; kill -CONT {me}) &"], check=True)
    time.sleep(seconds / 2)

"""


def run(tmp_path: Path, test: str) -> str:
    options = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]
    (tmp_path / "conftest.py").write_text((ROOT / "conftest.py").read_text())
    (tmp_path / "test_it.py").write_text(STANDING_STILL + test)
    (tmp_path / "pytest.ini").write_text(f"[pytest]\nmarkers = {options['markers'][0]}\n")
    command = [sys.executable, "-m", "pytest", *options["addopts"], "-p", "no:cacheprovider", "--color=no", tmp_path]
    return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60).stdout


@pytest.mark.parametrize(
    ("test", "outcome"),
    [
        (
            """
@pytest.mark.deadlines
def test_it():
    if not BEGAN.exists():
        stand_still(1)
        assert False, "too late"
""",
            "1 passed, 1 rerun",
        ),
        (
            """
@pytest.fixture
def asked_for():
    if not BEGAN.exists():
        stand_still(1)
        assert False, "too late"

@pytest.mark.deadlines
def test_it(asked_for):
    pass
""",
            "1 passed, 1 rerun",
        ),
        (
            """
@pytest.mark.deadlines
def test_before_it():
    if not BEGAN.exists():
        stand_still(1)

@pytest.mark.deadlines
def test_it():
    again = BEGAN.with_name("again")
    if not again.exists():
        again.touch()
        assert False, "too late"
""",
            "2 passed, 1 rerun",
        ),
        (
            """
@pytest.mark.deadlines
def test_it():
    if not BEGAN.exists():
        stand_still(1)
        raise Violated("a revoked token was accepted")
""",
            "1 failed",
        ),
        (
            """
@pytest.mark.deadlines
def test_it():
    if not BEGAN.exists():
        BEGAN.touch()
        assert False, "too late"
""",
            "1 failed",
        ),
        (
            """
def test_it():
    if not BEGAN.exists():
        stand_still(1)
        assert False, "no deadline"
""",
            "1 failed",
        ),
    ],
    ids=["a deadline", "what it asks for", "the aftermath", "what must never happen", "no standstill", "no deadline"],
)
def test_only_a_missed_deadline_is_excused_by_a_machine_that_stood_still(
    tmp_path: Path, test: str, outcome: str
) -> None:
    lines = run(tmp_path, test).splitlines()

    assert lines[-1].strip("= ").startswith(outcome), "\n".join(lines)


def test_it_beats_on_each_processor() -> None:
    """One that is not served is noticed whatever the others do: a process may be waiting for just that one."""
    before = set(threading.enumerate())
    Heartbeat().started()
    beating = set(threading.enumerate()) - before

    usable = os.sched_getaffinity(0)
    expected = sorted([sorted(usable), *([one] for one in usable)])

    def processors() -> list[list[int]]:
        return sorted(sorted(os.sched_getaffinity(thread.native_id or 0)) for thread in beating)

    wait_until(
        "each processor has one of its own, and one is for all of them",
        lambda: None if processors() == expected else str(processors()),
        10,
    )


def test_processors_that_stand_still_at_once_do_so_once() -> None:
    heartbeat = Heartbeat()
    heartbeat._due = dict.fromkeys((-1, 0, 1), time.monotonic() + 60)
    heartbeat._late = [(0, 10.0, 12.0), (1, 11.0, 13.0), (0, 20.0, 21.0)]

    assert heartbeat.stood_still_seconds(11.5, 20.5) == 2.0
    assert heartbeat.nothing_ran_seconds(11.5, 20.5) == 0.0


def test_where_nothing_ran_the_thread_that_may_run_anywhere_was_late() -> None:
    heartbeat = Heartbeat()
    heartbeat._due = dict.fromkeys((-1, 0), time.monotonic() + 60)
    heartbeat._late = [(-1, 10.0, 12.0), (0, 10.0, 13.0)]

    assert heartbeat.nothing_ran_seconds(0.0, 20.0) == 2.0


def test_a_processor_that_stands_still_now_is_noticed() -> None:
    heartbeat = Heartbeat()
    heartbeat._due = {0: time.monotonic() - 3}

    assert heartbeat.stood_still_seconds(time.monotonic() - 2) >= 2.0


def test_who_is_no_python_reads_of_standstills_in_a_file(tmp_path: Path) -> None:
    """In milliseconds since 1970; it ends with whoever started it."""
    file = tmp_path / "standstills"
    command = [sys.executable, "-m", "paseport_testkit.harness.standstill", file]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as heartbeat:
        wait_until("it watches", lambda: None if file.exists() else "no file", 10)
        began = time.time()
        heartbeat.send_signal(signal.SIGSTOP)
        time.sleep(1)
        heartbeat.send_signal(signal.SIGCONT)
        wait_until("it has written", lambda: None if file.read_text().endswith("\n") else "nothing", 10)

    standstills = [[int(moment) / 1000 for moment in line.split()] for line in file.read_text().splitlines()]

    assert any(awake - asleep > 0.8 and began - 0.1 < asleep and awake < time.time() for asleep, awake in standstills)
    assert heartbeat.returncode == 0
