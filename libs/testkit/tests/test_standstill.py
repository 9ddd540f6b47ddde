"""A test with deadlines is done again where the machine stood still, and nothing else is excused."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from paseport_testkit.harness.repository import ROOT

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
    ids=["a deadline", "what must never happen", "without standing still", "no deadline"],
)
def test_only_a_missed_deadline_is_excused_by_a_machine_that_stood_still(
    tmp_path: Path, test: str, outcome: str
) -> None:
    lines = run(tmp_path, test).splitlines()

    assert lines[-1].strip("= ").startswith(outcome), "\n".join(lines)
